"""From a code in a picture to the capture of a scan."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge_agent.expected import Expectation
from edge_agent.gs1 import read_scan
from edge_agent.reader import Capture
from edge_agent.readers.camera.messages import Code
from plumbline.event import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribe:
    """Writes the captures of one reader."""

    device: str
    report: Callable[[str, str], None]
    expected: Expectation | None = None

    def capture_of(self, code: Code, photo: str | None, event_id: str | None = None) -> Capture:
        """The capture of `code`.

        `photo` is the SHA-256 of the picture it was read from, where that was kept; `event_id` names the event where it
        was captured before, by an agent that may have been killed before or after it was safe.
        """
        content = read_scan(code.raw, code.text, code.identifier, separators="kept", expected=self.expected)
        if content.fault is not None:
            self.report(self.device, content.fault)
        scan = partial(
            Scan,
            raw=code.raw,
            text=content.text,
            symbology=code.identifier,
            format=code.format,
            gs1=content.gs1,
            repaired=content.repaired,
            candidates=content.candidates,
            photo=photo,
        )
        return Capture(self.device, scan if event_id is None else partial(_named, scan, event_id))


def _named(scan: partial[Scan], event_id: str, **header: Any) -> Scan:
    return scan(**header | {"id": event_id})
