"""What the site expects, from a file that another program or a person keeps: it chooses between readings of a scan.

The file is TOML, or JSON where its name ends so; `edge_agent/expected.sample.toml` explains its keys.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from edge_agent.gs1 import Expectation, Gs1Error, normalise_gtin
from edge_agent.gs1.elements import check_value, known
from plumbline import settings
from plumbline.errors import SettingsError

__all__ = ["AnyOf", "Expectation", "Expected", "by_identifier", "listed"]

#: A larger file would hold up the gateway while it is read.
MAX_BYTES: Final = 16 * 1024 * 1024
#: How often a look is taken whether the file has changed.
EVERY_S: Final = 2.0

Code = Annotated[str, Meta(min_length=1, max_length=90)]
_GTIN: Final = ("01", "02", "03")
#: AIs of a piece of an item begin with the item's GTIN.
_PIECE: Final = ("8006", "8026")
_GTIN_LENGTH: Final = 14
#: (400) and the AIs for internal use, which are where own order codes stand.
_ORDERS: Final = ("400", *map(str, range(90, 100)))


class ExpectedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file."""

    gtins: tuple[Code, ...] = ()
    """Products, GTIN-8 to -14; AIs (01), (02), (03), (8006), (8026)."""
    ssccs: tuple[Code, ...] = ()
    """Pallets and parcels, AI (00)."""
    batches: tuple[Code, ...] = ()
    """AI (10)."""
    serials: tuple[Code, ...] = ()
    """AI (21)."""
    orders: tuple[Code, ...] = ()
    """Own order codes, AI (400) and the internal ones, (90) to (99)."""
    other: dict[str, tuple[Code, ...]] = {}
    """Values of any further application identifier."""


class Expected:
    """What a file lists (an `Expectation`). Safe to ask while another thread refreshes it.

    It never raises: a gateway must read its scanners also while somebody writes this file wrongly. What was expected before
    then still is, and `fault` says what to correct.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, ...] | None = None
        self._values: Mapping[str, frozenset[str]] = {}
        self._fault: str | None = None
        self._load()

    @property
    def fault(self) -> str | None:
        """What is wrong with the file as it is now: file, key, what to do."""
        return self._fault

    @property
    def count(self) -> int:
        """How many different values are expected."""
        return len(frozenset[tuple[str, str]]().union(*({(_kind(ai), v) for v in vs} for ai, vs in self._values.items())))

    def knows(self, ai: str, value: str) -> bool:
        """Whether the file lists `value` for `ai`."""
        return listed(self._values, ai, value)

    def refresh(self) -> bool:
        """Read the file again if it has changed; whether it had."""
        return _stamp(self.path) != self._stamp and self._load()

    async def watch(self, say: Callable[[str | None], None], *, every_s: float = EVERY_S) -> None:
        """Refresh until cancelled; `say` hears the `fault` after each change of the file."""
        while True:
            await asyncio.sleep(every_s)
            if await asyncio.to_thread(self.refresh):
                say(self._fault)

    def _load(self) -> bool:
        self._stamp = _stamp(self.path)
        try:
            self._values, self._fault = _values(self.path), None
        except SettingsError as error:
            self._fault = str(error)
        return True


class AnyOf:
    """Several sources of what is expected; what one of them knows is expected."""

    def __init__(self, *sources: Expectation) -> None:
        self._sources = sources

    def knows(self, ai: str, value: str) -> bool:
        """Whether one of them knows `value`."""
        return any(source.knows(ai, value) for source in self._sources)


def by_identifier(
    *,
    gtins: Iterable[str] = (),
    ssccs: Iterable[str] = (),
    batches: Iterable[str] = (),
    serials: Iterable[str] = (),
    orders: Iterable[str] = (),
) -> dict[str, frozenset[str]]:
    """Expected values by the application identifiers in which they may stand; GTINs in 14 digits."""
    values = dict.fromkeys((*_GTIN, *_PIECE), frozenset(gtins))
    values |= {"00": frozenset(ssccs), "10": frozenset(batches), "21": frozenset(serials)}
    return values | dict.fromkeys(_ORDERS, frozenset(orders))


def listed(values: Mapping[str, frozenset[str]], ai: str, value: str) -> bool:
    """Whether `value` of `ai` is among what `by_identifier` made."""
    key = value[:_GTIN_LENGTH] if ai in _PIECE else value
    return key in values.get(ai, ())


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes when the file does; `None`: it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _values(path: Path) -> Mapping[str, frozenset[str]]:
    file = _read(path)
    values = by_identifier(
        gtins=_each(path, "gtins", file.gtins, normalise_gtin),
        ssccs=_each(path, "ssccs", file.ssccs, _checked("00")),
        batches=_each(path, "batches", file.batches, _checked("10")),
        serials=_each(path, "serials", file.serials, _checked("21")),
        orders=file.orders,
    )
    for ai, listed in file.other.items():
        values[ai] = values.get(ai, frozenset()) | frozenset(_each(path, f"other.{ai}", listed, _checked(ai)))
    return values


def _read(path: Path) -> ExpectedFile:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # reading says why
    if size > MAX_BYTES:
        raise SettingsError(f"{path}: has {size} bytes, {MAX_BYTES} at most are read; list what is expected next")
    if path.suffix.lower() != ".json":
        return settings.load(path, ExpectedFile)
    try:
        table = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({os.strerror(error.errno or 0)}); check its name and owner") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: is not a JSON object: {error}; correct it") from None
    return settings.convert(table, ExpectedFile, str(path))


def _each(path: Path, key: str, listed: tuple[str, ...], normalised: Callable[[str], str]) -> list[str]:
    values: list[str] = []
    for index, value in enumerate(listed):
        try:
            values.append(normalised(value))
        except Gs1Error as error:
            raise SettingsError(f"{path}: {key}[{index}]: {error}; correct or delete it") from None
    return values


def _kind(ai: str) -> str:
    """The AIs that one key of the file stands for count once."""
    return "gtins" if ai in (*_GTIN, *_PIECE) else "orders" if ai in _ORDERS else ai


def _checked(ai: str) -> Callable[[str], str]:
    def value_of(text: str) -> str:
        check_value(known(ai), ai, text)
        return text

    return value_of
