"""What a machine does, by its registers. Pure: contents in, state out."""

from collections.abc import Mapping

from edge_agent.modbus import Contents, Point, RegisterError, value_of
from edge_agent.readers.modbus.declaration import StatePoints
from plumbline.profile.modbus import StateRule, StateWord


def state_of(points: StatePoints, contents: Contents, values: Mapping[str, float]) -> tuple[StateWord, str | None] | None:
    """State and fault code; `None` where not enough was read to tell. `values` are the measured metrics.

    Raises `RegisterError` where the register says what has no word.
    """
    state = _by_word(points, contents) if points.register is not None else _by_rules(points, contents, values)
    if state is None:
        return None
    code = None if points.code is None else value_of(points.code, contents)
    return state, None if code is None or code in {0, ""} else _said(code)[:256]


def _said(value: float | str) -> str:
    """As it stands in the register map, to the last digit."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _by_word(points: StatePoints, contents: Contents) -> StateWord | None:
    assert points.register is not None
    value = value_of(points.register, contents)
    if value is None:
        return None
    said = _said(value)
    word = points.shape.words.get(said) or points.shape.otherwise
    if word is None:
        known = ", ".join(points.shape.words)
        raise RegisterError(f"{points.register.place}: {said} is none of {known}; declare it under state.words")
    return word


def _by_rules(points: StatePoints, contents: Contents, values: Mapping[str, float]) -> StateWord | None:
    for rule, point in zip(points.shape.rules, points.rules, strict=True):
        value = _value(rule, point, contents, values)
        if value is None:
            return None  # a later rule would count only where this one is known not to hold
        if _holds(rule, value):
            return rule.state
    if points.shape.otherwise is None:
        raise RegisterError("no rule of the state holds; add state.otherwise")
    return points.shape.otherwise


def _value(rule: StateRule, point: Point | None, contents: Contents, values: Mapping[str, float]) -> float | None:
    if rule.metric is not None:
        return values.get(rule.metric)
    assert point is not None
    value = value_of(point, contents)
    return None if isinstance(value, str) else value


def _holds(rule: StateRule, value: float) -> bool:
    if not rule.equals and rule.at_least is None and rule.at_most is None:
        return value != 0
    return (
        (not rule.equals or value in rule.equals)
        and (rule.at_least is None or value >= rule.at_least)
        and (rule.at_most is None or value <= rule.at_most)
    )
