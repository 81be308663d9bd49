"""Of the states that devices repeat, the changes."""

from dataclasses import replace
from functools import partial
from typing import Final

from plumbline.dialects import Said
from plumbline.dialects.memory import Memory
from plumbline.event import State

#: Devices whose last state is remembered; a client that invents names makes the one unused longest forgotten.
_REMEMBERED: Final = 4096


class States:
    """Remembers each device's last state and fault code."""

    def __init__(self) -> None:
        self._last: Memory[str, tuple[str, str | None]] = Memory(_REMEMBERED)

    def turn(self, said: Said) -> Said | None:
        """A change, with the state before it; `None` for a state that is the same again. What is no state passes."""
        if said.event.func is not State:
            return said
        now = said.event.keywords["state"], said.event.keywords.get("code")
        before = self._last.get(said.device)
        if before == now:
            return None
        self._last.put(said.device, now)
        return replace(said, event=partial(said.event, previous=before[0] if before else None))

    def forget(self, device: str) -> None:
        """The change could not be kept: it is one still, when it comes again."""
        self._last.forget(device)
