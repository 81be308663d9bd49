"""The contract of a reader: what turns one device (or one family of devices) into captures.

A reader is a folder in `edge_agent/readers/`: `__init__.py` with `Settings` and `build`, `README.md`, `sample.toml`
(which a test loads) and `testcases/`; and one line in `edge_agent.readers.READERS`. What it hands on is a
`plumbline.capture.Capture`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge_agent.expected import Expectation
from edge_agent.verdict.verdict import Verdict
from plumbline.capture import Capture
from plumbline.errors import PlumblineError
from plumbline.profile import DeviceProfile

__all__ = ["Capture", "Context", "Emit", "Reader", "ReaderError"]


class Emit(Protocol):
    """How a reader hands over a capture."""

    async def __call__(self, capture: Capture) -> Verdict | None:
        """Return when the event is safe on the gateway's disk (so a scanner may beep now), with the answer to a scan.

        `None` for everything that is no scan, and for what was not taken: the same again, or what nobody could read.

        Raises `OutboxError` where it could not be kept; the reader lets it pass, the supervisor handles it.
        """
        ...


class Reader(Protocol):
    """Reads one configured device until it is cancelled."""

    async def run(self, emit: Emit) -> None:
        """Open the device, read it, and `emit` each capture in the order of reading.

        Events are numbered in the order in which `emit` is called; the next call need not wait for the one before.

        Called by the supervisor, and again after a back-off whenever it raised or returned. Cancellation closes the
        device. Blocking work belongs in threads of the reader's own. Raises `ReaderError` where the device fails;
        anything else that escapes is treated as a mistake of ours and logged with its trace, with the same back-off.
        """
        ...

    async def check(self, patience_s: float) -> str:
        """Try the device for at most `patience_s` seconds and say what it did, for `plumbline edge check`.

        One sentence for a site engineer: "open at 9600 baud; 12 sentences, fix with 9 satellites". Emits and changes
        nothing: a picture stays where it is, a queued message stays with the broker, nothing is written to a machine.
        Never called while `run` runs. Raises `ReaderError` where the device cannot be used, or said nothing where it
        should have spoken by itself.
        """
        ...


class ReaderError(PlumblineError):
    """A device failed: `device` is its configured name; the text says what happened and `check` what to look at."""

    def __init__(self, device: str, what: str, check: str) -> None:
        super().__init__(f"{device}: {what}; check {check}")
        self.device = device
        self.what = what
        self.check = check


def _no_report(device: str, what: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the agent lends a reader besides its settings."""

    profiles: Mapping[str, DeviceProfile] = field(default_factory=dict[str, DeviceProfile])
    """Device profiles by id."""
    base: Path = Path()
    """The folder of the configuration file: relative paths in settings start here."""
    data: Path = Path()
    """A folder of the agent's own where a reader may keep files (processed pictures, marks)."""
    expected: Expectation | None = None
    """What the site expects; a reader of codes hands it to `edge_agent.gs1.read_scan`. `None`: nothing is said of it."""
    report: Callable[[str, str], None] = _no_report
    """`report(device, what)`: something was wrong with one message but reading goes on; counted and shown in health."""
