"""One declared device or family of devices, built: its dialect, and how its messages are read."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations
from typing import Any, NamedTuple

from plumbline.dialects import Dialect, Patient, Said, Slow, Trouble, make
from plumbline.dialects.topic_filter import matches, overlap
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile


class Entry:
    """A dialect and what the listener does with its messages.

    Args:
        name: the dialect's, for people.
        dialect: what is read with; used by one task or thread at a time.
        accept_retained: whether what the broker kept from before counts.
    """

    def __init__(self, *, name: str, dialect: Dialect, accept_retained: bool) -> None:
        self.name = name
        self.dialect = dialect
        self.accept_retained = accept_retained
        self._thread: ThreadPoolExecutor | None = None
        if isinstance(dialect, Slow) and dialect.slow:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"read-{name}")  # starts with the first message

    def takes(self, topic: str) -> bool:
        """Whether messages of `topic` are this one's."""
        return any(matches(one, topic) for one in self.dialect.filters)

    async def hear(self, topic: str, payload: bytes) -> list[Said | Trouble]:
        """What a message says, in the order of the calls. Never raises: a mistake of ours about one message must not stop the rest.

        A dialect that may wait for a script is read in a thread of its own, so that nothing else waits with it.
        """
        if self._thread is None:
            return self._read(topic, payload)
        reading = self._thread.submit(self._read, topic, payload)
        try:
            return await asyncio.wrap_future(reading)
        except asyncio.CancelledError:  # it may have been read all the same, and nobody took what it said
            if not reading.cancel():
                self._thread.submit(self._drop, topic, payload, reading)
            raise

    def unkept(self, topic: str, payload: bytes) -> None:
        """What the message said could not be kept: it will come again, and is no repetition then."""
        if not isinstance(self.dialect, Patient):
            return
        if self._thread is None:
            self.dialect.unkept(topic, payload)
        else:
            self._thread.submit(self.dialect.unkept, topic, payload)

    def _read(self, topic: str, payload: bytes) -> list[Said | Trouble]:
        try:
            return list(self.dialect.read(topic, payload))
        except Exception as error:  # noqa: BLE001 - it is told with what to do
            what = f"{type(error).__name__}: {error}; this is a mistake in the dialect {self.name}: report it with the message"
            return [Trouble("", what)]

    def _drop(self, topic: str, payload: bytes, reading: "Future[list[Said | Trouble]]") -> None:
        if isinstance(self.dialect, Patient) and any(isinstance(one, Said) for one in reading.result()):
            self.dialect.unkept(topic, payload)


def entry_of(table: Mapping[str, Any], profiles: Mapping[str, DeviceProfile], where: str) -> Entry:
    """Build a table: `dialect` (default `declared`), `retained` (`ignore` or `accept`), and the dialect's own keys.

    Raises `SettingsError` that begins with `where` and names the key.
    """
    rest = dict(table)
    retained = rest.pop("retained", "ignore")
    if retained not in {"ignore", "accept"}:
        raise SettingsError(f"{where}: retained: must be 'ignore' or 'accept', found {retained!r}; correct the value")
    dialect = make(rest, profiles, where)
    return Entry(name=str(table.get("dialect", "declared")), dialect=dialect, accept_retained=retained == "accept")


class SameMessages(NamedTuple):
    """Two entries that take the same messages: which two, and by which filters."""

    first: int
    second: int
    first_filter: str
    second_filter: str


def same_messages(entries: Sequence[Entry]) -> Iterator[SameMessages]:
    """The pairs of entries that would take the same messages."""
    filters = [(i, one) for i, entry in enumerate(entries) for one in entry.dialect.filters]
    for (i, one), (j, other) in combinations(filters, 2):
        if i != j and overlap(one, other):
            yield SameMessages(i, j, one, other)
