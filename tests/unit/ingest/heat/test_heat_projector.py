"""However events come, heat is the count that anybody would make by hand, on both databases."""

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import func, select, update

from ingest import deadletters
from ingest.heat.limits import METRICS, limit_at
from ingest.heat.presence import PARTS
from ingest.heat.projector import KEEP_NS, STEPS, HeatProjector
from ingest.heat.tables import heat_hour, heat_mark, heat_presence
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.projection.projector import Projector
from ingest.receiving.parcel import open_parcel
from plumbline.event import CLASSES, CheckIn, Fix, Reading, Scan, State
from plumbline.heat import LEVELS
from plumbline.series import SeriesUnavailableError
from tests.batches import NOON, SECOND, SITE, MemoryStore, batch, check_in, fix, reading, scan, state

MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
GATE = SITE.grid.cell(31.2002, 121.4002)
SITE_ZONE = ZoneInfo(SITE.timezone)
PATIENCE = Patience(first_s=0.001, cap_s=0.002)


class Killed(BaseException):
    """The process ends here."""


class Worker:
    """An ingest process without MQTT."""

    def __init__(self, engine, store, *, sites=None, clock=lambda: NOON) -> None:
        self.dies_at: str | None = None
        common = {"engine": engine, "store": store, "sites": {"yard": SITE} if sites is None else sites, "clock": clock}
        common |= {"metrics": Metrics()}
        retention = deadletters.Retention(deadletters.LIMIT_BYTES)
        self.pipelines = {
            name: Pipeline(**common, event_class=name, retention=retention, checkpoint=self._checkpoint) for name in CLASSES
        }
        self.projector = Projector(**common, stop=Stop(), retention=retention, patience=PATIENCE)
        self.heat = HeatProjector(**common, stop=Stop(), patience=PATIENCE, checkpoint=self._checkpoint)

    async def _checkpoint(self, step):
        if step == self.dies_at:
            self.dies_at = None
            raise Killed(step)

    async def take(self, events):
        """Commit events of one class as one batch."""
        message = batch(events)
        parcel = open_parcel(*message, sites={"yard": SITE}, received_at=NOON + 30 * DAY, ack=lambda: None)
        await self.pipelines[events[0].event_class].commit([parcel])

    async def settle(self):
        """Until nothing waits."""
        while await self.projector.project():
            pass
        while await self.heat.project():
            pass


async def count(engine, table):
    async with engine.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(table))


def heat_of(store, first=0, last=2**63):
    """What the store holds of heat: measurement, cell, source, minute → weight."""
    assert {type(at) for _, _, at in store.points} <= {int}  # a number of another kind is no time to a real store
    return {
        (name, dict(tags)["cell"], dict(tags)["source"], at // MINUTE): fields["weight"]
        for (name, tags, at), fields in store.points.items()
        if name in LEVELS and first <= at < last
    }


PEOPLE = {device.id for device in SITE.devices if device.kind == "person"}


def weights_of(event):
    """What one event says: the cell, the source, the weight."""
    if type(event) is Fix and (event.accuracy_m is None or event.accuracy_m <= 50):
        yield SITE.grid.cell(event.lat, event.lon), "people" if event.device in PEOPLE else "machines", Fraction(1)
    elif type(event) is Reading:
        for metric, value in event.values.items():
            if (limit := METRICS.get(metric)) and value > 0:
                share = min(value / limit_at(limit, SITE_ZONE, event.at // MINUTE), 100)
                yield GATE, limit.source, Fraction(round(share * PARTS), PARTS)
    elif type(event) is not State or event.state == "working":
        yield from {Scan: [(GATE, "scans", Fraction(1))], CheckIn: [(GATE, "people", Fraction(1))]}.get(type(event), [])
        yield from [(GATE, "machines", Fraction(1))] if type(event) is State else []


def by_hand(events):
    """The same, counted in the plainest way."""
    seen = defaultdict(Fraction)
    for event in events:
        for cell, source, weight in weights_of(event):
            key = event.device, cell, source, event.at // MINUTE
            seen[key] = max(weight, seen[key])
    sums = Counter()
    for (_, cell, source, minute), weight in seen.items():
        for name, every in LEVELS.items():
            sums[name, str(cell), source, minute // every * every] += weight
    return {key: float(weight) for key, weight in sums.items() if weight}


def a_stretch(dice, begin, epoch):
    """Two hours of a small site, each event with a number of its own, by class."""
    numbers = {name: itertools.count(1) for name in CLASSES}
    events = {name: [] for name in CLASSES}
    makers = [
        lambda n, at: fix(
            n, lat=31.2 + dice.random() / 300, device=dice.choice(["crane", "helmet", "stray"]), epoch=epoch, at=at
        ),
        lambda n, at: fix(n, accuracy_m=dice.choice([None, 20.0, 80.0]), epoch=epoch, at=at),
        lambda n, at: scan(n, epoch=epoch, at=at),
        lambda n, at: check_in(n, epoch=epoch, at=at),
        lambda n, at: state(n, dice.choice(["working", "idle"]), epoch=epoch, at=at),
        lambda n, at: msgspec.structs.replace(
            reading(n, epoch=epoch, at=at), values={dice.choice([*METRICS, "wind_mps"]): dice.uniform(-5, 400)}
        ),
    ]
    for _ in range(120):
        make, at = dice.choice(makers), begin + dice.randrange(2 * 3600) * SECOND
        name = make(1, at).event_class
        events[name].append(make(next(numbers[name]), at))
    return events


async def test_any_order_any_cut_any_repetition_and_several_workers_give_what_is_counted_by_hand(engine):
    dice = random.Random(6)
    for day in range(6):
        begin = NOON + day * DAY
        store = MemoryStore()
        workers = [Worker(engine, store) for _ in range(3)]
        events = a_stretch(dice, begin, f"e{day}")
        pieces = []
        for name in CLASSES:
            shuffled = dice.sample(events[name], len(events[name]))
            while shuffled:
                size = dice.randrange(1, 12)
                piece, shuffled = sorted(shuffled[:size], key=lambda event: event.seq), shuffled[size:]
                pieces += [piece] * dice.choice([1, 1, 2])
        dice.shuffle(pieces)
        for piece in pieces:
            worker = dice.choice(workers)
            act = dice.choice(["take", "take", "settle", "die", "at once"])
            if act == "die":
                worker.dies_at = dice.choice(["points", "ledger", "inbox", "commit", *STEPS])
            try:
                if act == "at once":
                    await asyncio.gather(worker.take(piece), *(one.heat.project() for one in workers))
                else:
                    await worker.take(piece)
                if act in {"settle", "die"}:
                    await worker.settle()
            except Killed:
                workers[workers.index(worker)] = worker = Worker(engine, store)
                await worker.take(piece)
        await workers[0].settle()
        assert heat_of(store) == by_hand([*events["telemetry"], *events["business"]])
    assert await count(engine, heat_mark) == 0


async def test_late_data_correct_the_minute_the_quarter_and_the_hour(engine):
    worker = Worker(engine, store := MemoryStore())
    await worker.take([fix(1), fix(2, device="helmet")])
    await worker.settle()
    cell = str(SITE.grid.cell(31.2001, 121.4001))
    minute = NOON // MINUTE
    assert heat_of(store) == {(name, cell, source, minute): 1.0 for name in LEVELS for source in ("machines", "people")}
    await worker.take([fix(3, device="stray", at=NOON + SECOND), fix(4, at=NOON + 20 * MINUTE)])
    await worker.settle()
    assert {key[0]: weight for key, weight in heat_of(store).items() if key[2:] == ("machines", minute)} == {
        "heat": 2.0,
        "heat_15m": 2.0,
        "heat_1h": 3.0,
    }


async def test_a_device_that_reports_each_second_writes_one_row_and_is_written_once(engine):
    worker = Worker(engine, store := MemoryStore())
    for begin in range(1, 58, 10):
        await worker.take([fix(number) for number in range(begin, begin + 10) if number < 58])
        await worker.settle()
    assert await count(engine, heat_presence) == 1
    assert len(heat_of(store)) == 3


async def test_nothing_is_written_again_that_has_not_changed(engine):
    written = []

    class Watched(MemoryStore):
        async def write(self, points):
            written.extend(point.tags["cell"] for point in points if point.measurement == "heat")
            return await super().write(points)

    worker = Worker(engine, Watched())
    await worker.take([fix(1), fix(2, lat=31.21)])
    await worker.settle()
    await worker.take([fix(3, lat=31.22)])
    await worker.settle()
    assert len(written) == len(set(written)) == 3


@pytest.mark.parametrize("step", STEPS)
async def test_killed_after_any_step_of_a_round_the_next_worker_ends_the_same(engine, step):
    worker = Worker(engine, store := MemoryStore())
    events = [fix(1), fix(70, device="helmet"), fix(140)]
    await worker.take(events)
    worker.dies_at = step
    with pytest.raises(Killed):
        await worker.heat.project()
    await Worker(engine, store).settle()
    assert heat_of(store) == by_hand(events)
    assert await count(engine, heat_mark) == 0


async def test_a_store_that_is_away_leaves_the_marks_for_later(engine):
    worker = Worker(engine, store := MemoryStore())
    await worker.pipelines["telemetry"].commit(
        [open_parcel(*batch([fix(1)]), sites={"yard": SITE}, received_at=NOON, ack=lambda: None)]
    )
    store.down = True
    with pytest.raises(SeriesUnavailableError):
        await worker.heat.project()
    assert await count(engine, heat_mark) == 1
    store.down = False
    await worker.settle()
    assert heat_of(store) == by_hand([fix(1)])


async def test_the_older_sum_of_two_that_write_at_once_does_not_stay(engine):
    """A worker that was stopped between summing up and writing comes back when another has written more."""
    store = MemoryStore()
    slow, quick = Worker(engine, store), Worker(engine, store)
    await slow.take([fix(1)])
    summed, go_on = asyncio.Event(), asyncio.Event()

    async def stop_there(step):
        if step == "heat_summed":
            summed.set()
            await go_on.wait()

    slow.heat._checkpoint = stop_there
    old = asyncio.create_task(slow.heat._round())  # as if its lock had been lost
    await summed.wait()
    await quick.take([fix(2, device="helmet"), fix(3, device="stray")])
    await quick.heat._round()
    go_on.set()
    await old
    await quick.settle()
    assert heat_of(store) == by_hand([fix(1), fix(2, device="helmet"), fix(3, device="stray")])


async def test_presence_goes_when_its_hour_was_not_touched_for_long_and_what_comes_then_leaves_heat_as_it_is(engine):
    now = NOON
    worker = Worker(engine, store := MemoryStore(), clock=lambda: now)
    await worker.take([fix(1), fix(2, device="helmet")])
    await worker.settle()
    now += KEEP_NS - DAY
    await worker.take([fix(3, device="stray")])
    await worker.settle()
    now += KEEP_NS
    await worker.settle()
    assert await count(engine, heat_presence) == 3
    now += 1
    await Worker(engine, store, clock=lambda: now).settle()
    assert await count(engine, heat_presence) == 0
    before = heat_of(store)
    assert before == by_hand([fix(1), fix(2, device="helmet"), fix(3, device="stray")])
    await worker.take([fix(4, device="late", at=NOON)])
    await worker.settle()
    assert heat_of(store) == before
    assert (await count(engine, heat_presence), await count(engine, heat_mark)) == (0, 0)


async def test_an_hour_of_long_ago_that_comes_for_the_first_time_gets_its_heat(engine):
    worker = Worker(engine, store := MemoryStore(), clock=lambda: NOON + 400 * DAY)
    await worker.take([fix(1)])
    await worker.settle()
    assert heat_of(store) == by_hand([fix(1)])


async def test_marks_of_a_site_without_a_file_wait_for_it(engine):
    worker = Worker(engine, store := MemoryStore())
    await worker.take([fix(1)])
    await Worker(engine, store, sites={}).settle()
    assert heat_of(store) == {}
    await worker.settle()
    assert heat_of(store) == by_hand([fix(1)])


async def test_a_flood_of_presence_is_forgotten_and_written_again(engine, monkeypatch):
    monkeypatch.setattr("ingest.heat.record.MOST", 3)
    worker = Worker(engine, store := MemoryStore())
    events = [fix(n, lat=31.2 + n % 7 / 1000) for n in range(1, 40)]
    for event in events:
        await worker.take([event])
    await worker.settle()
    assert heat_of(store) == by_hand(events)


async def test_two_rounds_on_sqlite_or_postgresql_at_once_leave_no_mark_for_ever(engine):
    store = MemoryStore()
    workers = [Worker(engine, store) for _ in range(3)]
    events = [fix(n, lat=31.2 + n % 5 / 1000) for n in range(1, 200)]
    for at, worker in zip(range(0, 199, 20), itertools.cycle(workers), strict=False):
        await worker.take(events[at : at + 20])
        await asyncio.gather(*(one.heat.project() for one in workers))
    await workers[1].settle()
    assert heat_of(store) == by_hand(events)
    assert await count(engine, heat_mark) == 0


async def test_hours_are_closed_a_few_at_a_time(engine):
    worker = Worker(engine, store := MemoryStore())
    await worker.take([fix(n, at=NOON + n * 60 * MINUTE) for n in range(1, 40)])
    await worker.settle()
    async with engine.begin() as connection:
        await connection.execute(update(heat_hour).values(touched_at=0))
    later = Worker(engine, store, clock=lambda: NOON + KEEP_NS)
    await later.heat.project()
    assert await count(engine, heat_presence) == 39 - 24
    await later.heat.project()
    assert await count(engine, heat_presence) == 0
