"""How well photos are read: read rate, misreads and time over a folder of photos with their expected texts.

The folder holds `expected.json`, a list of photos: `file` (beside it, or in `photos/`), and `expect` (one of these texts
is right; none at all: any; `null`: there is no code in the picture) or `text`. The figures of zxing-cpp alone come from
the same run, so that a slow machine makes no difference to the comparison.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import zxingcpp

from edge_agent.decode.picture import Gray, load_gray
from edge_agent.decode.reading import decode
from edge_agent.decode.upce import expand
from plumbline.errors import PlumblineError

#: A GTIN is printed with 8 to 14 digits; an add-on of 2 or 5 digits may follow.
_GTIN_DIGITS: Final = 14
_WITH_ADD_ON: Final = frozenset({15, 18})


@dataclass(frozen=True, slots=True)
class Expectation:
    """One photo and what is in it: one of `texts`, anything (empty), or no code (`None`)."""

    photo: Path
    texts: tuple[str, ...] | None


@dataclass(slots=True)
class Score:
    """What one decoder made of the photos."""

    read: int = 0
    missed: list[str] = field(default_factory=list[str])
    """Photos with a code that was not found."""
    misread: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    """Photos where only wrong texts came out, or any where there is no code; with the texts."""
    extra: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    """Photos that were read, but with texts beside that nobody expects (there may be more codes in them)."""
    ms: list[float] = field(default_factory=list[float])

    def percentile(self, percent: float) -> float:
        """Milliseconds within which so many percent of the photos were done."""
        ordered = sorted(self.ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The decoder, and zxing-cpp alone, on the same photos in the same run."""

    photos: int
    with_code: int
    ours: Score
    zxing_alone: Score

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON takes them: counts, rates in percent, milliseconds."""
        return {
            "photos": self.photos,
            "with_code": self.with_code,
            **{
                name: {
                    "read": score.read,
                    "read_percent": round(100 * score.read / max(1, self.with_code), 2),
                    "misread": len(score.misread),
                    "extra": len(score.extra),
                    "p50_ms": round(score.percentile(50), 1),
                    "p95_ms": round(score.percentile(95), 1),
                }
                for name, score in (("decode", self.ours), ("zxing_alone", self.zxing_alone))
            },
        }


def measure(folder: Path, *, budget_ms: float = 250) -> Figures:
    """Decode every photo of `folder` with both. Raises `PlumblineError` where it has no usable `expected.json`."""
    expectations = load_expectations(folder)
    ours, alone = Score(), Score()
    for expectation in expectations:
        gray = load_gray(expectation.photo)
        _judge(ours, expectation, gray, lambda g: [s.text or s.bytes.hex() for s in decode(g, budget_ms=budget_ms)])
        _judge(alone, expectation, gray, _zxing_alone)
    return Figures(len(expectations), sum(e.texts is not None for e in expectations), ours, alone)


def load_expectations(folder: Path) -> list[Expectation]:
    """Read `expected.json`. Raises `PlumblineError`."""
    path = folder / "expected.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        photos = folder / "photos" if (folder / "photos").is_dir() else folder
        return [Expectation(photos / row["file"], _texts(row)) for row in rows]
    except FileNotFoundError:
        raise PlumblineError(f"{path}: there is no such file; name a folder of photos with their expected texts") from None
    except (ValueError, KeyError, TypeError) as error:
        raise PlumblineError(f"{path}: is not a list of photos with 'file' and 'expect' ({error}); correct it") from None


def same_text(found: str, expected: str) -> bool:
    """Tell whether two texts are the same content.

    GS separators are left out, numbers compare as GTINs of 14 digits (UPC-E written in 8 digits or in full), Codabar's
    start and stop letters and a retail add-on may be missing, and so may the `I` in front of a vehicle's number.
    """
    return bool(_forms(found) & _forms(expected)) or (
        len(expected) in _WITH_ADD_ON and expected.isdecimal() and len(found) == 13 and expected.startswith(found)
    )


def _forms(text: str) -> set[str]:
    text = text.replace("\x1d", "")
    forms = {text}
    if text.isdecimal() and len(text) <= _GTIN_DIGITS:
        forms.add(text.zfill(_GTIN_DIGITS))
        if len(text) == 8 and (number := expand(text)):
            forms.add(number.zfill(_GTIN_DIGITS))
    if len(text) > 2 and text[0] in "ABCDabcd" and text[-1] in "ABCDabcd":
        forms.add(text[1:-1])
    if len(text) == 18 and text.startswith("I"):
        forms.add(text[1:])
    return forms


def _texts(row: dict[str, Any]) -> tuple[str, ...] | None:
    if "expect" not in row:
        return (str(row["text"]),)
    return None if row["expect"] is None else tuple(map(str, row["expect"]))


def _zxing_alone(gray: Gray) -> list[str]:
    found = zxingcpp.read_barcodes(gray, text_mode=zxingcpp.TextMode.Plain)
    return [barcode.text or bytes(barcode.bytes).hex() for barcode in found]


def _judge(score: Score, expectation: Expectation, gray: Gray, read: Callable[[Gray], list[str]]) -> None:
    start = time.perf_counter()
    found = read(gray)
    score.ms.append((time.perf_counter() - start) * 1e3)
    name, texts = str(expectation.photo), expectation.texts
    right = [t for t in found if texts is not None and (not texts or any(same_text(t, e) for e in texts))]
    if right:
        score.read += 1
        if len(right) < len(found):
            score.extra.append((name, found))
    elif found:
        score.misread.append((name, found))
    elif texts is not None:
        score.missed.append(name)
