"""What MPX files write in words, in the languages that planning programs were sold in: units, links, yes, months."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tracking_service.schedules.schedule import LinkKind


class Language(NamedTuple):
    """The words of a language."""

    yes: str
    units: Sequence[str]
    """Minute, hour, day, week, month, as durations end with them; other words for the same behind a blank."""
    elapsed: str
    """What stands before a unit that counts by the clock; with `-` behind it; several words with blanks."""
    links: Sequence[str]
    """Finish to finish, finish to start, start to finish, start to start."""


_KINDS: Final[Sequence[LinkKind]] = ("FF", "FS", "SF", "SS")
#: What the words of a language mean, in their order; more than four where there are two ways to say it.
_LINKS: Final[Sequence[LinkKind]] = (*_KINDS, "FF", "FS", "SF")
#: A month has twenty working days (MPX has no other figure), or thirty by the clock.
_WORKING_DAYS: Final = (5, 20)
_BY_THE_CLOCK: Final = (1.0, 60.0, 1_440.0, 10_080.0, 43_200.0)
ENGLISH: Final = Language(
    "yes",
    (
        "m min mins minute minutes",
        "h hr hrs hour hours",
        "d dy day days",
        "w wk wks week weeks",
        "mo mon mons month months",
    ),
    "e",
    _KINDS,
)
#: By the name of the field "Duration" (number 40), which every language calls otherwise.
LANGUAGES: Final[Mapping[str, Language]] = {
    "duration": ENGLISH,
    "dauer": Language("ja", ("m", "h", "t", "w", "mon"), "f", ("EE", "EA", "AE", "AA")),
    "durée": Language("oui", ("m", "h", "j", "s", "ms"), "-e", ("FF", "FD", "DF", "DD")),
    "duración": Language("sí", ("m", "h", "d", "s", "ms"), "e", ("FF", "FC", "CF", "CC")),
    "durata": Language("si", ("r", "o", "g", "s", "m"), "t", ("FF", "FI", "IF", "II")),
    "duração": Language("sim", ("m", "h", "d", "s", "mes"), "e", ("TT", "TI", "IT", "II")),
    "varaktighet": Language("ja", ("m", "t", "d", "w", "mon"), "e", ("AA", "AS", "SA", "SS")),
    "длительность": Language(
        "да",
        (
            "м мин минута минуту минуты минут",
            "ч час часа часов",
            "д дн день дня дней",
            "н нед неделя неделю недели недель",
            "мес месяц месяца месяцев",
        ),
        "п каждый каждую",
        ("ОО", "ОН", "НО", "НН", "КК", "КН", "НК"),
    ),
    "工期": Language(
        "是",
        (
            "m 分钟 分钟工时",
            "h 小时 时 工时 小时工时",
            "d 天 日 工日 工作日 个工作日",
            "w 周 星期 个星期 周工时",
            "mon 月 个月 月工时",
        ),
        "e",
        _KINDS,
    ),
}
_MONTHS: Final = (
    "jan ene gen янв 1月",
    "feb fév fev фев 2月",
    "mar mär mrz мар 3月",
    "apr avr abr апр 4月",
    "may mai mag maj май мая 5月",
    "jun jui giu июн 6月",
    "jul lug juil июл 7月",
    "aug aoû ago авг 8月",
    "sep set сен 9月",
    "oct okt ott out окт 10月",
    "nov ноя 11月",
    "dec dez déc dic дек 12月",
)


def unit_minutes(unit: str, language: Language, minutes_per_day: float) -> tuple[float, bool] | None:
    """The minutes of a unit, and whether they count by the clock; nothing where it is none of the language's."""
    unit = "".join(unit.split()).casefold()
    for units in (language.units, ENGLISH.units):
        for place, names in enumerate(units):
            for name in names.split():
                if unit == name:
                    return _minutes(place, minutes_per_day), False
                if unit in _elapsed(language.elapsed, name):
                    return _BY_THE_CLOCK[place], True
    return None


def is_yes(text: str, language: Language) -> bool:
    """Whether a flag is set: accents, and marks that nobody sees, do not count."""
    return _plain(text) in {_plain(language.yes), "yes", "1"}


def link_kind(word: str, language: Language) -> LinkKind | None:
    """The kind of a link by its two letters, or English ones; finish to start where there are none."""
    if not word:
        return "FS"
    for words in (language.links, _KINDS):
        if word.upper() in words:
            return _LINKS[list(words).index(word.upper())]
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
    return (1.0, 60.0, minutes_per_day, *(days * minutes_per_day for days in _WORKING_DAYS))[place]


def _elapsed(marks: str, name: str) -> Sequence[str]:
    return [name + mark[1:] if mark.startswith("-") else mark + name for mark in marks.split()]


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if unicodedata.category(part) not in {"Mn", "Cf"})
