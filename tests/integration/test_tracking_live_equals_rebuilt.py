"""State is a pure function of the log: whatever comes, in whatever order, live equals rebuilt, and steps say what scans say."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import structs
from sqlalchemy import delete, select, update

from plumbline import codec
from plumbline.event import ClockReading, Fix, Inspection
from plumbline.inbox import inbox
from plumbline.site import Device
from tests import tracking_site as site
from tracking_service import acts, document, office, progress
from tracking_service.errors import TrackingError
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.rebuild import rebuild
from tracking_service.rooms.ground import Ground
from tracking_service.tables import evidence, material_line, milestone

SITES = {
    site.SITE: structs.replace(
        site.site,
        devices=(
            *site.site.devices,
            Device(id="digger", title_en="Digger", title_zh="挖掘机", kind="machine", codes=("TAG-7",)),
        ),
    )
}
ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
S = 10**9
NOW = time.time_ns() // S * S
BEAMS = {"material_arrived": {"lines": ["10"]}}
SIGNED = {"signed_off": {"role": "engineer"}}


def order(**changes):
    """Lines of every sort, milestones of every sort."""
    document = site.order(**changes)
    document["lines"][1] |= {"certificate_required": True}
    document["inspections"] = [{"check": "weld", "title": {"en": "Weld", "zh": "焊缝"}}]
    half = {"material_arrived": {"lines": ["10", "30"], "ratio": "0.5"}}
    bolts = {"material_arrived": {"lines": ["20"], "certificates": True}}
    plans = {
        "beams": BEAMS,
        "half": half,
        "bolts": bolts,
        "signed": SIGNED,
        "both": {"all_of": [BEAMS, SIGNED]},
        "any": {"any_of": [half, bolts]},
        "mixed": {"all_of": [bolts, {"material_arrived": {"lines": ["20"]}}]},
        "weld": {"inspection_passed": {"checks": ["weld"]}},
        "crew": {"crew_checked_in": {"place": "gate", "crew": [{"people": 1}]}},
        "crane": {"equipment_working": {"equipment": ["crane-1"], "minutes": 10}},
        "digger": {"equipment_working": {"equipment": ["digger"], "zone": "gate", "minutes": 10, "working": False}},
    }
    document["milestones"] = [
        {"key": key, "title": {"en": key, "zh": key}, "policy": policy} for key, policy in plans.items()
    ] + changes.get("milestones", [])
    return document


def variants():
    """Documents of the same order: as it is, with more beams, without plates, without its first milestone."""
    more, less, fewer = order(), order(), order()
    more["lines"][0] |= {"quantity": 6}
    less["lines"], less["deliveries"] = less["lines"][:2], []
    less["milestones"] = [one for one in less["milestones"] if "30" not in json.dumps(one["policy"])]
    fewer["milestones"] = fewer["milestones"][1:]
    fewer["lines"][1] |= {"certificate_required": False}
    fewer["inspections"] = [{"check": "weld", "title": {"en": "Weld", "zh": "焊缝"}, "role": "quality"}]
    return [order(), more, less, fewer]


def other():
    """Another order of the site with the same point."""
    weld = {"key": "weld", "title": {"en": "w", "zh": "w"}, "policy": {"inspection_passed": {"checks": ["weld", "paint"]}}}
    return site.order(number="PO-2", lines=[], deliveries=[], milestones=[weld])


def inspection(result, at, *, check="weld", order="PO-1", person="Li"):
    return Inspection(check=check, result=result, order=order, person=person, **site.header(at=at))


def fix(at, *, inside):
    """A machine in the gate's zone, or a kilometre east of it."""
    where = {"lat": 31.2, "lon": 121.5 if inside else 121.51, "accuracy_m": 3.0}
    return Fix(**where, **site.header(device="digger", at=at))


COMPANY = [
    {"company": "acme", "title": {"en": "Acme", "zh": "甲"}},
    {
        "company": "acme",
        "title": {"en": "Acme", "zh": "甲"},
        "roles": [
            {"id": "engineer", "title": {"en": "Engineer", "zh": "总工"}},
            {"id": "quality", "title": {"en": "QC", "zh": "质检"}},
        ],
        "people": [{"id": "li", "name": "Li", "roles": ["quality"]}, {"id": "wu", "name": "Wu"}],
        "articles": [{"code": "BOLT", "title": {"en": "Bolt", "zh": "螺栓"}, "gtins": [site.GTIN], "also": ["stranger"]}],
    },
]


class Company:
    """A database, and what people and machines do to it."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.now = NOW
        self.events = []
        self.acts = []
        self.intake = Intake(engine=engine, sites=SITES, now_ns=lambda: self.now)

    async def post(self, *events) -> None:
        self.events += events
        await site.post(self.engine, *events)

    async def take(self) -> None:
        self.now += S
        while await self.intake.take():
            pass
        for _ in range(3):  # what moves on wakes what waits for it
            self.now += S
            await self.intake.tick()

    async def place(self, told) -> None:
        self.now += S
        parsed = document.read(json.dumps(told).encode(), "test")
        async with self.engine.begin() as connection:
            await import_order(connection, parsed, sites=SITES, zones=ZONES, now=self.now)

    async def do(self, **told) -> bool:
        """Record an act; whether it was taken."""
        self.now += S
        done = acts.read(json.dumps(told), "test")
        try:
            async with self.engine.begin() as connection:
                await office.record(connection, done, Ground(SITES, ZONES, self.now))
        except TrackingError:
            return False
        self.acts.append(done.id)
        return True

    async def correct(self, event, at) -> None:
        """As ingest does it."""
        clock = ClockReading(quality="ntp", boot="boot", mono=1, original=event.at)
        right = structs.replace(event, at=at, clock=clock)
        async with self.engine.begin() as connection:
            values = {"body": codec.encode(right), "at": at, "processed_at": None}
            await connection.execute(update(inbox).where(inbox.c.event_id == event.id).values(**values))

    async def again(self, event) -> None:
        """The inbox row is to be taken once more."""
        async with self.engine.begin() as connection:
            await connection.execute(update(inbox).where(inbox.c.event_id == event.id).values(processed_at=None))

    async def check(self) -> None:
        """Live equals rebuilt, and what is stored is what all evidence says."""
        await self.take()
        found = await rebuild(self.engine, sites=SITES, zones=ZONES, now=self.now)
        assert found.shown == []
        assert found.lost == []
        async with self.engine.connect() as connection:
            ids = (await connection.execute(select(milestone.c.id))).scalars().all()
            ground = Ground(SITES, ZONES, self.now)
            steps = await progress.evaluate(connection, ids, ground)
            whole = await progress.evaluate(connection, ids, ground, whole=True)
        assert {one.plan.row.id: one.values for one in steps} == {one.plan.row.id: one.values for one in whole}
        stored = {one.plan.row.id: {name: getattr(one.plan.row, name) for name in one.values} for one in whole}
        assert stored == {one.plan.row.id: one.values for one in whole}


EARLY = st.integers(0, 60).map(lambda minutes: NOW - minutes * 60 * S)
TEXTS = st.sampled_from(
    [f"PL1:PO-1/10/{piece}" for piece in range(5)] + ["PL1:PO-1/30", "PL1:PO-1/40/1", "stranger", "PL1:PO-2/1/1"]
)
CODES = st.sampled_from(
    [
        (("00", site.SSCC),),
        (("01", site.GTIN), ("10", "LOT7"), ("30", "3")),
        (("01", site.GTIN), ("10", "LOT7"), ("21", "S1")),
        (("01", site.GTIN), ("10", "LOT8")),
    ]
)
LINES = st.sampled_from(["PO-1~10", "PO-1~20", "PO-1~30"])


class Live(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.run = self.loop.run
        self.company = Company(self.run(site.database(f"sqlite:///{Path(self.folder.name) / 'live.db'}")))

    def teardown(self) -> None:
        try:
            self.run(self.company.check())
        finally:
            self.run(self.company.engine.dispose())
            self.loop.close()
            self.folder.cleanup()

    @rule(which=st.integers(0, 3))
    def place(self, which) -> None:
        self.run(self.company.place(variants()[which]))

    @rule(text=TEXTS, at=EARLY)
    def label(self, text, at) -> None:
        self.run(self.company.post(site.scan(text, at=at)))

    @rule(gs1=CODES, at=EARLY)
    def code(self, gs1, at) -> None:
        self.run(self.company.post(site.scan("code", gs1, at=at)))

    @rule()
    def place_another(self) -> None:
        self.run(self.company.place(other()))

    @rule(
        at=EARLY,
        check=st.sampled_from(["weld", "weld", "paint", "strange"]),
        order=st.sampled_from([None, None, "PO-2"]),
        person=st.sampled_from([None, "Li", "Wu"]),
        result=st.sampled_from(["passed", "failed"]),
    )
    def inspect(self, at, check, order, person, result) -> None:
        self.run(self.company.post(inspection(result, at, check=check, order=order, person=person)))

    @precondition(lambda self: any(isinstance(event, Inspection) for event in self.company.events))
    @rule(
        data=st.data(),
        order=st.sampled_from(["PO-1", "PO-2"]),
        inspector=st.sampled_from([None, "Li", "Wu"]),
        off=st.booleans(),
    )
    def decide_of_an_inspection(self, data, order, inspector, off) -> None:
        event = data.draw(st.sampled_from([one for one in self.company.events if isinstance(one, Inspection)])).id
        told = {"kind": "unlink", "why": "x"} if off else {"kind": "assign", "order": order, "check": "weld"}
        named = {"inspector": inspector} if inspector is not None and not off else {}
        self.run(self.company.do(event=event, **told, **named))

    @rule(at=EARLY)
    def disagree(self, at) -> None:
        self.run(self.company.post(site.scan("TAG-7", at=at), *(fix(at + n * S, inside=False) for n in (-4, -2, 2, 4))))

    @precondition(lambda self: any(getattr(event, "text", "") == "TAG-7" for event in self.company.events))
    @rule(data=st.data(), verdict=st.sampled_from(["seen", "position", "both", "no_contradiction"]))
    def settle(self, data, verdict) -> None:
        event = data.draw(st.sampled_from([one for one in self.company.events if getattr(one, "text", "") == "TAG-7"])).id
        self.run(self.company.do(kind="settle", event=event, device="digger", verdict=verdict, why="seen by eye"))

    @rule(days=st.integers(1, 9))
    def days_pass(self, days) -> None:
        self.company.now += days * 86_400 * S

    @rule(at=EARLY, direction=st.sampled_from(["in", "out"]), word=st.sampled_from(["working", "idle"]))
    def others(self, at, direction, word) -> None:
        self.run(self.company.post(site.check_in("Li", direction, at=at), site.state(word, at=at), inspection("passed", at)))

    @rule(at=EARLY, inside=st.booleans())
    def fixes(self, at, inside) -> None:
        self.run(self.company.post(*(fix(at + minute * 60 * S, inside=inside) for minute in range(4))))

    @rule(which=st.integers(0, 1))
    def company_document(self, which) -> None:
        self.run(self.company.do(kind="company", document=COMPANY[which]))

    @rule()
    def take(self) -> None:
        self.run(self.company.take())

    @precondition(lambda self: self.company.events)
    @rule(data=st.data(), at=EARLY)
    def correct(self, data, at) -> None:
        event = data.draw(st.sampled_from(self.company.events))
        self.run(self.company.correct(event, at))

    @precondition(lambda self: self.company.events)
    @rule(data=st.data())
    def again(self, data) -> None:
        self.run(self.company.again(data.draw(st.sampled_from(self.company.events))))

    @precondition(lambda self: self.company.events or self.company.acts)
    @rule(data=st.data(), kind=st.sampled_from(["void", "void", "restore"]))
    def void(self, data, kind) -> None:
        ref = data.draw(st.sampled_from([event.id for event in self.company.events] + self.company.acts))
        self.run(self.company.do(kind=kind, ref=ref, why="a mistake"))

    @precondition(lambda self: self.company.events)
    @rule(data=st.data(), kind=st.sampled_from(["link", "unlink", "quantity"]), line=LINES, quantity=st.integers(1, 5))
    def decide(self, data, kind, line, quantity) -> None:
        told = {"kind": kind, "event": data.draw(st.sampled_from(self.company.events)).id}
        told |= {
            "link": {"line": line, "teach": quantity > 2},
            "unlink": {"why": "x"},
            "quantity": {"quantity": quantity, "why": "x"},
        }[kind]
        self.run(self.company.do(**told))

    @rule(line=LINES, quantity=st.integers(1, 3))
    def back(self, line, quantity) -> None:
        self.run(self.company.do(kind="return", line=line, quantity=quantity, why="damaged"))

    @precondition(lambda self: self.company.events)
    @rule(data=st.data(), line=LINES)
    def back_of_a_scan(self, data, line) -> None:
        event = data.draw(st.sampled_from(self.company.events)).id
        self.run(self.company.do(kind="return", line=line, quantity=1, event=event, why="damaged"))

    @rule(batch=st.sampled_from([None, "LOT7", "LOT8"]))
    def certify(self, batch) -> None:
        told = {"batch": batch} if batch else {}
        self.run(self.company.do(kind="certificate", line="PO-1~20", document="3.1", **told))

    @rule(line=LINES, quantity=st.integers(1, 8))
    def deliver(self, line, quantity) -> None:
        self.run(self.company.do(kind="delivery_note", line=line, sscc=site.SSCC, quantity=quantity))

    @rule(withdrawn=st.booleans(), result=st.sampled_from(["passed", "failed"]))
    def office(self, withdrawn, result) -> None:
        told = {"kind": "sign_off", "milestone": "PO-1~signed", "role": "engineer", "person": "Wang", "withdrawn": withdrawn}
        self.run(self.company.do(**told))
        self.run(self.company.do(kind="inspection", order="PO-1", check="weld", result=result, person="Wang"))

    @invariant()
    def nothing_is_lost(self) -> None:
        """A take never fails: what is refused is refused by a sentence."""


TestLive = Live.TestCase
TestLive.settings = settings(
    max_examples=12,
    stateful_step_count=18,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
async def company(database_url):
    engine = await site.database(database_url)
    yield Company(engine)
    await engine.dispose()


async def everything(company) -> None:
    """A day of everything."""
    beams = [site.beam(n, at=NOW - n * S) for n in range(5)]
    await company.post(*beams[:3], site.scan("c", (("01", site.GTIN), ("10", "LOT7"), ("30", "10")), at=NOW))
    await company.take()
    await company.place(order())
    await company.post(*beams[3:], site.scan("stranger", at=NOW), site.check_in("Li", at=NOW), site.state("working", at=NOW))
    await company.post(site.state("idle", at=NOW - 5), site.scan("y", (("00", site.SSCC),), at=NOW), inspection("passed", NOW))
    checks = [inspection("passed", NOW, order=None), inspection("passed", NOW, check="paint", order=None)]
    await company.post(*checks)
    await company.place(other())
    await company.place(order() | {"customer": "Another"})
    await company.post(*(fix(NOW - (20 - minute) * 60 * S, inside=minute < 12) for minute in range(20)))
    await company.take()
    assert await company.do(kind="company", document=COMPANY[1])
    assert await company.do(kind="certificate", line="PO-1~20", document="3.1")
    assert await company.do(kind="sign_off", milestone="PO-1~signed", role="engineer", person="Wang")
    assert await company.do(kind="link", event=company.events[6].id, line="PO-1~30", quantity=2, teach=True)
    assert await company.do(kind="return", line="PO-1~10", quantity=1, why="bent", event=beams[0].id)
    assert await company.do(kind="void", ref=beams[1].id, why="test scan")
    assert await company.do(kind="quantity", event=company.events[3].id, quantity=4, why="counted")
    tags = [site.scan("TAG-7", at=NOW - 3000 * S), site.scan("TAG-7", at=NOW - 2999 * S)]
    await company.post(*tags, *(fix(NOW - (3000 - n) * S, inside=False) for n in (-4, -2, 3, 5)))
    await company.take()
    assert await company.do(kind="settle", event=tags[0].id, device="digger", verdict="position", why="it was never there")
    assert await company.do(kind="settle", event=tags[1].id, device="digger", verdict="both", why="carried by hand")
    await company.correct(beams[2], NOW - 100 * S)
    await company.take()
    assert await company.do(kind="restore", ref=beams[1].id, why="no test")
    assert await company.do(kind="void", ref=company.acts[1], why="wrong paper")
    assert await company.do(kind="assign", event=checks[0].id, order="PO-2", check="weld", inspector="Wu")
    assert await company.do(kind="unlink", event=checks[1].id, why="of no order")


async def test_live_equals_rebuilt_on_both_databases(company):
    await everything(company)
    await company.check()


async def test_a_rebuild_finds_what_was_changed_behind_its_back_and_puts_it_right(company):
    await everything(company)
    async with company.engine.begin() as connection:
        await connection.execute(update(material_line).where(material_line.c.id == "PO-1~10").values(arrived=77))
        await connection.execute(update(milestone).where(milestone.c.id == "PO-1~beams").values(percent=1))
        await connection.execute(delete(evidence).where(evidence.c.line_id == "PO-1~30"))
    told = []
    found = await rebuild(
        company.engine, sites=SITES, zones=ZONES, now=company.now, told=lambda *how_far: told.append(how_far[0])
    )
    assert not found.equal
    assert {"material_line", "milestone", "evidence"} <= set(found.differing)
    assert set(told) == {"log", "lines", "milestones", "compare"}
    adopted = await rebuild(company.engine, sites=SITES, zones=ZONES, now=company.now, adopt=True)
    assert adopted.adopted
    await company.check()
