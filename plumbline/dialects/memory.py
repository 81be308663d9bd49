"""What a dialect remembers about names that come from outside: only so much, the longest unused is forgotten first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ROOM: Final = 4096


class Memory(Generic[K, V]):
    """A mapping with room for `room` entries."""

    def __init__(self, room: int = _ROOM) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._room = room

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """What is remembered, which counts as use."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: K, value: V) -> None:
        """Remember; forget the longest unused where there is no room."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._room:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Forget one entry, if it is there."""
        self._entries.pop(key, None)

    def first(self, key: K, value: V) -> bool:
        """Remember `value`; whether it is not what was remembered under `key` before: what is said once is said by this."""
        known = self.get(key)
        self.put(key, value)
        return known != value
