"""From a symbol to the capture of a scan."""

from functools import partial

from edge_agent.decode import Symbol
from edge_agent.reader import Capture
from plumbline.event import Scan


def capture_of(device: str, symbol: Symbol, photo: str | None) -> Capture:
    """The capture of `symbol`; `photo` is the SHA-256 of the picture file it was read from, where there is one."""
    scan = partial(
        Scan,
        raw=symbol.bytes,
        text=symbol.text,
        symbology=symbol.identifier,
        format=symbol.format,
        gs1=symbol.gs1,
        photo=photo,
    )
    return Capture(device, scan)
