"""Policies of policies, and material and signatures under them."""

from datetime import UTC
from decimal import Decimal

from plumbline.text import Text
from tracking_service.document.policy import parse
from tracking_service.domain.facts import Arrival, Facts, Need, SignedOff
from tracking_service.domain.policies import Level, levels, sentence
from tracking_service.domain.policies.material import Line
from tracking_service.domain.policies.scope import Scope

SCOPE = Scope(
    "site-a",
    "o-1",
    "o-1~m",
    UTC,
    {number: Line(f"o-1~{number}", Text(f"Steel {number}", f"钢筋{number}"), "t") for number in ("10", "20")},
    {("role", "supervisor"): Text("the supervisor", "监理")},
)
EXPECTED = {"o-1~10": Decimal(4), "o-1~20": Decimal(10)}
ROLE = "o-1~m/supervisor"


def policy(text):
    return parse(text).bind(SCOPE)


def came(at, line="10", quantity=1, *, piece=None, certified=True, certified_at=0):
    return Arrival(at, f"e{at}-{line}", f"o-1~{line}", piece or f"p{at}", Decimal(str(quantity)), certified, certified_at)


def facts(*arrivals, signed=(), now=10**18, **rest):
    by_line = {f"o-1~{line}": [a for a in arrivals if a.line == f"o-1~{line}"] for line in ("10", "20")}
    return Facts(now=now, arrivals=by_line, expected=EXPECTED, sign_offs={ROLE: signed}, **rest)


def test_material_tells_what_is_missing():
    result = policy('{"material_arrived": {}}').evaluate(facts(came(1, quantity=4), came(2, "20", 2.5)))
    assert result.percent == Decimal("62.5")
    assert result.done_at is None
    assert result.why.en == "1 of 2 material lines complete, missing 7.5 t Steel 20"
    assert result.why.zh == "2 行物料已齐 1 行，还缺钢筋20 7.5 t"


def test_material_that_goes_back_reopens_and_counts_again_when_it_returns():
    ten = policy('{"material_arrived": {"lines": ["10"]}}')
    there = came(1, quantity=4, piece="x")
    back = Arrival(5, "act", "o-1~10", "x", Decimal(-4))
    again = came(9, quantity=4, piece="x")
    assert ten.evaluate(facts(there)).done_at == 1
    assert ten.evaluate(facts(there, back)).percent == 0
    assert ten.evaluate(facts(there, back, again)).done_at == 9
    assert ten.evaluate(facts(there, again)).done_at == 1


def test_material_without_its_certificate_counts_from_when_that_comes():
    wanted = policy('{"material_arrived": {"lines": ["10"], "certificates": true}}')
    lacking = wanted.evaluate(facts(came(1, quantity=4, certified=False)))
    assert lacking.percent == 0
    assert "without certificate" in lacking.why.en
    assert lacking.evidence == ()
    assert wanted.evaluate(facts(came(1, quantity=4, certified_at=7))).done_at == 7


def test_any_of_is_as_far_as_its_best_part_and_n_of_as_its_best_n():
    parts = '[{"material_arrived": {"lines": ["10"]}}, {"material_arrived": {"lines": ["20"]}}, {"signed_off": {"role": "supervisor"}}]'
    known = facts(came(1, quantity=2), came(2, "20", 2))
    assert policy(f'{{"any_of": {parts}}}').evaluate(known).percent == 50
    assert policy(f'{{"n_of": {{"n": 2, "of": {parts}}}}}').evaluate(known).percent == 35
    assert policy(f'{{"all_of": {parts}}}').evaluate(known).percent == Decimal("23.33")


def test_what_is_composed_is_done_when_so_many_parts_were():
    parts = '[{"material_arrived": {"lines": ["10"]}}, {"material_arrived": {"lines": ["20"]}}]'
    known = facts(came(1, quantity=4), came(2, "20", 10))
    assert policy(f'{{"any_of": {parts}}}').evaluate(known).done_at == 1
    every = policy(f'{{"all_of": {parts}}}').evaluate(known)
    assert (every.done_at, every.percent) == (2, 100)


def test_a_hold_point_cannot_be_signed_before_the_rest_is_done():
    hold = policy(
        '{"all_of": [{"material_arrived": {"lines": ["10"]}}, {"signed_off": {"role": "supervisor", "after_rest": true}}]}'
    )
    early = SignedOff(3, "s1", "supervisor", "Li")
    late = SignedOff(8, "s2", "supervisor", "Li")
    waiting = hold.evaluate(facts(signed=[early]))
    assert waiting.percent == 0
    assert "before all else was done" in waiting.why.en
    assert hold.evaluate(facts(came(5, quantity=4), signed=[early])).done_at is None
    assert hold.evaluate(facts(came(5, quantity=4), signed=[early, late])).done_at == 8
    assert hold.evaluate(facts(came(2, quantity=4), signed=[early, late])).done_at == 3


def test_a_withdrawn_signature_does_not_stand():
    one = policy('{"signed_off": {"role": "supervisor"}}')
    acts = [SignedOff(3, "s1", "supervisor", "Li"), SignedOff(5, "s2", "supervisor", "Li", withdrawn=True)]
    assert one.evaluate(facts(signed=acts)).done_at is None
    assert one.evaluate(facts(signed=[*acts, SignedOff(4, "s3", "supervisor", "Wu")])).done_at == 4
    two = policy('{"signed_off": {"role": "supervisor", "people": 2}}')
    assert two.evaluate(facts(signed=[acts[0], SignedOff(4, "s3", "supervisor", "Li")])).percent == 50


def test_a_policy_reads_as_a_sentence_and_says_what_it_needs():
    hold = policy('{"all_of": [{"material_arrived": {}}, {"signed_off": {"role": "supervisor", "after_rest": true}}]}')
    assert sentence(hold).en == (
        "Done when 100 % of each of 2 material lines has arrived, and the supervisor has signed off after all that"
    )
    assert sentence(hold).zh == "2 行物料每行到货 100%，且此后监理签字，即完成"
    assert hold.needs() == {Need("line", "o-1~10"), Need("line", "o-1~20"), Need("role", ROLE)}
    assert levels(policy('{"material_arrived": {"lines": ["10"], "ratio": 0.5}}'), EXPECTED) == {
        Level("o-1~10", Decimal("2.0"), certified_only=False)
    }
