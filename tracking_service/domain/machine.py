"""What a machine does, as it tells."""

from typing import Final, Literal, NamedTuple

MachineState = Literal["off", "idle", "working", "fault"]
Spent = Literal["working", "idle", "off", "fault", "unknown"]
STATES: Final[tuple[Spent, ...]] = ("working", "idle", "off", "fault", "unknown")


class Said(NamedTuple):
    """A machine told its state at a time (UTC, ns); it lasts until it tells another one."""

    at: int
    state: MachineState
