"""An order's document and evidence against its plan."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tests import tracking_site as site
from tracking_service.document import OrderDocument
from tracking_service.domain.milestone import Silence
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
    assert [key for key, one in by_key.items() if one.critical] == ["pier", "cure", "deck"]


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
    assert found.expected.p50 == ns(
        "2026-03-19T00:00:00"
    )  # steel comes on the 14th, which ends its task; five days of the deck
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


MATERIAL = {**BEAMS, "due": day(30)}
del MATERIAL["task"]


def test_material_that_is_still_to_come_holds_its_milestone_open_however_much_is_there():
    lines = [line | {"supplier": "steel", "promised": day(28)} for line in site.order()["lines"]]
    whole = document(lines=lines, tasks=[], milestones=[MATERIAL], due=day(30))
    known = {"whole": whole, "delays": {"steel": Cases.of([5.0] * 5)}}
    comes = ns("2026-04-02T00:00:00")
    assert look("2026-03-10T00:00:00", 90, **known).expected.p50 == comes
    assert look("2026-03-02T00:00:00", 1, **known).expected.p50 == comes


def test_days_of_delay_are_those_of_the_calendar_on_the_wall():
    lines = [line | {"supplier": "steel", "promised": day(2)} for line in site.order()["lines"]]  # a Monday
    week = ("mon", "tue", "wed", "thu", "fri")
    whole = document(lines=lines, tasks=[], milestones=[MATERIAL | {"due": day(3)}], due=day(30), workdays=week)
    found = look("2026-03-02T00:00:00", whole=whole, delays={"steel": Cases.of([7.0] * 5)})
    assert found.expected.p50 == ns("2026-03-07T00:00:00")  # it comes on Monday the 9th: Friday's end is the working day before


def test_what_is_overdue_had_none_of_the_delays_that_are_over():
    lines = [line | {"supplier": "steel", "promised": day(2)} for line in site.order()["lines"]]
    whole = document(lines=lines, tasks=[], milestones=[MATERIAL | {"due": day(3)}], due=day(30))
    delays = {"steel": Cases.of([0.0, 1.0, 2.0, 3.0, 20.0])}
    assert look("2026-03-10T00:00:00", 90, whole=whole, delays=delays).expected.p50 == ns("2026-03-22T00:00:00")
    assert look("2026-03-25T00:00:00", 90, whole=whole, delays=delays).expected.p50 <= ns("2026-03-25T12:00:00")


def test_a_summary_is_as_far_as_its_parts_by_their_days():
    phase = {"key": "phase", "title": both("Phase")}
    parts = [
        {
            "key": "a",
            "title": both("A"),
            "parent": "phase",
            "start": day(1),
            "finish": day(4),
            "duration_days": 3,
            "percent": 100,
        },
        {"key": "sub", "title": both("Sub"), "parent": "phase"},
        {"key": "b", "title": both("B"), "parent": "sub", "start": day(4), "finish": day(5), "duration_days": 1, "percent": 20},
    ]
    found = look("2026-03-04T00:00:00", whole=document(tasks=[*parts, phase], milestones=[]))
    tasks = {one.piece.key: one for one in found.tasks}
    assert (tasks["phase"].piece.percent, tasks["sub"].piece.percent) == (80, 20)
    assert (tasks["phase"].piece.start, tasks["phase"].piece.finish) == (ns("2026-03-01T00:00:00"), ns("2026-03-05T00:00:00"))
    assert tasks["phase"].standing.rag == "green"
    assert tasks["phase"].piece.done_at is None
    whole = document(tasks=[*parts[:2], parts[2] | {"percent": 100}, phase], milestones=[])
    found = look("2026-03-07T00:00:00", whole=whole)
    assert next(one for one in found.tasks if one.piece.key == "phase").piece.done_at == ns("2026-03-05T00:00:00")


def test_a_summary_with_a_milestone_of_its_own_is_as_far_as_that():
    tasks = [*TASKS, {"key": "part", "title": both("Part"), "parent": "steel", "duration_days": 2, "percent": 10}]
    found = look("2026-03-02T00:00:00", 50, whole=document(tasks=tasks))
    assert next(one for one in found.tasks if one.piece.key == "steel").piece.percent == 50


def test_an_order_that_says_no_start_has_no_start_that_moves_with_the_clock():
    whole = OrderDocument.model_validate(site.order(milestones=[MATERIAL | {"due": day(20)}]))
    for at in ("2026-03-05T00:00:00", "2026-03-19T00:00:00"):
        (task,) = look(at, whole=whole).tasks
        assert task.piece.start is None
    assert task.standing.rag == "yellow"  # as its milestone is: a day before its date


def test_a_task_that_has_begun_still_ends_after_what_its_end_waits_for():
    pour = {"key": "pour", "title": both("Pour"), "start": day(1), "duration_days": 10}
    finish = {"key": "finish", "title": both("F"), "start": day(1), "duration_days": 2, "percent": 50}
    tasks = [pour, finish | {"after": [{"task": "pour", "kind": "FF", "lag_days": 1}]}]
    found = look("2026-03-02T00:00:00", whole=document(tasks=tasks, milestones=[]), paces=Cases.of([1.0] * 5))
    assert found.finish == ns("2026-03-13T00:00:00")  # the pour ends with the 11th, a day later the finishing
    assert found.expected.p50 == found.finish


def test_a_plan_of_thousands_of_tasks_is_drawn_as_its_network_says():
    tasks = [
        {
            "key": f"t{n}",
            "title": both("T"),
            "duration_days": n % 4,
            "after": [{"task": f"t{n - back}"} for back in (1, 7) if n >= back],
        }
        for n in range(3_000)
    ]
    found = look("2026-03-01T00:00:00", whole=document(tasks=tasks, milestones=[]), paces=Cases.of([1.0] * 5))
    assert found.expected.p50 == found.expected.p80 == found.finish


def test_a_silent_gateway_hides_nothing_of_what_is_signed_at_the_office():
    signed = BEAMS | {"key": "signed", "policy": {"signed_off": {"role": "engineer"}}, "due": day(3)}
    del signed["task"]
    whole = document(tasks=[], milestones=[{**MATERIAL, "due": day(3)}, signed])
    found = look("2026-03-04T00:00:00", whole=whole, silent=(Silence("gw-1", ns("2026-03-01T00:10:00")),))
    assert {one.piece.key: one.standing.rag for one in found.tasks} == {"beams": "unknown", "signed": "red"}
