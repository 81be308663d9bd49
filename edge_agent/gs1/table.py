"""The table of application identifiers, read from `identifiers.txt` when first used."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

_COMPONENT: Final = re.compile(r"(\[)?([NXYZ])(\.\.)?(\d+)\]?((?:,\w+)*)")


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a value: its characters, its length, what else holds for it."""

    type: str
    """`N`, `X`, `Y` or `Z` (`charsets.CHARACTERS`)."""
    shortest: int
    longest: int
    optional: bool
    linters: tuple[str, ...]
    """Names in `linters.LINTERS`."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """What holds for one application identifier (AI)."""

    ai: str
    title: str
    """Its data title, as printed beside the human-readable text."""
    separated: bool
    """A separator (FNC1) follows its value unless the data ends; without it the length is predefined."""
    in_query: bool
    """It may stand in the query of a Digital Link URI."""
    components: tuple[Component, ...]
    requires: tuple[tuple[tuple[str, ...], ...], ...]
    """For each rule the alternatives, each a set of AIs that must all be there; `n` stands for any digit."""
    excludes: tuple[str, ...]
    """AIs that may not be there; `n` stands for any digit."""
    qualifiers: tuple[tuple[str, ...], ...] | None
    """For a Digital Link primary key: its sequences of qualifiers; `None`: it is not one."""

    @property
    def shortest(self) -> int:
        """The fewest characters of a value."""
        return sum(part.shortest for part in self.components if not part.optional)

    @property
    def longest(self) -> int:
        """The most characters of a value."""
        return sum(part.longest for part in self.components)


#: Stands for an AI that the table lacks, where a caller permits that.
UNKNOWN: Final = Identifier(
    ai="",
    title="",
    separated=True,
    in_query=True,
    components=(Component("X", 1, 90, optional=False, linters=()),),
    requires=(),
    excludes=(),
    qualifiers=None,
)


@functools.cache
def identifiers() -> Mapping[str, Identifier]:
    """AI → what holds for it, for all 541."""
    table: dict[str, Identifier] = {}
    for line in resources.files("edge_agent.gs1").joinpath("identifiers.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        names, flags, spec, rules, title = (field.strip() for field in line.split(" | ", 4))
        first, _, last = names.partition("-")
        for number in range(int(first), int(last or first) + 1):
            ai = str(number).zfill(len(first))
            table[ai] = _identifier(ai, flags, spec, rules.split(), title)
    return table


def _identifier(ai: str, flags: str, spec: str, rules: list[str], title: str) -> Identifier:
    requires: list[tuple[tuple[str, ...], ...]] = []
    excludes: list[str] = []
    qualifiers: tuple[tuple[str, ...], ...] | None = None
    for rule in rules:
        name, _, value = rule.partition("=")
        if name == "req":
            requires.append(tuple(tuple(each.split("+")) for each in value.split(",")))
        elif name == "ex":
            excludes += value.split(",")
        elif name == "dlpkey":
            qualifiers = tuple(tuple(each.split(",")) for each in value.split("|")) if value else ((),)
    components = tuple(_component(part) for part in spec.split())
    return Identifier(ai, title, "F" in flags, "Q" in flags, components, tuple(requires), tuple(excludes), qualifiers)


def _component(text: str) -> Component:
    match = _COMPONENT.fullmatch(text)
    assert match is not None, text
    optional, kind, variable, length, linters = match.groups()
    longest = int(length)
    return Component(kind, 1 if variable else longest, longest, optional is not None, tuple(linters.split(",")[1:]))


@functools.cache
def codes(name: str) -> frozenset[str]:
    """A code list of `codes.txt`: `iso3166`, `iso3166alpha2`, `iso4217`, `packagetype`."""
    text = resources.files("edge_agent.gs1").joinpath("codes.txt").read_text("utf-8")
    return frozenset(text.split(f"[{name}]\n", 1)[1].split("[", 1)[0].split())
