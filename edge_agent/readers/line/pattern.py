r"""What a line looks like: text with named places.

    "{status:word},GS,{gross}{gross:unit}"     fits     ST,GS,+  125.0kg

Literal text stands for itself; blanks stand for any number of blanks, also none; `{{` and `}}` are braces. A place is
`{name}` (a number), `{name:kind}`, or `{:kind}` for something that is passed over; `{}` passes over anything.

| kind | takes |
|---|---|
| `number` | a number with its sign, decimal mark, thousands |
| `sign` | `+`, `-` or nothing, which belongs to the number of the same name |
| `unit` | the unit of the number of the same name |
| `word` | what has no blank, up to the next character of the pattern |
| `text` | anything, up to the next character of the pattern |
| `A\|B\|C` | one of these words |
| `number(6)`, `word(2)`, `text(8)` | exactly so many characters |

No place ever gives back what it took (possessive matching), so a line is read once from left to right: the time is
linear in its length, whatever it holds.
"""

import re
from dataclasses import dataclass
from typing import Final

from plumbline.errors import PlumblineError
from plumbline.profile import LineShape

KINDS: Final = ("number", "sign", "unit", "word", "text")
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[ \t]+|[{}]|[^{} \t]")
_PLACE: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,63})?(?::(.*))?", re.DOTALL)
_WIDTH: Final = re.compile(r"(number|word|text)\((\d{1,3})\)")
_BLANKS: Final = r"[ \t]*+"
#: The hyphen, and the true minus sign.
_MINUS: Final = "-\u2212"
#: The same and the plus, for a class of characters.
_SIGNS: Final = "+\\-\u2212"
#: Scales put their sign in front of the blanks. Blanks between digits part two numbers.
_GAP: Final = re.compile(r"^([+\-\u2212])[ \t]+")
_VALUE: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class PatternError(PlumblineError):
    """A pattern cannot be understood; the text says what and how to write it."""


@dataclass(frozen=True, slots=True)
class Match:
    """What one line holds."""

    numbers: dict[str, float]
    units: dict[str, str]
    words: dict[str, str]
    """Words and texts, without blanks at their ends."""
    starts_with_number: bool
    """The line begins with a number, so that the end of another line may look like it."""


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    kind: str
    width: int | None = None
    choices: tuple[str, ...] = ()


class Pattern:
    """A compiled pattern. Raises `PatternError`."""

    def __init__(self, text: str, shape: LineShape) -> None:
        self.text = text
        self._decimal, self._thousands = shape.decimal, shape.thousands
        if shape.decimal == shape.thousands:
            raise PatternError(f"decimal and thousands are both {shape.decimal!r}; they must differ")
        parts = _parts(text)
        self._places = [part for part in parts if isinstance(part, _Place)]
        self._begins = bool(parts) and isinstance(parts[0], _Place) and parts[0].kind in {"number", "sign"}
        _refuse_twins(text, self._places)
        number = _number(shape.decimal, shape.thousands)
        written = [_expression(text, parts, at, number) for at in range(len(parts))]
        # Blanks in front of a first column of fixed width are part of it.
        lead = "" if self._places and parts[0] is self._places[0] and self._places[0].width is not None else _BLANKS
        self._expression = re.compile("".join([lead, *written, _BLANKS, r"\Z"]), re.DOTALL | re.ASCII)

    def names(self, *kinds: str) -> set[str]:
        """The named places of these kinds."""
        return {place.name for place in self._places if place.name and place.kind in kinds}

    def match(self, line: str) -> Match | None:
        """What `line` holds, or `None` where it does not fit."""
        found = self._expression.match(line)
        if found is None:
            return None
        numbers: dict[str, float] = {}
        units: dict[str, str] = {}
        words: dict[str, str] = {}
        negative: set[str] = set()
        for place, part in zip(self._places, found.groups(), strict=True):
            part = part.strip(" \t")  # noqa: PLW2901 - blanks belong to no place
            match place.kind:
                case "number":
                    value = self._value(part)
                    if value is None:
                        return None
                    numbers[place.name] = value
                case "sign":
                    if part in _MINUS and part:
                        negative.add(place.name)
                case "unit":
                    units[place.name] = part
                case _:
                    words[place.name] = part
        for name in negative & set(numbers):
            numbers[name] = -numbers[name]
        return Match(numbers, units, words, self._begins)

    def _value(self, part: str) -> float | None:
        text = _GAP.sub(r"\1", part).replace("\u2212", "-")
        if self._thousands:
            text = text.replace(self._thousands, "")
        text = text.replace(self._decimal, ".")
        return float(text) if _VALUE.fullmatch(text) else None  # a column of fixed width may hold no number


def _parts(text: str) -> list[str | _Place]:
    parts: list[str | _Place] = []
    for token in _TOKEN.finditer(text):
        whole = token[0]
        if whole in {"{{", "}}"}:
            parts.append(whole[0])
        elif whole in {"{", "}"}:
            raise PatternError(f"pattern {text!r}: a single '{whole}'; write {whole}{whole} where the device sends it")
        elif token[1] is not None:
            parts.append(_place(text, token[1]))
        else:
            parts.append(" " if whole.strip() == "" else whole)
    return parts


def _place(text: str, inside: str) -> _Place:
    named = _PLACE.fullmatch(inside)
    if named is None:
        raise PatternError(f"pattern {text!r}: {{{inside}}} is no place; write {{name}}, {{name:kind}} or {{}}")
    name, kind = named[1] or "", named[2]
    if kind is None:
        return _Place(name, "number" if name else "text")
    if "|" in kind:
        choices = tuple(kind.split("|"))
        if not all(choices):
            raise PatternError(f"pattern {text!r}: {{{inside}}} has an empty word among its choices")
        return _Place(name, "choice", choices=choices)
    if wide := _WIDTH.fullmatch(kind):
        if int(wide[2]) == 0:
            raise PatternError(f"pattern {text!r}: {{{inside}}} is 0 characters wide")
        return _Place(name, wide[1], width=int(wide[2]))
    if kind not in KINDS:
        raise PatternError(f"pattern {text!r}: {{{inside}}}: there is no kind '{kind}'; there are {', '.join(KINDS)} and A|B|C")
    return _Place(name, kind)


def _refuse_twins(text: str, places: list[_Place]) -> None:
    seen: set[tuple[str, str]] = set()
    for place in places:
        key = (place.name, place.kind if place.kind in {"number", "sign", "unit"} else "word")
        if place.name and key in seen:
            raise PatternError(f"pattern {text!r}: '{place.name}' stands twice; give each place a name of its own")
        seen.add(key)
    numbers = {place.name for place in places if place.kind == "number"}
    for place in places:
        if place.name and place.kind in {"sign", "unit"} and place.name not in numbers:
            raise PatternError(f"pattern {text!r}: '{place.name}' has a {place.kind} but no number of that name")


def _number(decimal: str, thousands: str) -> str:
    whole = r"\d++"
    if thousands:
        whole = rf"(?>\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})++(?!\d)|\d++)"
    mark = re.escape(decimal)
    return rf"{_BLANKS}[{_SIGNS}]?+{_BLANKS}(?>{whole}(?:{mark}\d*+)?+|{mark}\d++)(?:[eE][+-]?\d{{1,2}}+)?+"


def _expression(text: str, parts: list[str | _Place], at: int, number: str) -> str:
    """The regular expression of one part; each place is one group."""
    part = parts[at]
    if isinstance(part, str):
        return _BLANKS if part == " " else re.escape(part)
    if part.width is not None:
        return rf"(.{{{part.width}}})"
    match part.kind:
        case "choice":
            words = "|".join(re.escape(word) for word in sorted(part.choices, key=len, reverse=True))
            return rf"{_BLANKS}((?>{words}))"
        case "number":
            return f"({number})"
        case "sign":
            return rf"({_BLANKS}[{_SIGNS}]?+)"
        case _:
            return _run(text, part, parts[at + 1 :])


def _run(text: str, part: _Place, rest: list[str | _Place]) -> str:
    """A unit, word or text: it ends at what follows it in the pattern."""
    after = rest[0] if rest else ""
    if part.kind == "text" and after == " " and len(rest) > 1:
        raise PatternError(f"pattern {text!r}: a text ends at a character, not at a blank; use word, or text(n)")
    if isinstance(after, _Place) and after.width is None:
        if after.kind not in {"number", "sign"} or part.kind != "word":
            raise PatternError(f"pattern {text!r}: nothing tells where {{{part.name}}} ends; put the text between that is sent")
        return rf"({_BLANKS}[^\s\d{_SIGNS}.,]++)"
    stop = re.escape(after) if isinstance(after, str) and after != " " else ""
    if part.kind == "unit":
        # A letter may well be part of the unit; `m3` and `m2` are the units with a digit.
        stop = "" if stop.isalnum() else stop
        return rf"({_BLANKS}(?:(?![\d,;{stop}])\S|(?<=m)[23])++)"
    if part.kind == "word":
        return rf"({_BLANKS}[^\s{stop}]++)"
    return rf"([^{stop}]*+)" if stop else "(.*+)"
