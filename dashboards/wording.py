"""The boards' words in other languages, from a table: the English of the code is the key.

People's own titles (of orders, milestones, lines, sites, zones) come in both languages from their own files.
"""

from typing import Any, Final, cast

from dashboards.chinese import ZH
from dashboards.edition import EditionError, Language

#: Keys of Grafana's model whose text is read by people.
_READ: Final = frozenset({"title", "description", "label", "text", "noValue", "displayName"})
#: The same as properties of a field override.
_READ_PROPERTIES: Final = frozenset({"displayName", "noValue"})
#: A unit of our own; Grafana translates its others.
_SUFFIX: Final = "suffix: "

#: What is the same in every language.
_SAME: Final = frozenset({"", "–", "°C", "m/s", "dB(A)", "PM2.5", "PM10", "t", "/s"})


def in_words_of(language: Language, model: dict[str, Any]) -> dict[str, Any]:
    """A board in another language.

    Raises:
        EditionError: a text has no translation; it must be added to `dashboards.chinese`.
    """
    return model if language == "en" else _told(model)


def _chinese(text: str) -> str:
    if text in _SAME:
        return text
    if text not in ZH:
        raise EditionError(f"'{text}' has no Chinese words; add them to dashboards/chinese.py")
    return ZH[text]


def _told(node: dict[str, Any]) -> dict[str, Any]:
    told = {key: _value(key, value) for key, value in node.items()}
    if node.get("id") in _READ_PROPERTIES:
        told["value"] = _chinese(node["value"])
    if node.get("id") == "unit":
        told["value"] = _unit(node["value"])
    if node.get("type") == "custom" and "query" in node:  # a variable: its choices stand in its query too
        options = cast("list[dict[str, str]]", told["options"])
        told["query"] = ",".join(f"{option['text']} : {option['value']}" for option in options)
    return told


def _value(key: str, value: object) -> object:
    if isinstance(value, dict):
        return _told(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return [_value("", one) for one in cast("list[object]", value)]
    if isinstance(value, str):
        return _chinese(value) if key in _READ else _unit(value) if key == "unit" else value
    return value


def _unit(unit: str) -> str:
    return _SUFFIX + _chinese(unit.removeprefix(_SUFFIX)) if unit.startswith(_SUFFIX) else unit
