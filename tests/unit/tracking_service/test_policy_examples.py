"""The examples of the reference page: each is read, told as a sentence, and done when what it asks for was seen."""

import json
from decimal import Decimal

import pytest

from plumbline.command.docs_policies import page
from tracking_service.document.examples import EXAMPLES, EXPECTED, SCOPE
from tracking_service.document.policy import PolicyDocument, parse
from tracking_service.domain.facts import Arrival, CheckedIn, Facts, Inspected, Minute, SignedOff, Stated, Visit
from tracking_service.domain.policies import sentence

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
EVENING = 1_795_000_000 * 1_000_000_000  # in 2026
MORNING = EVENING // (24 * HOUR) * 24 * HOUR  # 08:00 in Shanghai
LATER = MORNING + 100 * 24 * HOUR
PEOPLE = [("welder", 5), ("foreman", 1), (None, 6)]

KNOWN = Facts(
    now=LATER,
    expected=EXPECTED,
    arrivals={"PO-2026-0117~10": [Arrival(MORNING, "scan", "PO-2026-0117~10", "all", Decimal(38))]},
    states={"riverside/rig-1": [Stated(MORNING, "works", "working", "gw"), Stated(MORNING + 11 * HOUR, "stops", "off", "gw")]},
    visits={"riverside/rig-1": [Visit(MORNING, MORNING + 12 * HOUR, "pit", "rig-1", "inside", "gw")]},
    check_ins={
        "riverside/gate": [
            CheckedIn(MORNING + place * MINUTE, f"{role}-{place}", f"{role}-{place}", "gate", "in", role)
            for role, count in PEOPLE
            for place in range(count)
        ]
    },
    minutes={"riverside/probe-3/temp_c": [Minute(MORNING + place * MINUTE, 19, 21, 20, 6) for place in range(72 * 60)]},
    inspections={
        "PO-2026-0117/rebar-cage": [
            Inspected(MORNING, "before", "rebar-cage", "conditional", "Li", "a" * 64),
            Inspected(MORNING + HOUR, "after", "rebar-cage", "passed", "Li", "b" * 64),
        ]
    },
    sign_offs={"PO-2026-0117~deck/supervisor": [SignedOff(MORNING + 2 * HOUR, "signed", "supervisor", "Wang")]},
    known_until={"riverside/gw": LATER, "": LATER},
)
DONE_AT = {
    "material_arrived": MORNING,
    "equipment_working": MORNING + 10 * HOUR,
    "crew_checked_in": MORNING + 3 * MINUTE,
    "reading_held": MORNING + 72 * HOUR,
    "inspection_passed": MORNING + HOUR,
    "signed_off": MORNING + 2 * HOUR,
    "date_reached": 1_796_054_400 * 1_000_000_000,  # 2026-12-01 00:00 in Shanghai
    "all_of": MORNING + 2 * HOUR,
    "any_of": MORNING + 72 * HOUR,
    "n_of": MORNING + 5 * MINUTE,
}


def test_every_policy_has_an_example_and_a_place_on_the_page():
    assert list(EXAMPLES) == list(PolicyDocument.model_fields)
    text = page()
    assert all(f"## `{kind}`" in text for kind in EXAMPLES)


def test_every_key_on_the_page_has_a_meaning():
    for line in page().splitlines():
        if line.startswith("| `"):
            assert line.split("|")[-2].strip(), line


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_read_told_and_done_when_all_was_seen(kind):
    declared = parse(json.dumps(EXAMPLES[kind]))
    assert parse(declared.model_dump_json(exclude_defaults=True)) == declared
    policy = declared.bind(SCOPE)
    assert sentence(policy).en in page()
    nothing = policy.evaluate(Facts(now=0, expected=EXPECTED))
    assert (nothing.percent, nothing.done_at, nothing.evidence) == (0, None, ())
    result = policy.evaluate(KNOWN)
    assert (result.percent, result.done_at) == (100, DONE_AT[kind])
    assert result.evidence or kind == "date_reached"
    assert result.wake_at is None
