"""Single policies: what a site engineer would expect of each."""

import json
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from tracking_service.document import explained
from tracking_service.document.policy import MOST_DEEP, parse
from tracking_service.domain.facts import CheckedIn, Facts, Inspected, Minute, Stated, Visit
from tracking_service.domain.policies.scope import Scope

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
SCOPE = Scope("s", "o", "o~m", UTC, {}, pictured=frozenset({"cage"}))


def policy(kind, scope=SCOPE, **asked):
    return parse(json.dumps({kind: asked})).bind(scope)


# equipment


def worked(states, visits=(), *, known=90, now=100, **asked):
    asked = {"equipment": ["rig"], "zone": "pit", "minutes": 10} | asked
    facts = Facts(
        now=now * MINUTE,
        states={"s/rig": [Stated(at * MINUTE, f"state-{at}", state, "gw") for at, state in states]},
        visits={
            "s/rig": [
                Visit(since * MINUTE, until and until * MINUTE, "pit", "rig", f"fix-{since}", "gw") for since, until in visits
            ]
        },
        known_until={"s/gw": known * MINUTE, "": known * MINUTE},
    )
    return policy("equipment_working", **asked).evaluate(facts)


def test_only_work_inside_the_zone_counts():
    result = worked([(0, "working"), (8, "idle"), (20, "working")], [(5, 12), (22, 40)])
    assert result.done_at == (22 + 7) * MINUTE
    assert [each.id for each in result.evidence] == ["state-0", "fix-5", "state-20", "fix-22"]


def test_the_silence_of_a_gateway_never_counts():
    result = worked([(0, "working")], [(0, 60)], known=4, now=50)
    assert result.percent == 40
    assert result.done_at is None
    assert "gateway is silent" in result.why.en
    assert "网关失联" in result.why.zh


def test_what_a_silent_gateway_tells_later_counts_then():
    assert worked([(0, "working")], [(0, 60)], known=4, now=50).done_at is None
    assert worked([(0, "working")], [(0, 60)], known=12, now=50).done_at == 10 * MINUTE


def test_a_visit_that_goes_on_counts_as_far_as_its_gateway_has_told():
    result = worked([(0, "working")], [(2, None)], known=7, now=8)
    assert result.percent == 50
    assert result.wake_at == 9 * MINUTE


def test_a_time_that_runs_is_looked_at_when_it_should_be_over():
    facts = Facts(
        now=int(9.2 * MINUTE),
        states={"s/rig": [Stated(MINUTE // 2, "a", "working", "gw")]},
        known_until={"s/gw": int(9.1 * MINUTE)},
    )
    asked = {"equipment": ["rig"], "minutes": 9}
    assert policy("equipment_working", **asked).evaluate(facts).wake_at == int(9.5 * MINUTE)


def test_a_gateway_of_which_nothing_is_known_proves_nothing():
    facts = Facts(now=HOUR, states={"s/rig": [Stated(0, "a", "working", "gw")]})
    assert policy("equipment_working", equipment=["rig"], minutes=1).evaluate(facts).percent == 0


def test_without_a_break_only_the_last_stretch_is_on_its_way():
    states = [(0, "working"), (6, "idle"), (7, "working"), (11, "idle")]
    assert worked(states, [(0, 60)], unbroken=True).percent == 40
    assert worked(states, [(0, 60)]).done_at == 11 * MINUTE
    assert worked([*states, (20, "working")], [(0, 60)], unbroken=True).done_at == 30 * MINUTE


def test_being_there_may_be_enough_and_what_was_before_may_not_count():
    assert worked([], [(0, 30)], working=False).done_at == 10 * MINUTE
    assert worked([], [(0, 30)], working=False, since="1970-01-01T00:05:00Z").done_at == 15 * MINUTE


# crews


def at_gate(*acts, now=100, scope=SCOPE, **asked):
    asked = {"place": "gate", "crew": [{"role": "Welder", "people": 2}]} | asked
    told = [CheckedIn(int(at * MINUTE), f"{person}{at}", person, "gate", way, role) for at, person, way, role in acts]
    return policy("crew_checked_in", scope, **asked).evaluate(Facts(now=now * MINUTE, check_ins={"s/gate": told}))


def test_who_left_does_not_count_at_one_time():
    one, two = (0, "a", "in", "welder"), (10, "b", "in", "WELDER")
    assert at_gate(one, (5, "a", "out", "welder"), two).done_at is None
    assert at_gate(one, (5, "a", "out", "welder"), two).percent == 50
    assert at_gate(one, two, (15, "a", "out", "welder")).done_at == 10 * MINUTE


def test_the_same_person_twice_is_one_person():
    assert at_gate((0, "a", "in", "welder"), (1, "a", "in", "welder")).percent == 50


def test_who_forgets_to_check_out_is_gone_after_the_longest_stay():
    first, second = (0, "a", "in", "welder"), (17 * 60, "b", "in", "welder")
    assert at_gate(first, second, now=18 * 60).done_at is None
    assert at_gate(first, second, now=18 * 60, stay_hours=24).done_at == 17 * HOUR
    assert at_gate(first, now=60).wake_at == 16 * HOUR


def test_a_check_in_by_a_fast_clock_counts_when_its_time_has_come():
    acts = [(0, "a", "in", "welder"), (10, "b", "in", "welder")]
    early = at_gate(*acts, now=9)
    assert (early.percent, early.wake_at) == (50, 10 * MINUTE)
    assert at_gate(*acts, now=10).done_at == 10 * MINUTE
    end_of_time = at_gate(acts[0], ((2**63 - 1) / MINUTE, "b", "in", "welder"), now=60)
    assert (end_of_time.percent, end_of_time.wake_at) == (50, 16 * HOUR)


def test_over_a_shift_everybody_of_it_counts_by_the_clock_of_the_site():
    shanghai = Scope("s", "o", "o~m", ZoneInfo("Asia/Shanghai"), {})
    shift = {"starts": "07:00", "ends": "16:00"}
    morning = 23 * 60  # 07:00 in Shanghai, of the second of January 1970
    acts = [(morning + 5, "a", "in", "welder"), (morning + 60, "a", "out", "welder"), (morning + 90, "b", "in", "welder")]
    assert at_gate(*acts, now=morning + 100, scope=shanghai, shift=shift).done_at == (morning + 90) * MINUTE
    assert at_gate(*acts, now=morning + 100, scope=shanghai).done_at is None
    other_day = [(morning + 5, "a", "in", "welder"), (morning + 60, "a", "out", None), (morning + 1450, "b", "in", "welder")]
    assert at_gate(*other_day, now=morning + 1460, scope=shanghai, shift=shift).percent == 50


def test_a_shift_over_midnight_is_one_shift():
    shift = {"starts": "22:00", "ends": "06:00"}
    acts = [(22 * 60 + 30, "a", "in", "welder"), (26 * 60, "b", "in", "welder")]
    assert at_gate(*acts, now=27 * 60, shift=shift).done_at == 26 * HOUR


# readings


def held(*lows, gaps=10, now=1_000, hours="0.5", start=0, **asked):
    rows = [Minute((start + at) * MINUTE, low, low + 1, low + 0.5, 6) for at, low in enumerate(lows) if low is not None]
    asked = {"device": "d", "metric": "t", "above": 5, "hours": hours, "gaps_minutes": gaps} | asked
    return policy("reading_held", **asked).evaluate(Facts(now=now * MINUTE, minutes={"s/d/t": rows}))


def test_a_minute_out_of_range_begins_the_time_anew():
    broken = held(*[6] * 20, 4, *[6] * 9)
    assert broken.percent == 30
    assert "it was 4 at 1970-01-01 00:20" in broken.why.en
    assert held(*[6] * 20, 4).percent == 0
    assert held(*[6] * 20, 4, *[6] * 30).done_at == (21 + 30) * MINUTE


def test_a_gap_that_is_allowed_counts_and_a_longer_one_does_not():
    assert held(*[6] * 10, *[None] * 10, *[6] * 10).done_at == 30 * MINUTE
    longer = held(*[6] * 10, *[None] * 11, *[6] * 5)
    assert longer.done_at is None
    assert "nothing came for 11 min" in longer.why.en


def test_a_late_minute_amends():
    early = held(*[6] * 30)
    assert early.done_at == 30 * MINUTE
    assert held(*[6] * 12, 3, *[6] * 17).done_at is None
    assert held(*[6] * 10, *[None] * 11, 6, *[6] * 14).done_at is None
    assert held(*[6] * 10, *[None] * 5, 6, *[None] * 5, 6, *[6] * 14).done_at == 30 * MINUTE


def test_a_minute_that_is_not_over_does_not_count_yet():
    result = held(*[6] * 30, now=29)
    assert result.done_at is None
    assert result.wake_at == 30 * MINUTE


def test_bounds_are_part_of_what_holds_and_the_mean_may_be_asked_for():
    assert held(*[5] * 30, below=6).done_at is not None
    assert held(*[5] * 30, below=5.9).done_at is None
    assert held(*[4.6] * 30).percent == 0
    assert held(*[4.6] * 30, by="mean").done_at is not None


def test_evidence_of_weeks_is_told_by_the_day():
    weeks = held(*[6] * (28 * 24 * 60), hours=28 * 24, now=10**6)
    assert weeks.done_at == 28 * 24 * HOUR
    assert len(weeks.evidence) == 28


# inspections


def inspected(*acts, check="weld", **asked):
    told = [Inspected(at * MINUTE, f"i{at}", check, result, "Li", photo) for at, result, photo in acts]
    return policy("inspection_passed", checks=[check], **asked).evaluate(Facts(now=HOUR, inspections={f"o/{check}": told}))


def test_the_newest_inspection_decides_and_a_later_failure_reopens():
    assert inspected((1, "passed", None)).done_at == MINUTE
    assert inspected((1, "passed", None), (2, "failed", None)).done_at is None
    assert inspected((1, "passed", None), (2, "failed", None), (3, "passed", None), (4, "passed", None)).done_at == 3 * MINUTE


def test_hidden_works_need_their_pictures_before_acceptance():
    lacking = inspected((1, "passed", None), photos=1)
    assert lacking.done_at is None
    assert "1 picture missing" in lacking.why.en
    assert inspected((1, "conditional", "a"), (2, "passed", None), photos=1).done_at == 2 * MINUTE
    assert inspected((1, "failed", "a"), (2, "passed", None), photos=1).done_at is None
    assert inspected((1, "passed", "a"), (2, "passed", "a"), photos=2).done_at is None
    assert inspected((1, "passed", "a"), (2, "passed", "b"), photos=2).done_at == 2 * MINUTE


def test_a_check_that_the_plan_marks_needs_a_picture_whatever_the_policy_says():
    assert inspected((1, "passed", None), check="cage").done_at is None
    assert inspected((1, "passed", "a"), check="cage").done_at == MINUTE


def test_conditions_are_enough_only_where_the_policy_says_so():
    assert inspected((1, "conditional", None)).done_at is None
    assert inspected((1, "passed", None), (2, "conditional", None)).done_at is None
    assert inspected((1, "conditional", None), conditional=True).done_at == MINUTE


# dates


def test_a_day_begins_by_the_clock_of_the_site():
    shanghai = Scope("s", "o", "o~m", ZoneInfo("Asia/Shanghai"), {})
    day = policy("date_reached", shanghai, at="1970-01-02")
    before, after = day.evaluate(Facts(now=16 * HOUR - 1)), day.evaluate(Facts(now=16 * HOUR))
    assert (before.percent, before.wake_at) == (0, 16 * HOUR)
    assert (after.percent, after.done_at) == (Decimal(100), 16 * HOUR)


# what is declared wrong


@pytest.mark.parametrize(
    ("declared", "path", "remedy"),
    [
        ({}, "the document", "use one of material_arrived"),
        ({"materal_arrived": {}}, "the document", "did you mean 'material_arrived'?"),
        ({"material_arrived": {"ratoi": 1}}, "material_arrived", "did you mean 'ratio'?"),
        ({"material_arrived": {}, "date_reached": {"at": "2026-12-01"}}, "the document", "put each in a part of 'all_of'"),
        ({"n_of": {"n": 2, "of": [{"date_reached": {"at": "2026-12-01"}}]}}, "n_of", "lower n"),
        ({"any_of": [{"signed_off": {"role": "x", "after_rest": True}}]}, "the document", "nest an 'all_of'"),
        ({"signed_off": {"role": "x", "after_rest": True}}, "the document", "put it into 'all_of'"),
        ({"all_of": [{"signed_off": {"role": "x", "after_rest": True}}]}, "the document", "add what they come after"),
        ({"reading_held": {"device": "a", "metric": "b", "hours": 72}}, "reading_held", "at least one of them is needed"),
        ({"reading_held": {"device": "a", "metric": "b", "hours": 1, "above": 3, "below": 2}}, "reading_held", "swap them"),
        ({"equipment_working": {"equipment": ["a"], "minutes": 1, "working": False}}, "equipment_working", "name the zone"),
        ({"date_reached": {"at": "9999-12-31T23:59:59Z"}}, "date_reached.at", "from 1970 to 2200"),
        ({"date_reached": {"at": "0001-01-01"}}, "date_reached.at", "from 1970 to 2200"),
        ({"all_of": [{"all_of": [{"date_reached": {}}]}]}, "all_of.0.all_of.0.date_reached.at", "Field required"),
    ],
)
def test_a_mistake_is_told_with_its_path_and_what_to_do(declared, path, remedy):
    with pytest.raises(ValidationError) as refused:
        parse(json.dumps(declared))
    told = explained(refused.value)
    assert told.startswith(f"{path}: ")
    assert remedy in told


@pytest.mark.parametrize("deep", [MOST_DEEP, 150, 100_000])
def test_what_is_too_deep_is_refused_at_once(deep):
    with pytest.raises(ValidationError):
        parse('{"all_of": [' * deep + '{"date_reached": {"at": "2026-12-01"}}' + "]}" * deep)


def test_what_is_made_of_too_many_parts_is_refused():
    some = {"any_of": [{"date_reached": {"at": "2026-12-01"}}] * 50}
    with pytest.raises(ValidationError, match="split the milestone"):
        parse(json.dumps({"all_of": [some] * 50}))
