"""The pipeline on both databases: every end state is that of an undisturbed run."""

import asyncio
import itertools
import random
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ingest import deadletters, migrate
from ingest.deadletters.replay import Replayer
from ingest.ledger.account import FIRST_MOST, LEAP, LEAP_PER_S
from ingest.ledger.report import report
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import STEPS, Pipeline
from ingest.projection.projector import Projector
from ingest.receiving.parcel import open_parcel
from ingest.tables import dead_letter, ledger_day, ledger_lost, ledger_stream, ledger_thinned
from plumbline import codec
from plumbline.database import open_engine
from plumbline.delivery import BatchHeader
from plumbline.event import CLASSES
from plumbline.inbox import gateway, inbox
from plumbline.series import SeriesUnavailableError
from tests.batches import NOON, SITE, MemoryStore, batch, check_in, fix, health, reading, scan

NOW = NOON + 3600 * 10**9
FIXED_PATIENCE = Patience(first_s=0.001, cap_s=0.002)


class Killed(BaseException):
    """The process ends here."""


class Bench:
    """An ingest without MQTT: messages in, stores out."""

    def __init__(self, engine, sites=None, store=None, limit_bytes=deadletters.LIMIT_BYTES) -> None:
        self.engine = engine
        self.store = store or MemoryStore()
        self.sites = {"yard": SITE} if sites is None else sites
        self.kill_at: str | None = None
        self.now = NOW
        self.metrics = Metrics()
        self.retention = deadletters.Retention(limit_bytes)
        self.restart()

    def restart(self):
        common = {
            "engine": self.engine,
            "store": self.store,
            "sites": self.sites,
            "clock": lambda: self.now,
            "metrics": self.metrics,
        }
        self.pipelines = {
            event_class: Pipeline(**common, event_class=event_class, retention=self.retention, checkpoint=self._checkpoint)
            for event_class in CLASSES
        }
        self.projector = Projector(**common, stop=Stop(), retention=self.retention, patience=FIXED_PATIENCE)
        self.replayer = Replayer(
            **common, pipelines=self.pipelines, stop=Stop(), on_commit=lambda: None, patience=FIXED_PATIENCE
        )

    async def _checkpoint(self, step):
        if step == self.kill_at:
            self.kill_at = None
            raise Killed(step)

    async def take(self, *messages):
        """Commit messages as one group per class; watermarks by class."""
        marks = {}
        for event_class in CLASSES:
            mine = [m for m in messages if event_class in m[0]]
            if mine:
                parcels = [open_parcel(*m, sites=self.sites, received_at=NOW, ack=lambda: None) for m in mine]
                await self._checkpoint("opened")
                outcome = await self.pipelines[event_class].commit(parcels)
                marks |= {(w.epoch, w.event_class): w.upto for w in outcome.watermarks}
        return marks

    async def project(self):
        while await self.projector.project():
            pass

    async def rows(self, table, *columns):
        async with self.engine.connect() as connection:
            chosen = [table.c[name] for name in columns]
            return [tuple(row) for row in await connection.execute(select(*chosen).order_by(*chosen))]

    async def everything(self):
        """Whole rows of every table that a commit writes; letters alone have no order among those of one group."""
        tables = (ledger_stream, ledger_day, ledger_thinned, ledger_lost, inbox, dead_letter, gateway)
        unordered = {dead_letter.c.id}
        return [await self.rows(table, *(column.name for column in table.c if column not in unordered)) for table in tables]

    async def end_state(self):
        """What must not depend on disturbances: duplicates aside, everything."""
        streams = [
            (s.gateway, s.epoch, s.event_class, s.watermark, s.received, s.late, s.dead, s.thinned, s.missing_ranges, days)
            for s in await report(self.engine)
            for days in [[(d.day, d.received, d.late, d.dead, d.missing) for d in s.days]]
        ]
        events = [body for kind, body in await self.rows(inbox, "kind", "body") if kind != "fix"]
        letters = await self.rows(dead_letter, "seq", "reason", "payload")
        known = await self.rows(gateway, "site", "gateway", "data_until")
        return streams, sorted(events), letters, known, self.store.points


def a_day():
    """Messages of two gateways: business, telemetry, one refused event, a second epoch."""
    bad_topic, bad = batch([scan(5), scan(6), scan(7)])
    return [
        batch([scan(1), check_in(2), scan(3), scan(4)]),
        (bad_topic, bad.replace(b'"x6"', b"6")),
        batch([fix(i) for i in range(1, 41)]),
        batch([reading(41), health(42), fix(43)], thinned=((44, 50),)),
        batch([reading(51)]),
        batch([scan(1, gateway="gw2", epoch="e0", at=NOON + 91)]),
        batch([scan(2, gateway="gw2", epoch="e0", at=NOON + 92)]),
        batch([scan(1, gateway="gw2", epoch="e9", at=NOON + 93)]),
    ]


async def test_a_batch_that_only_tells_what_was_thinned_settles_it(engine):
    bench = Bench(engine)
    topic, _ = batch([fix(1)])
    header = BatchHeader(site="yard", gateway="gw", epoch="e1", event_class="telemetry", ranges=(), thinned=((2, 9), (12, 12)))
    await bench.take(batch([fix(1)]), batch([fix(10), fix(11)]), (topic, codec.encode_batch(header, [])))
    [telemetry] = await report(engine)
    assert (telemetry.watermark, telemetry.received, telemetry.thinned, telemetry.missing) == (12, 3, 9, 0)


async def test_a_day_ends_in_ledger_inbox_points_and_gateways(engine):
    bench = Bench(engine)
    marks = await bench.take(*a_day())
    await bench.project()
    assert marks == {("e0", "business"): 2, ("e1", "business"): 7, ("e1", "telemetry"): 51, ("e9", "business"): 1}
    by_stream = {(s.gateway, s.epoch, s.event_class): s for s in await report(engine)}
    business, telemetry = by_stream["gw", "e1", "business"], by_stream["gw", "e1", "telemetry"]
    assert (business.received, business.dead, business.missing, business.duplicate) == (6, 1, 0, 0)
    assert (telemetry.received, telemetry.thinned, telemetry.missing) == (44, 7, 0)
    assert await bench.rows(ledger_thinned, "first", "last") == [(44, 50)]
    assert [(seq, reason) for seq, reason in await bench.rows(dead_letter, "seq", "reason")] == [(6, "invalid")]
    rows = await bench.rows(inbox, "kind", "projected")
    assert rows.count(("scan", True)) == 8
    assert rows.count(("check_in", True)) == 1
    assert rows.count(("fix", True)) == 2
    assert len(bench.store.of("scan")) == 8
    assert len(bench.store.of("position")) == 41
    assert (await bench.rows(gateway, "gateway", "online", "data_until"))[0] == ("gw", True, NOON + 51 * 10**9)
    assert codec.decode_event((await bench.rows(gateway, "gateway", "health"))[0][1]) == health(42)


async def test_the_body_in_the_inbox_is_the_event(engine):
    bench = Bench(engine)
    await bench.take(batch([scan(1)]))
    ((body,),) = await bench.rows(inbox, "body")
    assert codec.decode_event(body) == scan(1)


async def test_what_comes_again_is_counted_answered_and_not_written_again(engine):
    bench = Bench(engine)
    await bench.take(*a_day())
    writes = bench.store.writes
    marks = await bench.take(*a_day())
    assert marks["e1", "business"] == 7
    assert bench.store.writes == writes
    assert {s.duplicate for s in await report(engine)} == {1, 2, 7, 44}


async def test_a_hole_is_missing_until_it_is_filled(engine):
    bench = Bench(engine)
    assert await bench.take(batch([scan(1)]), batch([scan(4)])) == {("e1", "business"): 1}
    (stream,) = await report(engine)
    assert (stream.missing, stream.missing_ranges, stream.highest) == (2, ((2, 3),), 4)
    assert await bench.take(batch([scan(2), scan(3)])) == {("e1", "business"): 4}
    assert (await report(engine))[0].missing == 0


@pytest.mark.parametrize("step", [step for step in STEPS if step not in {"watermark", "acknowledge"}])
async def test_killed_after_any_step_and_fed_again_the_end_is_the_same(engine, step, tmp_path):
    quiet = Bench(engine, sites={"yard": SITE})
    calm = open_engine(f"sqlite+aiosqlite:///{tmp_path}/calm.db", durable=False)
    await migrate(calm)
    undisturbed = Bench(calm)
    for message in a_day():
        await undisturbed.take(message)
        quiet.kill_at = step
        with pytest.raises(Killed):
            await quiet.take(message)
        quiet.restart()
        await quiet.take(message)
    await quiet.project()
    await undisturbed.project()
    assert await quiet.end_state() == await undisturbed.end_state()
    await calm.dispose()


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "empty.db"

    async def make():
        engine = open_engine(f"sqlite+aiosqlite:///{path}", durable=False)
        await migrate(engine)
        await engine.dispose()

    asyncio.run(make())
    return path


_copies = itertools.count()


@asynccontextmanager
async def fresh_bench(template: Path):
    copy = template.with_name(f"copy-{next(_copies)}.db")
    shutil.copy(template, copy)
    engine = open_engine(f"sqlite+aiosqlite:///{copy}", durable=False)
    try:
        yield Bench(engine)
    finally:
        await engine.dispose()
        copy.unlink()


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.integers(0, 2**32),
    st.sampled_from([None, "points", "ledger", "inbox", "commit"]),
)
async def test_split_shuffled_repeated_and_killed_batches_end_like_undisturbed_ones(template, cuts, groups, seed, kill_at):
    rng = random.Random(seed)
    business = [scan(i) if i % 3 else check_in(i) for i in range(1, 25)]
    telemetry = [(reading, health, fix)[i % 3](i) for i in range(1, 25)]

    def cut(events):
        at, sizes = 0, itertools.cycle(cuts)
        while at < len(events):
            size = next(sizes)
            yield batch(events[at : at + size])
            at += size

    messages = [*cut(business), *cut(telemetry)]
    disturbed = [*messages, *rng.sample(messages, len(messages) // 2), batch(business[3:9]), batch(telemetry[::2])]
    rng.shuffle(disturbed)
    async with fresh_bench(template) as calm, fresh_bench(template) as wild:
        await calm.take(batch(business), batch(telemetry))
        await calm.project()
        sizes = itertools.cycle(groups)
        while disturbed:
            size = next(sizes)
            group, disturbed = disturbed[:size], disturbed[size:]
            wild.kill_at = kill_at if rng.random() < 0.5 else None
            try:
                await wild.take(*group)
            except Killed:
                wild.restart()
                disturbed += group
        await wild.project()
        calm_state, wild_state = await calm.end_state(), await wild.end_state()
        assert wild_state == calm_state


async def test_two_workers_that_share_a_stream_keep_one_account(engine):
    one, two = Bench(engine), Bench(engine)
    two.store = one.store
    two.restart()
    messages = [batch([scan(i), scan(i + 1)]) for i in range(1, 41, 2)]
    rng = random.Random(7)

    async def feed(bench):
        mine = messages[:]
        rng.shuffle(mine)
        for message in mine:
            await bench.take(message)

    await asyncio.gather(feed(one), feed(two))
    (stream,) = await report(engine)
    assert (stream.received, stream.duplicate, stream.missing, stream.watermark) == (40, 40, 0, 40)
    async with engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(inbox)) == 40


async def test_a_store_that_is_down_stops_telemetry_and_not_business(engine):
    bench = Bench(engine)
    bench.store.down = True
    with pytest.raises(SeriesUnavailableError):
        await bench.take(batch([reading(1)]))
    assert await bench.take(batch([scan(1)])) == {("e1", "business"): 1}
    with pytest.raises(SeriesUnavailableError):
        await bench.project()
    assert [s.event_class for s in await report(engine)] == ["business"]
    bench.store.down = False
    assert await bench.take(batch([reading(1)])) == {("e1", "telemetry"): 1}
    await bench.project()
    assert len(bench.store.of("scan")) == len(bench.store.of("environment")) == 1


async def test_points_that_the_store_refuses_become_letters_and_block_nothing(engine):
    bench = Bench(engine)
    bench.store.refuses = "environment"
    assert await bench.take(batch([reading(1), health(2)])) == {("e1", "telemetry"): 2}
    bench.store.refuses = "scan"
    await bench.take(batch([scan(1), check_in(2)]))
    await bench.project()
    letters = await bench.rows(dead_letter, "event_class", "seq", "reason", "booked_day")
    assert letters == [("business", 1, "point_refused", None), ("telemetry", 1, "point_refused", None)]
    assert len(bench.store.of("gateway_health")) == len(bench.store.of("check_in")) == 1
    assert all(s.dead == 0 for s in await report(engine))


async def test_what_the_database_refuses_becomes_letters_and_the_rest_of_the_group_goes_through(postgresql, unique_name):
    engine = open_engine(postgresql.new_database(unique_name("refusal")))
    await migrate(engine)
    bench = Bench(engine)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE inbox ADD CONSTRAINT no_seven CHECK (at <> {NOON + 7 * 10**9})")
    await bench.take(*(batch([scan(i)]) for i in range(1, 11)))
    (stream,) = await report(engine)
    assert (stream.received, stream.dead, stream.watermark) == (9, 1, 10)
    assert await bench.rows(dead_letter, "seq", "reason") == [(7, "database_refused")]
    await engine.dispose()


@pytest.mark.parametrize("make", [scan, reading])
async def test_events_of_an_unknown_site_are_replayed_once_the_site_is_there(engine, make):
    bench = Bench(engine, sites={})
    await bench.take(batch([make(1), make(2)]))
    (stream,) = await report(engine)
    assert (stream.received, stream.dead, stream.missing) == (0, 2, 0)
    assert await deadletters.request_replay(engine, now=NOW, reason="unknown_site") == 2
    assert await bench.replayer.replay() == 2
    assert {reason for (reason,) in await bench.rows(dead_letter, "reason")} == {"unknown_site"}
    bench.sites["yard"] = SITE
    bench.restart()
    assert await deadletters.request_replay(engine, now=NOW) == 2
    assert await bench.replayer.replay() == 2
    assert await bench.replayer.replay() == 0
    await bench.project()
    (stream,) = await report(engine)
    assert (stream.received, stream.dead, stream.missing) == (2, 0, 0)
    assert sum(day.dead for day in stream.days) == 0
    assert sum(day.received for day in stream.days) == 2
    assert len(bench.store.of("scan" if make is scan else "environment")) == 2
    assert await deadletters.request_replay(engine, now=NOW) == 0


async def test_a_message_that_was_misplaced_is_replayed_as_a_whole_and_refused_again_with_its_reason(engine):
    bench = Bench(engine)
    topic, payload = batch([scan(1)])
    await bench.take((topic.replace("gw", "other"), payload), (topic, b"\x00nonsense"))
    await bench.take((topic, b"\x00nonsense"))
    letters = await bench.rows(dead_letter, "reason", "times")
    assert letters == [("misplaced", 1), ("not_json", 2)]
    await deadletters.request_replay(engine, now=NOW)
    assert await bench.replayer.replay() == 2
    assert [row["replayed_at"] for row in await deadletters.listing(engine)] == [None, None]


async def test_a_message_kept_whole_comes_in_by_replay(engine):
    bench = Bench(engine)
    topic, payload = batch([scan(1)])
    letters = [(letter, None) for letter in open_parcel(topic, payload[:40], sites={}, received_at=1, ack=print).letters]
    async with engine.begin() as connection:
        await deadletters.keep(connection, letters, now=NOW)
        await connection.execute(dead_letter.update().values(payload=payload, size=len(payload)))
    await deadletters.request_replay(engine, now=NOW)
    await bench.replayer.replay()
    assert (await report(engine))[0].received == 1
    assert (await deadletters.listing(engine))[0]["replayed_at"] == NOW


async def test_letters_are_bounded_and_those_of_business_go_last(engine):
    bench = Bench(engine, sites={}, limit_bytes=20_000)
    await bench.take(batch([scan(i) for i in range(1, 21)]))
    for i in range(1, 201):
        await bench.take(batch([reading(i)]))
    kept = await bench.rows(dead_letter, "event_class", "seq")
    assert [seq for event_class, seq in kept if event_class == "business"] == list(range(1, 21))
    telemetry = [seq for event_class, seq in kept if event_class == "telemetry"]
    assert 0 < len(telemetry) < 60
    assert telemetry[-1] == 200
    assert (await report(engine))[1].watermark == 200


async def test_hostile_names_are_taken_or_refused_but_never_stall(engine):
    bench = Bench(engine)
    topic, payload = batch([scan(1)])
    await bench.take((topic, payload.replace(b'"x1"', b'"\\u0000\\ud83d\\ude00"')))
    await bench.project()
    assert (await report(engine))[0].received == 1


@pytest.mark.parametrize(
    "forged",
    [
        batch([scan(2**62, at=NOON)]),
        batch([scan(2), scan(2**63 - 1, at=NOON)]),
        batch([scan(2)], thinned=((3, 2**63 - 1),)),
        batch([scan(2)], lost=((2**40, 2**40 + 9),)),
    ],
    ids=["far", "near and far", "thinned", "lost"],
)
async def test_a_forged_number_leaves_the_ledger_as_it_was_and_comes_in_when_somebody_vouches_for_it(engine, forged):
    bench = Bench(engine)
    await bench.take(batch([scan(1)]))
    assert await bench.take(forged) == {("e1", "business"): 1}
    (stream,) = await report(engine)
    assert (stream.received, stream.highest, stream.missing) == (1, 1, 0)
    assert await bench.rows(dead_letter, "seq", "reason", "booked_day") == [(None, "leap", None)]
    assert await bench.take(forged, batch([scan(2), scan(3)])) == {("e1", "business"): 3}
    assert await bench.rows(dead_letter, "reason", "times") == [("leap", 2)]
    await deadletters.request_replay(engine, now=NOW)
    assert await bench.replayer.replay() == 1
    assert (await report(engine))[0].highest > LEAP
    assert (await deadletters.listing(engine))[0]["replayed_at"] == NOW


async def test_a_stream_that_begins_with_a_high_number_is_that_of_a_gateway_whose_server_was_wiped(engine):
    bench = Bench(engine)
    await bench.take(batch([scan(FIRST_MOST - 1, at=NOON), scan(FIRST_MOST, at=NOON)]))
    await bench.take(batch([scan(2**62, epoch="e2", at=NOON)]))
    known, forged = await report(engine)
    assert (known.received, known.highest) == (2, FIRST_MOST)
    assert (forged.received, forged.highest) == (0, 0)


async def test_numbers_may_leap_as_far_as_a_gateway_can_have_counted_since_it_was_heard(engine):
    bench = Bench(engine)
    await bench.take(batch([scan(1)]))
    week_s = 7 * 86_400
    bench.now = NOW + week_s * 10**9
    await bench.take(batch([scan(1 + LEAP + LEAP_PER_S * week_s, at=NOON)]))
    assert (await report(engine))[0].received == 2
    await bench.take(batch([scan(2 + 2 * LEAP + LEAP_PER_S * week_s, at=NOON)]))
    assert (await report(engine))[0].received == 2


def regrouped(messages, cuts):
    """The messages in groups of such sizes."""
    at, sizes = 0, itertools.cycle(cuts)
    while at < len(messages):
        size = next(sizes)
        yield messages[at : at + size]
        at += size


DAY_NS = 86_400 * 10**9
#: A batch as (first number, how many, every so many): most begin and end near each other, so that they meet.
spans = st.tuples(st.integers(1, 30), st.integers(1, 8), st.sampled_from([1, 1, 1, 2]))


@st.composite
def traffic(draw):
    """Batches of a few streams: fresh, repeated, overlapping, thinned, with refused events, late ones, over a day's border."""
    messages = []
    for first, count, step in draw(st.lists(spans, min_size=1, max_size=10)):
        place = {"gateway": draw(st.sampled_from(["gw", "gw", "gw2"]))}
        numbers = range(first, first + count * step, step)
        made = draw(st.sampled_from([(scan, check_in), (reading, reading, fix, health), (fix,)]))
        # the same number is always the same event, as a gateway's outbox would have it
        kind = made[first % len(made)] if len(made) < 3 else None
        events = [
            (kind or made[number % len(made)])(number, at=NOON + (number % 7 - 6) * DAY_NS // 5 + number * 10**9, **place)
            for number in numbers
        ]
        thinned = (
            draw(st.sampled_from([(), (), (), ((40, 45),), ((first + 1, first + 3),)]))
            if events[0].event_class == "telemetry"
            else ()
        )
        topic, payload = batch(events, thinned=thinned)
        if draw(st.integers(0, 5)) == 0:
            payload = payload.replace(b'"seq":%d' % numbers[-1], b'"seq":%d,"at":"soon"' % numbers[-1], 1)
        messages += [(topic, payload)] * draw(st.sampled_from([1, 1, 1, 2]))
    return messages


@settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking takes minutes: two databases each
@given(traffic(), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.randoms(use_true_random=False))
async def test_a_group_is_committed_as_its_messages_would_be_one_by_one(template, messages, cuts, rng):
    rng.shuffle(messages)
    async with fresh_bench(template) as grouped, fresh_bench(template) as single:
        for group in regrouped(messages, cuts):
            business = [message for message in group if "business" in message[0]]
            telemetry = [message for message in group if "telemetry" in message[0]]
            await grouped.take(*group)
            for message in [*business, *telemetry]:
                await single.take(message)
        assert await grouped.everything() == await single.everything()
        await grouped.project()
        await single.project()
        assert grouped.store.points == single.store.points


class GatedStore(MemoryStore):
    """A store whose writes end when the test says so, in any order; each can be made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = []

    async def write(self, points):
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        if not await gate:
            raise SeriesUnavailableError("switched off")
        return await super().write(points)

    async def begun(self, count):
        while len(self.gates) < count:  # noqa: ASYNC110 - the pipeline tells nobody
            await asyncio.sleep(0)


def value(bench, seq):
    """What the store holds at the time of event `seq`."""
    [fields] = [fields for (_, _, at), fields in bench.store.points.items() if at == NOON + seq * 10**9]
    return fields["pm2_5"]


async def test_a_write_that_fails_is_made_again_before_those_that_were_begun_behind_it(engine):
    bench = Bench(engine, store=GatedStore())
    pipeline = bench.pipelines["telemetry"]
    older, newer = reading(1), reading(2, at=NOON + 10**9)  # of one device, at one time: the last written wins
    groups = []
    for event in (older, newer):
        parcels = [open_parcel(*batch([event]), sites=bench.sites, received_at=NOW, ack=lambda: None)]
        groups.append(await pipeline.prepare(parcels))
        await bench.store.begun(len(groups))
    bench.store.gates[1].set_result(True)
    bench.store.gates[0].set_result(False)
    with pytest.raises(SeriesUnavailableError):
        await pipeline.store(groups[0])
    again = asyncio.create_task(pipeline.store(groups[0]))
    await bench.store.begun(3)
    bench.store.gates[2].set_result(True)
    await again
    behind = asyncio.create_task(pipeline.store(groups[1]))
    await bench.store.begun(4)
    bench.store.gates[3].set_result(True)
    await behind
    assert value(bench, 1) == newer.values["pm2_5"]


async def test_no_write_is_begun_while_one_before_it_that_failed_is_to_be_made_again(engine):
    bench = Bench(engine, store=GatedStore())
    pipeline = bench.pipelines["telemetry"]
    older, newer = reading(1), reading(2, at=NOON + 10**9)  # of one device, at one time: the last written wins
    first, second = (
        [open_parcel(*batch([event]), sites=bench.sites, received_at=NOW, ack=lambda: None)] for event in (older, newer)
    )
    before = await pipeline.prepare(first)
    await bench.store.begun(1)
    bench.store.gates[0].set_result(False)
    with pytest.raises(SeriesUnavailableError):
        await pipeline.store(before)
    behind = await pipeline.prepare(second)
    await asyncio.sleep(0)
    assert len(bench.store.gates) == 1, "the write behind has overtaken"
    for group in (before, behind):
        storing = asyncio.create_task(pipeline.store(group))
        await bench.store.begun(begun := len(bench.store.gates) + 1)
        bench.store.gates[begun - 1].set_result(True)
        await storing
    assert value(bench, 1) == newer.values["pm2_5"]
