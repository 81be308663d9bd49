"""Element strings: an application identifier (AI) and its value, strung together with separators or in brackets."""

from typing import Final

from edge_agent.gs1.charsets import CHARACTERS
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.linters import LINTERS, TYPE_LINTERS
from edge_agent.gs1.table import UNKNOWN, Component, Identifier, identifiers

#: (AI, value), in the order of the data.
Elements = list[tuple[str, str]]

#: The separator in this package: the control character GS, as scanners transmit FNC1.
FNC1: Final = "\x1d"
#: No carrier holds more: a QR code takes 7,089 digits, but element strings end long before.
MAX_ELEMENTS: Final = 64


def unbracketed(data: str) -> Elements:
    """Read element strings as a symbol holds them, without the leading FNC1. Raises `Gs1Error`.

    A value of predefined length ends by its length (a separator behind it is tolerated); any other one ends at the
    separator or the end (GS1 General Specifications, section 7.8.5).
    """
    found: Elements = []
    at = 0
    while at < len(data):
        identifier = identifier_at(data, at)
        at += len(identifier.ai)
        end = data.find(FNC1, at)
        end = len(data) if end < 0 else end
        if not identifier.separated:
            end = min(end, at + identifier.longest)
        add(found, identifier, identifier.ai, data[at:end])
        at = end
        while data.startswith(FNC1, at):  # one too many parts nothing: some printers and scanners double it
            at += 1
    return found


def bracketed(text: str, *, permit_unknown_ais: bool = False) -> Elements:
    r"""Read `(01)…(10)…`, as printed under a symbol; `\(` in a value stands for a bracket of its own. Raises `Gs1Error`."""
    found: Elements = []
    at = 0
    while at < len(text):
        close = text.find(")", at)
        if text[at] != "(" or close < 0:
            raise Gs1Error(f"'{text[at : at + 12]}' is no application identifier in brackets; write (01)…(10)…")
        ai = text[at + 1 : close]
        identifier = known(ai, permit_unknown_ais=permit_unknown_ais)
        value, at = _value_in(text, close + 1)
        add(found, identifier, ai, value)
    return found


def known(ai: str, *, permit_unknown_ais: bool = False) -> Identifier:
    """What holds for an AI. Raises `Gs1Error` where there is no such AI (and only digits may be permitted)."""
    identifier = identifiers().get(ai)
    if identifier is None and permit_unknown_ais and 2 <= len(ai) <= 4 and ai.isascii() and ai.isdigit():
        identifier = UNKNOWN
    if identifier is None:
        raise Gs1Error(f"({ai[:20]}) is no application identifier; check what was scanned or typed")
    return identifier


def add(found: Elements, identifier: Identifier, ai: str, value: str) -> None:
    """Check a value and append it. Raises `Gs1Error`."""
    check_value(identifier, ai, value)
    if len(found) >= MAX_ELEMENTS:
        raise Gs1Error(f"there are more than {MAX_ELEMENTS} element strings; this is no label")
    found.append((ai, value))


def check_value(identifier: Identifier, ai: str, value: str) -> None:
    """Check characters, length, and every component of a value. Raises `Gs1Error` naming the AI and the reason."""
    if not value:
        raise Gs1Error(f"AI ({ai}): the value is empty")
    if len(value) > identifier.longest:
        raise Gs1Error(f"AI ({ai}): the value has {len(value)} characters, {identifier.longest} at most are allowed")
    at = 0
    for component in identifier.components:
        part = value[at : at + component.longest]
        if part or not component.optional:
            _check_component(component, ai, part)
        at += len(part)
    if at < len(value):
        raise Gs1Error(f"AI ({ai}): the value goes on behind its last component: '{value[at:]}'")


def _check_component(component: Component, ai: str, part: str) -> None:
    name, allowed = CHARACTERS[component.type]
    for character in part:
        if character not in allowed:
            raise Gs1Error(f"AI ({ai}): the character {character!r} is not {name}")
    if len(part) < component.shortest:
        raise Gs1Error(f"AI ({ai}): the value is too short: {component.shortest} characters expected, {len(part)} found")
    for linter in (TYPE_LINTERS[component.type], *component.linters):
        wrong = LINTERS[linter](part)
        if wrong is not None:
            raise Gs1Error(f"AI ({ai}): {wrong}")


def identifier_at(data: str, at: int) -> Identifier:
    """The identifier of the AI that stands at `at`. Raises `Gs1Error` where there is none."""
    table = identifiers()
    for length in (2, 3, 4):
        identifier = table.get(data[at : at + length])
        if identifier is not None:
            return identifier
    raise Gs1Error(f"'{data[at : at + 4]}' (position {at}) begins no known application identifier")


def _value_in(text: str, at: int) -> tuple[str, int]:
    """The value from `at` to the next AI, and where that begins."""
    value: list[str] = []
    while at < len(text) and text[at] != "(":
        if text.startswith("\\(", at):
            at += 1
        value.append(text[at])
        at += 1
    return "".join(value), at
