"""What holds of every policy, whatever was seen and in whatever order it came."""

from dataclasses import replace
from datetime import UTC
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.text import Text
from tracking_service.document.policy import parse
from tracking_service.domain.facts import (
    Arrival,
    CheckedIn,
    Facts,
    Inspected,
    Minute,
    SignedOff,
    Stated,
    Visit,
)
from tracking_service.domain.policies import sentence
from tracking_service.domain.policies.material import Line
from tracking_service.domain.policies.scope import Scope

MINUTE = 60_000_000_000
NOW = 90 * MINUTE
LINES = ("10", "20")
SCOPE = Scope("s", "o", "o~m", UTC, {number: Line(f"o~{number}", Text(number, number), "t") for number in LINES})
EXPECTED = {"o~10": Decimal(4), "o~20": Decimal(6)}

MATERIAL = '{"material_arrived": {"ratio": 0.8}}'
CERTIFIED = '{"material_arrived": {"lines": ["10"], "certificates": true}}'
WORKED = '{"equipment_working": {"equipment": ["m1", "m2"], "zone": "pit", "minutes": 12}}'
ANYWHERE = '{"equipment_working": {"equipment": ["m1"], "minutes": 20}}'
PRESENT = '{"equipment_working": {"equipment": ["m1"], "zone": "pit", "minutes": 15, "working": false}}'
UNBROKEN = '{"equipment_working": {"equipment": ["m1", "m2"], "zone": "pit", "minutes": 8, "unbroken": true}}'
TOGETHER = '{"crew_checked_in": {"place": "gate", "crew": [{"role": "welder", "people": 2}, {"people": 3}], "stay_hours": 1}}'
SHIFT = (
    '{"crew_checked_in": {"place": "gate", "crew": [{"role": "welder", "people": 2}, {"people": 3}], "stay_hours": 1,'
    ' "shift": {"starts": "00:10", "ends": "00:50"}}}'
)
HELD = '{"reading_held": {"device": "d", "metric": "t", "above": 5, "hours": 0.25, "gaps_minutes": 3}}'
INSPECTED = '{"inspection_passed": {"checks": ["c1", "c2"], "photos": 1}}'
SIGNED = '{"signed_off": {"role": "boss", "people": 2}}'
DATED = '{"date_reached": {"at": "1970-01-01T01:00:00Z"}}'
HOLD = f'{{"all_of": [{MATERIAL}, {INSPECTED}, {{"signed_off": {{"role": "boss", "after_rest": true}}}}]}}'
EITHER = f'{{"any_of": [{WORKED}, {TOGETHER}, {SIGNED}]}}'
SOME = f'{{"n_of": {{"n": 2, "of": [{CERTIFIED}, {SIGNED}, {EITHER}, {DATED}]}}}}'
SEVERAL = f'{{"n_of": {{"n": 2, "of": [{ANYWHERE}, {TOGETHER}, {HELD}, {PRESENT}]}}}}'
MONOTONE = (MATERIAL, HELD, CERTIFIED, WORKED, ANYWHERE, PRESENT, TOGETHER, SHIFT, SIGNED, DATED, EITHER, SOME)
EVERY = (*MONOTONE, UNBROKEN, INSPECTED, HOLD)

minutes = st.integers(0, 89)
times = minutes.map(lambda minute: minute * MINUTE)
ids = st.integers(0, 10**9).map(str)
pieces = st.integers(0, 9)
ROLES = {"a": "welder", "b": "welder", "c": "Welder", "d": None, "e": "foreman"}

arrivals = st.builds(
    lambda at, name, line, piece: Arrival(at, name, f"o~{line}", f"p{piece}", Decimal(piece + 1) / 2, certified=piece % 3 > 0),
    times,
    ids,
    st.sampled_from(LINES),
    pieces,
)
returns = st.builds(
    lambda at, name, line, piece: Arrival(at, name, f"o~{line}", f"p{piece}", -Decimal(piece + 1) / 2),
    times,
    ids,
    st.sampled_from(LINES),
    st.sampled_from([0, 1, 20]),
)
working = st.builds(
    lambda at, name, machine: (machine, Stated(at, name, "working", "g")), times, ids, st.sampled_from(["m1", "m2"])
)
stopped = st.builds(
    lambda at, name, machine, state: (machine, Stated(at, name, state, "g")),
    times,
    ids,
    st.sampled_from(["m1", "m2"]),
    st.sampled_from(["idle", "off", "fault"]),
)
visits = st.builds(
    lambda at, name, machine, long, zone: Visit(at, None if long == 0 else at + long * MINUTE, zone, machine, name, "g"),
    times,
    ids,
    st.sampled_from(["m1", "m2"]),
    st.integers(0, 40),
    st.sampled_from(["pit", "pit", "road"]),
)
came = st.builds(
    lambda at, name, person: CheckedIn(at, name, person, "gate", "in", ROLES[person]),
    times,
    ids,
    st.sampled_from(sorted(ROLES)),
)
left = st.builds(
    lambda at, name, person: CheckedIn(at, name, person, "gate", "out", ROLES[person]),
    times,
    ids,
    st.sampled_from(sorted(ROLES)),
)
readings = st.builds(
    lambda at, low, high: Minute(at, low, low + high, low + high / 2, 60), times, st.integers(3, 9), st.integers(0, 4)
)
lasting = st.tuples(minutes, st.lists(st.sampled_from([None, 4, *[6] * 20]), max_size=60)).map(
    lambda found: [
        Minute((found[0] + place) * MINUTE, low, low + 1, low + 0.5, 60)
        for place, low in enumerate(found[1])
        if low is not None
    ]
)
inspections = st.builds(
    lambda at, name, check, result, photo: Inspected(at, name, check, result, "Li", photo),
    times,
    ids,
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(["passed", "passed", "passed", "failed", "conditional"]),
    st.sampled_from([None, "x", "y"]),
)
signed = st.builds(lambda at, name, person: SignedOff(at, name, "boss", person), times, ids, st.sampled_from("pqr"))
withdrawn = st.builds(lambda at, name, person: SignedOff(at, name, "boss", person, True), times, ids, st.sampled_from("pqr"))
held = times.map(lambda at: Minute(at, 6, 7, 6.5, 60))
good = st.one_of(arrivals, working, visits, came, signed, held)
limits = st.one_of(returns, stopped, left, withdrawn)


def _unlike(observation):
    """What may not be there twice: one id is one observation, one minute has one summary."""
    return observation.at if isinstance(observation, Minute) else _id(observation)


def _id(observation):
    return (
        observation[1].id
        if isinstance(observation, tuple) and isinstance(observation[0], str) and len(observation) == 2
        else observation.id
    )


def _each_once(lists):
    return list({_unlike(each): each for found in lists for each in found}.values())


seen = st.tuples(
    st.lists(arrivals, max_size=15),
    st.lists(st.one_of(working, working, stopped), max_size=6),
    st.lists(visits, max_size=6),
    st.lists(came, max_size=12),
    st.lists(st.one_of(inspections, signed), max_size=10),
    st.lists(st.one_of(limits, readings), max_size=5),
    lasting,
).map(_each_once)


def facts_of(observations, now=NOW):
    found = {name: {} for name in ("arrivals", "states", "visits", "check_ins", "minutes", "inspections", "sign_offs")}
    for each in observations:
        match each:
            case Arrival():
                found["arrivals"].setdefault(each.line, []).append(each)
            case (machine, Stated() as state):
                found["states"].setdefault(f"s/{machine}", []).append(state)
            case Visit():
                found["visits"].setdefault(f"s/{each.subject}", []).append(each)
            case CheckedIn():
                found["check_ins"].setdefault("s/gate", []).append(each)
            case Minute():
                found["minutes"].setdefault("s/d/t", []).append(each)
            case Inspected():
                found["inspections"].setdefault(f"o/{each.check}", []).append(each)
            case SignedOff():
                found["sign_offs"].setdefault("o~m/boss", []).append(each)
    return Facts(now=now, expected=EXPECTED, known_until={"s/g": 80 * MINUTE, "": 80 * MINUTE}, **found)


def evaluated(text, observations, now=NOW):
    return parse(text).bind(SCOPE).evaluate(facts_of(observations, now))


def limiting(observation):
    """What ends, takes back or refuses: without it more may count."""
    match observation:
        case (str(), Stated() as state):
            return state.state != "working"
        case Arrival(quantity=quantity, piece=piece):
            return quantity < 0 or piece in {"p0", "p1"}  # some of these go back: a return without its arrival counts by itself
        case CheckedIn(direction="out") | SignedOff(withdrawn=True) | Inspected(result="failed" | "conditional"):
            return True
        case Minute(low=low):
            return low < 5
    return False


@pytest.mark.parametrize("text", EVERY)
@settings(max_examples=30)
@given(observations=seen, random=st.randoms())
def test_order_and_repetition_change_nothing(text, observations, random):
    once = evaluated(text, observations)
    again = observations * 2
    random.shuffle(again)
    assert evaluated(text, again) == once


@pytest.mark.parametrize("text", EVERY)
@settings(max_examples=30)
@given(observations=seen, now=times)
def test_a_hundred_percent_is_done_and_nothing_else_is(text, observations, now):
    result = evaluated(text, observations, now)
    assert 0 <= result.percent <= 100
    assert (result.percent == 100) == (result.done_at is not None)
    assert result.percent == 0 or result.evidence or "date_reached" in text or "minutes" in text
    assert result.wake_at is None or result.wake_at > now
    assert result.why.en
    assert result.why.zh


@pytest.mark.parametrize("text", EVERY)
@settings(max_examples=20)
@given(observations=seen)
def test_evidence_is_exactly_what_counts(text, observations):
    result = evaluated(text, observations)
    proof = {each.id for each in result.evidence}
    for observation in observations:
        if isinstance(observation, Minute):
            continue  # they are proof by the hour, in a test of their own
        without = evaluated(text, [each for each in observations if each is not observation])
        if _id(observation) in proof:
            if not limiting(observation):
                assert without.percent <= result.percent
        elif not limiting(observation):
            assert (without.percent, without.done_at, without.evidence) == (result.percent, result.done_at, result.evidence)


@given(observations=st.one_of(st.lists(readings, max_size=60, unique_by=_unlike), lasting))
def test_of_readings_only_those_count_since_the_stretch_began(observations):
    result = evaluated(HELD, observations)
    first = min((each.at for each in result.evidence), default=None)
    if first is None:
        return
    again = evaluated(HELD, [each for each in observations if each.at >= first])
    assert (again.percent, again.done_at, again.evidence) == (result.percent, result.done_at, result.evidence)
    for one in observations:
        without = evaluated(HELD, [each for each in observations if each is not one])
        if one.low >= 5:
            assert without.percent <= result.percent
    if result.done_at is not None:
        later = [each for each in observations if each.at <= result.done_at + 3 * MINUTE]  # a gap may lie over the end
        assert evaluated(HELD, later).done_at == result.done_at


@pytest.mark.parametrize("text", MONOTONE)
@settings(max_examples=30)
@given(observations=seen, more=good)
def test_what_is_seen_besides_never_lowers(text, observations, more):
    if _unlike(more) in {_unlike(each) for each in observations}:
        return
    before, after = evaluated(text, observations), evaluated(text, [*observations, more])
    assert after.percent >= before.percent
    if before.done_at is not None:
        assert after.done_at is not None
        assert after.done_at <= before.done_at


@pytest.mark.parametrize("text", [WORKED, ANYWHERE, PRESENT, UNBROKEN, TOGETHER, SHIFT, HELD, SEVERAL])
@settings(max_examples=30)
@given(observations=seen)
def test_what_is_seen_after_it_was_done_changes_nothing(text, observations):
    result = evaluated(text, observations)
    if result.done_at is not None:
        until = result.done_at + 3 * MINUTE  # a gap may lie over the end
        until_then = evaluated(text, [each for each in observations if _at(each) <= until])
        assert replace(until_then, parts=()) == replace(result, parts=())


def _at(observation):
    match observation:
        case Visit():
            return observation.since
        case (str(), Stated() as state):
            return state.at
    return observation.at


@pytest.mark.parametrize("text", EVERY)
def test_every_policy_reads_as_a_sentence(text):
    said = sentence(parse(text).bind(SCOPE))
    assert said.en.startswith("Done when ")
    assert said.zh.endswith("即完成")
