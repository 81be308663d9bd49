"""When gateways are asked for what is missing: late enough, rarely enough, by one worker, and only those that can answer."""

import msgspec
import pytest
from sqlalchemy import insert, select, update

from ingest.direct.tables import direct_lane
from ingest.ledger.gaps import Asking, GapKeeper
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.tables import gap_request, ledger_stream
from plumbline import codec
from plumbline.delivery import Presence
from plumbline.event import CLASSES

SECOND = 10**9
ASKING = Asking(after_s=10, born_s=2, silent_s=30, cap_s=100)
END = 2**63 - 1


class Place:
    """A clock, what was asked, and keepers over one database."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.now = 1_000 * SECOND
        self.asked: list[tuple[str, str, tuple]] = []
        self.connected = True

    def keeper(self) -> GapKeeper:
        return GapKeeper(
            engine=self.engine,
            say=self._say,
            stop=Stop(),
            metrics=Metrics(),
            patience=Patience(),
            asking=ASKING,
            clock=lambda: self.now,
        )

    def _say(self, topic: str, payload: bytes) -> bool:
        if self.connected:
            request = codec.decode_replay(payload)
            self.asked.append((topic, request.event_class, request.ranges))
        return self.connected

    async def stream(self, upto, *beyond, gateway="gw", epoch="e1", last_seen=None):
        row = {"site": "yard", "gateway": gateway, "epoch": epoch, "event_class": "business"}
        values = {"upto": upto, "beyond": msgspec.json.encode(beyond).decode(), "last_seen": last_seen or self.now}
        async with self.engine.begin() as connection:
            where = [ledger_stream.c[name] == value for name, value in row.items()]
            if (await connection.execute(update(ledger_stream).where(*where).values(values))).rowcount == 0:
                await connection.execute(insert(ledger_stream).values(row | values | {"first_seen": 1}))

    async def later(self, seconds, *keepers):
        self.now += int(seconds * SECOND)
        before = len(self.asked)
        for keeper in keepers:
            await keeper.look()
        return [what for _, _, what in self.asked[before:]]

    def presence(self, online=True, epoch="e1", gateway="gw"):
        return Presence(site="yard", gateway=gateway, online=online, at=self.now, epoch=epoch)


@pytest.fixture
def place(engine):
    return Place(engine)


async def test_a_hole_is_asked_for_when_it_has_stood_and_then_ever_more_rarely(place):
    keeper = place.keeper()
    await place.stream(5, (8, 9), (12, 20))
    assert await place.later(0, keeper) == []
    assert await place.later(9, keeper) == []
    assert await place.later(1, keeper) == [((6, 7), (10, 11))]
    assert place.asked[0][:2] == ("plumbline/v1/yard/gw/replay", "business")
    waits = []
    for _ in range(5):
        wait = 0
        while not await place.later(1, keeper):
            wait += 1
        waits.append(wait + 1)
    assert waits == [20, 40, 80, 100, 100]
    async with place.engine.connect() as connection:
        (row,) = (await connection.execute(select(gap_request))).mappings().all()
    assert (row["times"], row["in_vain"], row["asked_at"]) == (6, 6, place.now)


async def test_a_watermark_that_moves_is_left_alone_and_makes_the_next_hole_new(place):
    keeper = place.keeper()
    for upto in range(5, 60, 5):  # a backlog that is being drained behind live data
        await place.stream(upto, (100, 110))
        assert await place.later(6, keeper) == []
    assert await place.later(10, keeper) == [((56, 99),)]
    await place.stream(98, (100, 110))
    assert await place.later(1, keeper) == []
    assert await place.later(10, keeper) == [((99, 99),)]
    await place.stream(110)
    assert await place.later(1000, keeper) == []


async def test_of_several_workers_one_asks(place):
    keepers = [place.keeper() for _ in range(3)]
    await place.stream(5, (8, 9))
    await place.later(0, *keepers)
    assert await place.later(10, *keepers) == [((6, 7),)]
    assert await place.later(10, *keepers) == []
    assert await place.later(10, *keepers) == [((6, 7),)]


async def test_who_cannot_answer_is_not_asked(place):
    keeper = place.keeper()
    await place.stream(5, (8, 9))
    await place.stream(5, (8, 9), gateway="renewed")
    keeper.said(place.presence(online=False), True)
    keeper.said(place.presence(epoch="e2", gateway="renewed"), True)
    await place.stream(20, gateway="renewed", epoch="e2", last_seen=place.now + 999 * SECOND)
    await place.later(0, keeper)
    await place.later(100, keeper)
    assert [asked for asked in place.asked if asked[2] != ((1, END),)] == []


async def test_direct_devices_are_never_asked(place):
    keeper = place.keeper()
    async with place.engine.begin() as connection:
        await connection.execute(insert(direct_lane).values(site="yard", gateway="gw"))
    await place.stream(5, (8, 9))
    keeper.said(place.presence(), False)
    await place.later(0, keeper)
    assert await place.later(1000, keeper) == []


async def test_a_gateway_that_was_just_born_is_asked_soon_although_it_was_asked_before(place):
    keeper = place.keeper()
    await place.stream(5, (8, 9))
    await place.later(0, keeper)
    assert await place.later(10, keeper) == [((6, 7),)]
    keeper.said(place.presence(), False)
    assert await place.later(1, keeper) == []
    assert await place.later(1, keeper) == [((6, 7),)]
    assert await place.later(1, keeper) == []


async def test_what_the_broker_had_kept_is_no_birth(place):
    keeper = place.keeper()
    await place.stream(5, (8, 9))
    keeper.said(place.presence(), True)
    await place.later(0, keeper)
    assert await place.later(5, keeper) == []


async def test_a_gateway_that_is_there_and_silent_is_asked_once_for_what_comes_next(place):
    keepers = [place.keeper() for _ in range(2)]
    await place.stream(7, last_seen=place.now - SECOND)
    for keeper in keepers:
        keeper.said(place.presence(), True)
    assert await place.later(29, *keepers) == []
    assert sorted(await place.later(1, *keepers)) == [((1, END),), ((8, END),)]
    assert [name for _, name, _ in place.asked] == list(CLASSES)
    assert await place.later(10_000, *keepers) == []


async def test_a_gateway_that_sends_tells_of_its_holes_itself(place):
    keeper = place.keeper()
    keeper.said(place.presence(), True)
    await place.stream(7, last_seen=place.now + SECOND)
    assert await place.later(30, keeper) == [((1, END),)]  # the other class, of which nothing came


async def test_without_a_connection_nothing_counts_as_asked(place):
    keeper = place.keeper()
    place.connected = False
    await place.stream(5, (8, 9))
    await place.later(0, keeper)
    await place.later(10, keeper)
    place.connected = True
    assert await place.later(1, keeper) == [((6, 7),)]
    async with place.engine.connect() as connection:
        assert (await connection.execute(select(gap_request.c.times))).scalar_one() == 1


async def test_the_memory_of_gateways_is_bounded(place, monkeypatch):
    monkeypatch.setattr("ingest.ledger.gaps._MOST_GATEWAYS", 10)
    keeper = place.keeper()
    for n in range(50):
        keeper.said(place.presence(gateway=f"g{n}"), True)
    assert list(keeper._said) == [("yard", f"g{n}") for n in range(40, 50)]
