"""How well pictures are read: read rate, misreads and time over photos with their expected texts, or over drawn labels.

A folder of photos holds `expected.json`, a list: `file` (beside it, or in `photos/`), and `expect` (one of these texts is
right; none at all: any; `null`: there is no code in the picture) or `text`. The figures of zxing-cpp alone come from the
same run, and processor time stands beside the clock's, so that a busy machine makes no difference to the comparison.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import zxingcpp

from edge_agent.decode import rendered
from edge_agent.decode.errors import DecodeError
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
    group: str = ""
    """The folder it lies in, below the folder that is measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture, and what is in it, as `Expectation` has it."""

    name: str
    group: str
    load: Callable[[], Gray]
    """Gives the pixels. May raise `DecodeError`."""
    texts: tuple[str, ...] | None


@dataclass(slots=True)
class Score:
    """What one decoder made of the pictures."""

    read: int = 0
    quiet: int = 0
    """Pictures without a code in which none was found."""
    missed: list[str] = field(default_factory=list[str])
    """Pictures with a code that was not found."""
    misread: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    """Pictures where only wrong texts came out, or any where there is no code; with the texts."""
    extra: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    """Pictures that were read, but with texts beside that nobody expects (there may be more codes in them)."""
    ms: list[float] = field(default_factory=list[float])
    cpu_ms: list[float] = field(default_factory=list[float])

    def as_dict(self, with_code: int) -> dict[str, Any]:
        """The figures as JSON takes them: counts, rates in percent, milliseconds."""
        return {
            "read": self.read,
            "read_percent": round(100 * self.read / max(1, with_code), 2),
            "misread": len(self.misread),
            "none_found_where_none": self.quiet,
            "extra": len(self.extra),
            "p50_ms": round(percentile(self.ms, 50), 1),
            "p95_ms": round(percentile(self.ms, 95), 1),
            "p50_cpu_ms": round(percentile(self.cpu_ms, 50), 1),
            "p95_cpu_ms": round(percentile(self.cpu_ms, 95), 1),
        }


@dataclass(slots=True)
class Tally:
    """The decoder, and zxing-cpp alone, on the same pictures in the same run."""

    pictures: int = 0
    with_code: int = 0
    ours: Score = field(default_factory=Score)
    zxing_alone: Score = field(default_factory=Score)

    def as_dict(self) -> dict[str, Any]:
        """How many pictures, and both scores."""
        return {
            "photos": self.pictures,
            "with_code": self.with_code,
            "without_code": self.pictures - self.with_code,
            "decode": self.ours.as_dict(self.with_code),
            "zxing_alone": self.zxing_alone.as_dict(self.with_code),
        }


@dataclass(slots=True)
class Figures(Tally):
    """The tally over all pictures, and over each group of them: a folder, or a symbology."""

    groups: dict[str, Tally] = field(default_factory=dict[str, Tally])
    refused: list[str] = field(default_factory=list[str])
    """Photos that could not be opened (they count as not read), with the reason."""

    def as_dict(self) -> dict[str, Any]:
        """The whole tally, what was missed and misread by name, and the tallies of the groups."""
        return {
            **Tally.as_dict(self),
            "refused_photos": self.refused,
            "missed_photos": self.ours.missed,
            "misread_photos": [{"photo": name, "texts": texts} for name, texts in self.ours.misread],
            "groups": {name: tally.as_dict() for name, tally in sorted(self.groups.items())},
        }


def measure(folder: Path, *, budget_ms: float = 250, turns: Sequence[int] = (0,)) -> Figures:
    """Decode every photo of `folder` with both, turned clockwise by each of `turns` (degrees: 0, 90, 180, 270).

    Raises `PlumblineError` where it has no usable `expected.json`.
    """
    return _tally(_photos(load_expectations(folder), turns), budget_ms)


def measure_rendered(*, count: int = rendered.COUNT, seed: int = 1, budget_ms: float = 250) -> Figures:
    """Decode `count` drawn and spoilt labels with both; the same seed draws the same ones."""
    drawn = (Sample(r.name, r.symbology, partial(_itself, r.pixels), (r.text,)) for r in rendered.pictures(count, seed))
    return _tally(drawn, budget_ms)


def load_expectations(folder: Path) -> list[Expectation]:
    """Read `expected.json`. Raises `PlumblineError`."""
    path = folder / "expected.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        photos = folder / "photos" if (folder / "photos").is_dir() else folder
        return [Expectation(photos / row["file"], _texts(row), str(Path(row["file"]).parent)) for row in rows]
    except FileNotFoundError:
        raise PlumblineError(f"{path}: there is no such file; name a folder of photos with their expected texts") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlumblineError(f"{path}: is not a list of photos with 'file' and 'expect' ({error}); correct it") from None


def percentile(ms: Sequence[float], percent: float) -> float:
    """Milliseconds within which so many percent of the pictures were done; 0 where there are none."""
    ordered = sorted(ms)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


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


def _photos(expectations: Iterable[Expectation], turns: Sequence[int]) -> Iterator[Sample]:
    for expectation in expectations:
        for turn in turns:
            name = str(expectation.photo) + (f" turned by {turn}" if turn else "")
            yield Sample(name, expectation.group, partial(_turned, expectation.photo, turn), expectation.texts)


def _turned(photo: Path, turn: int) -> Gray:
    return np.ascontiguousarray(np.rot90(load_gray(photo), -turn // 90))


def _tally(samples: Iterable[Sample], budget_ms: float) -> Figures:
    def ours(gray: Gray) -> list[str]:
        return [symbol.text or symbol.bytes.hex() for symbol in decode(gray, budget_ms=budget_ms)]

    figures = Figures()
    for sample in samples:
        group = figures.groups.setdefault(sample.group, Tally())
        for tally in (figures, group):
            tally.pictures += 1
            tally.with_code += sample.texts is not None
        try:
            gray = sample.load()
        except DecodeError as refusal:
            figures.refused.append(str(refusal))
            continue
        _judge((figures.ours, group.ours), sample, gray, ours)
        _judge((figures.zxing_alone, group.zxing_alone), sample, gray, _zxing_alone)
    return figures


def _itself(gray: Gray) -> Gray:
    return gray


def _zxing_alone(gray: Gray) -> list[str]:
    found = zxingcpp.read_barcodes(gray, text_mode=zxingcpp.TextMode.Plain)
    return [barcode.text or bytes(barcode.bytes).hex() for barcode in found]


def _judge(scores: Iterable[Score], sample: Sample, gray: Gray, read: Callable[[Gray], list[str]]) -> None:
    start, worked = time.perf_counter(), time.thread_time()
    found = read(gray)
    ms, cpu_ms = (time.perf_counter() - start) * 1e3, (time.thread_time() - worked) * 1e3
    texts = sample.texts
    right = [t for t in found if texts is not None and (not texts or any(same_text(t, e) for e in texts))]
    for score in scores:
        score.ms.append(ms)
        score.cpu_ms.append(cpu_ms)
        if right:
            score.read += 1
            if len(right) < len(found):
                score.extra.append((sample.name, found))
        elif found:
            score.misread.append((sample.name, found))
        elif texts is None:
            score.quiet += 1
        else:
            score.missed.append(sample.name)
