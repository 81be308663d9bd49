"""Whether names and ids of events are what they may be: many at once to be quick, one by one to say which is not.

The decoder does not look at them (`plumbline.event.EventName`). Names come again and again, so those seen good are known,
as many as fit; ids never come again, so what all of them have in common is looked at in one go.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter
from typing import Any, Final

from plumbline.delivery import BatchHeader
from plumbline.event import KINDS, Event, Health, Reading
from plumbline.ids import UUID_PATTERN, is_name

#: Names that are known at most. Beyond, they are forgotten together: somebody makes up names.
MOST_KNOWN: Final = 20_000

#: What names a batch and an event; a test holds these tables and the annotations of `plumbline.event` together.
HEADER_NAMES: Final = ("site", "gateway", "epoch")
EVENT_NAMES: Final = ("site", "gateway", "device", "epoch")
#: Kind → further fields that are names.
KIND_NAMES: Final[Mapping[type[Event], tuple[str, ...]]] = {Reading: ("measurement",)}
#: Kind → fields that are mappings whose keys are names.
KEYED: Final[Mapping[type[Event], tuple[str, ...]]] = {Reading: ("values",), Health: ("values", "readers", "texts")}

_NO_NAME: Final = "expected a name (letters, digits, '.', '_', '-'; at most 64), found "
_ID: Final = re.compile(UUID_PATTERN)
_ID_LENGTH: Final = 36
_DASHES: Final = (8, 13, 18, 23)
_DIGITS: Final = b"0123456789abcdef"
_kind_columns: Final = {kind: tuple(map(attrgetter, names)) for kind, names in KIND_NAMES.items()}
_keyed_columns: Final = {kind: tuple(map(attrgetter, names)) for kind, names in KEYED.items()}
_all_columns: Final[Mapping[type[Event], Callable[[Event], tuple[str, ...]]]] = {
    kind: attrgetter(*EVENT_NAMES, *KIND_NAMES.get(kind, ())) for kind in KINDS.values()
}
_known: Final[set[str]] = set()


def are_names(texts: AbstractSet[str]) -> bool:
    """Whether every one of them is a name (`plumbline.ids.is_name`)."""
    new = texts - _known
    if not new:
        return True
    if not all(map(is_name, new)):
        return False
    if len(_known) + len(new) > MOST_KNOWN:
        _known.clear()
    if len(new) <= MOST_KNOWN:
        _known.update(new)
    return True


def are_ids(texts: Sequence[str]) -> bool:
    """Whether every one of them is the text form of a UUID, lower case (RFC 9562, section 4).

    Joined by line feeds they are so many equal lines: without the digits nothing is left but four dashes a line, and dashes and
    line feeds stand where they must.
    """
    lines, stride = len(texts), _ID_LENGTH + 1
    joined = "\n".join(texts)
    return (
        len(joined) == lines * stride - 1
        and joined.isascii()
        and joined.encode().translate(None, _DIGITS) == (b"----\n" * lines)[:-1]
        and all(joined[at::stride] == "-" * lines for at in _DASHES)
        and joined[_ID_LENGTH::stride] == "\n" * (lines - 1)
    )


def well_named(names: set[str], events: Sequence[Event], kinds: AbstractSet[type[Event]]) -> bool:
    """Whether all names and ids are good, of events of these kinds whose site, gateway and epoch are among the `names` of their batches."""
    every = names.union({event.device for event in events})
    for kind in kinds:
        own: Sequence[Any] = events if len(kinds) == 1 else [event for event in events if type(event) is kind]
        if kind is Reading:  # nearly all there is; `attrgetter` takes twice as long
            every.update({one.measurement for one in own}, *[one.values for one in own])
            continue
        for column in _kind_columns.get(kind, ()):
            every.update(map(column, own))
        for column in _keyed_columns.get(kind, ()):
            every.update(*map(column, own))
    return are_names(every) and (not events or are_ids([event.id for event in events]))


def misnamed_header(header: BatchHeader) -> str | None:
    """What is wrong with the names of a batch, with the JSON path; `None` where nothing is."""
    return _first_wrong((name, getattr(header, name)) for name in HEADER_NAMES)


def misnamed(event: Event) -> str | None:
    """What is wrong with the names or the id of an event, with the JSON path; `None` where nothing is."""
    if _ID.match(event.id) is None:
        return f"expected a UUID in lower case, found {event.id[:80]!r} - at `$.id`"
    kind = type(event)
    names = set(_all_columns[kind](event))
    for column in _keyed_columns.get(kind, ()):
        names.update(column(event))
    if are_names(names):
        return None
    wrong = _first_wrong((name, getattr(event, name)) for name in (*EVENT_NAMES, *KIND_NAMES.get(kind, ())))
    return wrong or next(
        f"{_NO_NAME}{key[:80]!r} - at `key` in `$.{field}`"
        for field in KEYED.get(kind, ())
        for key in getattr(event, field)
        if not is_name(key)
    )


def _first_wrong(named: Iterable[tuple[str, str]]) -> str | None:
    pairs = list(named)
    if are_names({text for _, text in pairs}):
        return None
    return next(f"{_NO_NAME}{text[:80]!r} - at `$.{field}`" for field, text in pairs if not is_name(text))
