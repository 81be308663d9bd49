"""What MPX files write in words, in the languages that planning programs were sold in: units, links, yes, months."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tracking_service.schedules.schedule import LinkKind


class Language(NamedTuple):
    """The words of a language."""

    yes: str
    units: Sequence[str]
    """Minute, hour, day, week, month, as durations end with them."""
    elapsed: str
    """What stands before a unit that counts by the clock; with `-` behind it."""
    links: Sequence[str]
    """Finish to finish, finish to start, start to finish, start to start."""


_KINDS: Final[Sequence[LinkKind]] = ("FF", "FS", "SF", "SS")
#: A month has twenty working days (MPX has no other figure), or thirty by the clock.
_DAYS: Final = {"week": 5, "month": 20}
ENGLISH: Final = Language("yes", ("m", "h", "d", "w", "mo"), "e", _KINDS)
#: By the name of the field "Duration" (number 40), which every language calls otherwise.
LANGUAGES: Final[Mapping[str, Language]] = {
    "duration": ENGLISH,
    "dauer": Language("ja", ("m", "h", "t", "w", "mon"), "f", ("EE", "EA", "AE", "AA")),
    "durée": Language("oui", ("m", "h", "j", "s", "ms"), "-e", ("FF", "FD", "DF", "DD")),
    "duración": Language("sí", ("m", "h", "d", "s", "ms"), "e", ("FF", "FC", "CF", "CC")),
    "durata": Language("si", ("r", "o", "g", "s", "m"), "t", ("FF", "FI", "IF", "II")),
    "duração": Language("sim", ("m", "h", "d", "s", "mes"), "e", ("TT", "TI", "IT", "II")),
    "varaktighet": Language("ja", ("m", "t", "d", "w", "mon"), "e", ("AA", "AS", "SA", "SS")),
    "длительность": Language("да", ("м", "ч", "д", "н", "мес"), "п", ("ОО", "ОН", "НО", "НН")),
    "工期": Language("是", ("m", "h", "d", "w", "mon"), "e", _KINDS),
}
#: The same unit under its other names.
_ALSO: Final = {"min": 0, "mins": 0, "hr": 1, "hrs": 1, "dy": 2, "day": 2, "days": 2, "wk": 3, "wks": 3, "mon": 4, "mons": 4}
_MONTHS: Final = (
    "jan ene gen 1月",
    "feb fév fev 2月",
    "mar mär mrz 3月",
    "apr avr abr 4月",
    "may mai mag maj 5月",
    "jun jui giu 6月",
    "jul lug juil 7月",
    "aug aoû ago 8月",
    "sep set 9月",
    "oct okt ott out 10月",
    "nov 11月",
    "dec dez déc dic 12月",
)


def unit_minutes(unit: str, language: Language, minutes_per_day: float) -> tuple[float, bool] | None:
    """The minutes of a unit, and whether they count by the clock; nothing where it is none of the language's."""
    unit = unit.casefold()
    for names in (language.units, ENGLISH.units):
        for place, name in enumerate(names):
            if unit == name:
                return _minutes(place, minutes_per_day), False
            if unit == _elapsed(language.elapsed, name):
                return (1.0, 60.0, 1_440.0, 10_080.0, 43_200.0)[place], True
    place = _ALSO.get(unit)
    return None if place is None else (_minutes(place, minutes_per_day), False)


def link_kind(word: str, language: Language) -> LinkKind | None:
    """The kind of a link by its two letters, or English ones; finish to start where there are none."""
    if not word:
        return "FS"
    for words in (language.links, _KINDS):
        if word.upper() in words:
            return _KINDS[list(words).index(word.upper())]
    return None


def month(word: str) -> int | None:
    """The month that a word begins."""
    begin = word.casefold()
    found = [
        (len(prefix), number)
        for number, prefixes in enumerate(_MONTHS, 1)
        for prefix in prefixes.split()
        if begin.startswith(prefix)
    ]
    return max(found)[1] if found else None


def _minutes(place: int, minutes_per_day: float) -> float:
    return (1.0, 60.0, minutes_per_day, minutes_per_day * _DAYS["week"], minutes_per_day * _DAYS["month"])[place]


def _elapsed(mark: str, name: str) -> str:
    return name + mark[1:] if mark.startswith("-") else mark + name
