"""What element strings of one label ask of each other (GS1 General Specifications, section 4.14)."""

from collections.abc import Iterable, Iterator

from edge_agent.gs1.elements import Elements
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.table import UNKNOWN, identifiers

#: AI (8030), a digital signature, wants these keys with their serial component: key → length without it.
_SIGNED = {"253": 13, "255": 13, "8003": 14}


def check(elements: Elements, *, requisites: bool) -> None:
    """Check repetitions and exclusions, and with `requisites` that every AI has the AIs it needs. Raises `Gs1Error`."""
    _check_repetitions(elements)
    present = dict(elements)
    for ai in present:
        for pattern in identifiers().get(ai, UNKNOWN).excludes:
            other = next((other for other in _matching(pattern, present) if other != ai), None)
            if other is not None:
                raise Gs1Error(f"AI ({ai}) and AI ({other}) exclude each other on one label")
    for ai, wanted in unmet(elements) if requisites else ():
        raise Gs1Error(f"AI ({ai}) is not alone: it needs {wanted} beside it")
    if "8030" in present:
        for ai, length in _SIGNED.items():
            if ai in present and len(present[ai]) <= length:
                raise Gs1Error(f"AI ({ai}) must have its serial component where AI (8030) signs it")


def unmet(elements: Elements) -> Iterator[tuple[str, str]]:
    """The AIs that lack those that they require, each with what it needs, as `(01) or (02)+(37)`."""
    present = dict(elements)
    for ai in present:
        for alternatives in identifiers().get(ai, UNKNOWN).requires:
            if not any(_all_present(each, present, ai) for each in alternatives):
                yield ai, " or ".join("+".join(f"({one})" for one in each) for each in alternatives)


def exclude_each_other(one: str, other: str) -> bool:
    """Whether two different AIs may not stand on one label."""
    table = identifiers()
    return any(_matching(pattern, {other: ""}) for pattern in table[one].excludes) or any(
        _matching(pattern, {one: ""}) for pattern in table[other].excludes
    )


def _check_repetitions(elements: Elements) -> None:
    values: dict[str, str] = {}
    for ai, value in elements:
        if values.setdefault(ai, value) != value:
            raise Gs1Error(f"AI ({ai}) stands twice with different values, '{values[ai]}' and '{value}'")


def _all_present(wanted: Iterable[str], present: dict[str, str], ai: str) -> bool:
    return all(any(other != ai for other in _matching(one, present)) for one in wanted)


def _matching(pattern: str, present: dict[str, str]) -> list[str]:
    """The AIs that a pattern means: `n` stands for any digit."""
    if "n" not in pattern:
        return [pattern] if pattern in present else []
    fixed = pattern.rstrip("n")
    return [ai for ai in present if len(ai) == len(pattern) and ai.startswith(fixed)]
