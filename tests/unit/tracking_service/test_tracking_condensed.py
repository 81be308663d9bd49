"""Few steps say of a line what all its scans say."""

from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from plumbline.text import Text
from tracking_service.domain.condensed import Total, condensed
from tracking_service.domain.facts import Arrival, Facts
from tracking_service.domain.policies import Composed, Level, Line, MaterialArrived, counted, levels

UTC = ZoneInfo("UTC")
LINES = tuple(Line(f"PO~{name}", Text(name, name), "pcs") for name in ("10", "20"))
QUANTITIES = st.decimals(1, 6, places=1)


@st.composite
def arrivals(draw, line):
    rows = draw(
        st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4), QUANTITIES, st.booleans(), st.integers(0, 9)), max_size=9)
    )
    back = draw(st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0, 1, None]), QUANTITIES), max_size=3))
    came = [
        Arrival(at, f"e{number}", line, f"p{piece}", quantity, certified, certified_at)
        for number, (at, piece, quantity, certified, certified_at) in enumerate(rows)
    ]
    went = [
        Arrival(at, f"r{number}", line, f"p{piece}" if piece is not None else f"return:{number}", -quantity)
        for number, (at, piece, quantity) in enumerate(back)
    ]
    return came + went


@st.composite
def material(draw):
    lines = draw(st.sampled_from([LINES, LINES[:1], LINES[1:]]))
    ratio = draw(st.sampled_from([Decimal(1), Decimal("0.5"), Decimal("0.333333")]))
    return MaterialArrived(lines, ratio, draw(st.booleans()), UTC)


POLICIES = st.one_of(
    material(),
    st.builds(lambda parts: Composed("all_of", len(parts), tuple(parts)), st.lists(material(), min_size=1, max_size=3)),
    st.builds(lambda parts: Composed("any_of", 1, tuple(parts)), st.lists(material(), min_size=1, max_size=3)),
)


def since(rows, level):
    """Since when so much has been there without a break, told in the plainest way."""
    counts = [
        (max(row.at, row.certified_at) if level.certified_only else row.at, row.quantity)
        for row in counted(rows)
        if row.certified or not level.certified_only
    ]
    times = sorted({at for at, _ in counts})
    sums = [sum((quantity for when, quantity in counts if when <= at), Decimal(0)) for at in times]
    if not sums or sums[-1] < level.quantity:
        return None
    below = [place for place, there in enumerate(sums) if there < level.quantity]
    return times[below[-1] + 1 if below else 0]


def total(rows):
    counts = counted(rows)
    sure = [row for row in counts if row.certified]
    return Total(
        sum((row.quantity for row in counts), Decimal(0)),
        sum((row.quantity for row in sure), Decimal(0)),
        len(counts),
        len(sure),
    )


@given(POLICIES, arrivals("PO~10"), arrivals("PO~20"), QUANTITIES, QUANTITIES)
def test_steps_give_the_result_of_all_scans(policy, first, second, some, other):
    rows = {"PO~10": first, "PO~20": second}
    expected = {"PO~10": some, "PO~20": other}
    asked = levels(policy, expected)
    reached = {level: since(rows[level.line], level) for level in asked}
    steps = condensed(asked, {line: total(found) for line, found in rows.items()}, reached)
    mixed = {line for line in rows if len({level.certified_only for level in asked if level.line == line}) > 1}
    assert (steps is None) == bool(mixed)
    if steps is None:
        return
    whole = policy.evaluate(Facts(99, arrivals=rows, expected=expected))
    short = policy.evaluate(Facts(99, arrivals=steps.arrivals, expected=expected))
    assert (short.percent, short.done_at, short.why) == (whole.percent, whole.done_at, whole.why)
    if isinstance(policy, MaterialArrived):
        assert sum(steps.weights.get(proof.id, 1) for proof in short.evidence) == len(whole.evidence)


def test_a_step_stands_for_thousands():
    level = Level("PO~10", Decimal(10_000), certified_only=False)
    steps = condensed({level}, {"PO~10": Total(Decimal(12_000), Decimal(0), 12_000, 0)}, {level: 7})
    assert steps is not None
    assert [(step.at, step.quantity) for step in steps.arrivals["PO~10"]] == [(7, 10_000), (7, 2_000)]
    assert sum(steps.weights.values()) == 12_000
    assert all(one.at <= other.at for one, other in pairwise(steps.arrivals["PO~10"]))
