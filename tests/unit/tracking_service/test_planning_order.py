"""An order's document and evidence against its plan."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tests import tracking_site as site
from tracking_service.document import OrderDocument
from tracking_service.planning.history import Cases
from tracking_service.planning.outlook import Known, outlook
from tracking_service.planning.score import Standing
from tracking_service.planning.work import Done

ZONE = ZoneInfo("Asia/Shanghai")
S = 10**9


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * S


def day(n: int) -> str:
    return f"2026-03-{n:02}T00:00:00+08:00"


def both(text: str) -> dict:
    return {"en": text, "zh": text}


TASKS = [
    {"key": "pier", "title": both("Pier"), "start": day(1), "duration_days": 4},
    {"key": "cure", "title": both("Cure"), "duration_days": 6, "after": [{"task": "pier"}]},
    {"key": "steel", "title": both("Steel"), "start": day(1), "duration_days": 2},
    {"key": "deck", "title": both("Deck"), "duration_days": 5, "after": [{"task": "cure"}, {"task": "steel"}]},
]
BEAMS = {
    "key": "beams",
    "title": both("Beams are there"),
    "due": day(3),
    "task": "steel",
    "policy": {"material_arrived": {"lines": ["10"]}},
}


def document(**changes) -> OrderDocument:
    usual = {"tasks": TASKS, "milestones": [BEAMS], "start": day(1), "due": day(20)}
    return OrderDocument.model_validate(site.order(**(usual | changes)))


def look(at: str, percent: int = 0, done_at: str | None = None, *, whole=None, **more):
    done = {"beams": Done(Decimal(percent), None if done_at is None else ns(done_at))}
    return outlook(
        Known(document=whole or document(), zone=ZONE, now=ns(at), done=done, arrived={"10": Decimal(0)} | more.pop("arrived", {}), **more)
    )  # fmt: skip


def test_the_longest_way_that_is_left_is_critical_and_has_the_float_to_the_due_date():
    found = look("2026-03-01T00:00:00")
    assert list(found.critical) == ["pier", "cure", "deck"]
    assert found.finish == ns("2026-03-16T00:00:00")
    by_key = {one.piece.key: one for one in found.tasks}
    assert by_key["pier"].float_days == 4  # the order is due on the 20th
    assert by_key["steel"].float_days == 12
    assert not by_key["pier"].critical


def test_what_was_not_begun_slips_with_the_days():
    found = look("2026-03-08T00:00:00")
    assert found.finish == ns("2026-03-23T00:00:00")
    by_key = {one.piece.key: one for one in found.tasks}
    assert by_key["pier"].float_days == -3
    assert by_key["pier"].critical


def test_evidence_moves_its_task_and_says_better_than_the_schedule():
    tasks = [task | {"percent": 90} if task["key"] == "steel" else task for task in TASKS]
    found = look("2026-03-02T00:00:00", 50, whole=document(tasks=tasks))
    steel = next(one for one in found.tasks if one.piece.key == "steel")
    assert steel.piece.percent == 50
    assert steel.early_finish == ns("2026-03-03T00:00:00")
    done = look("2026-03-05T00:00:00", 100, "2026-03-02T12:00:00")
    steel = next(one for one in done.tasks if one.piece.key == "steel")
    assert (steel.early_finish, steel.standing.rag, steel.critical) == (ns("2026-03-02T12:00:00"), "green", False)


def test_the_worst_milestone_says_how_far_the_order_is_behind():
    assert look("2026-03-02T00:00:00", 20).behind == 30
    assert (
        look("2026-03-02T00:00:00", 20, whole=document(start=None, tasks=[], milestones=[BEAMS | {"task": None}])).behind
        is None
    )


def test_days_off_count_in_the_finish():
    assert look("2026-03-01T00:00:00", whole=document(workdays=["mon", "tue", "wed", "thu", "fri"])).finish == ns(
        "2026-03-21T00:00:00"
    )


def test_an_order_without_tasks_is_planned_by_its_milestones():
    whole = document(tasks=[], milestones=[BEAMS | {"task": None}, BEAMS | {"task": None, "key": "late", "due": day(11)}])
    found = look("2026-03-01T00:00:00", whole=whole)
    assert [one.piece.key for one in found.tasks] == ["beams", "late"]
    assert found.finish == ns("2026-03-11T00:00:00")


def test_the_finish_to_expect_rests_on_what_happened_before_and_says_on_how_much():
    assert look("2026-03-01T00:00:00").expected is None
    found = look("2026-03-01T00:00:00", paces=Cases.of([2.0] * 7))
    assert found.expected.p50 == found.expected.p80 == ns("2026-03-31T00:00:00")
    assert (found.expected.paces, found.expected.delays) == (7, 0)


def test_a_late_supplier_delays_what_waits_for_its_material():
    lines = [line | {"supplier": "steel", "promised": day(4)} for line in site.order()["lines"]]
    late = {"steel": Cases.of([10.0] * 5)}
    found = look("2026-03-01T00:00:00", whole=document(lines=lines), delays=late)
    assert found.expected.p50 == ns("2026-03-21T00:00:00")  # steel comes on the 14th, two days of work, five of the deck
    assert found.expected.delays == 5
    there = look(
        "2026-03-01T00:00:00", 100, "2026-03-01T00:00:00", whole=document(lines=lines), delays=late, arrived={"10": Decimal(4)}
    )
    assert there.expected is None or there.expected.p50 == ns("2026-03-16T00:00:00")


def test_the_score_takes_in_what_the_plan_says():
    standing = Standing(None, 0, 0, 0, checks=0, failed=0, gateways=1, silent=0, unlinked=0, contradictions=0)
    good = look("2026-03-01T00:00:00", standing=standing).score
    bad = look("2026-03-05T00:00:00", standing=standing).score
    assert good.points == 100
    assert bad.points < 60
    assert next(part for part in bad.parts if part.name == "schedule").why.en == "1 milestone past its date"


@given(st.integers(1, 28), st.integers(0, 100))
def test_more_evidence_never_makes_it_later(at, percent):
    when = f"2026-03-{at:02}T00:00:00"
    assert look(when, percent).finish <= look(when, max(0, percent - 10)).finish
    assert look(when, percent).finish >= ns(when)
