"""Satellite receivers that gpsd holds: any protocol that it knows, shared with other programs."""

from typing import Annotated

from msgspec import Meta, Struct

from edge_agent.link import TcpLink, host_and_port
from edge_agent.reader import Context, Reader
from edge_agent.readers.gpsd.client import GpsdClient

__all__ = ["Settings", "build"]

#: A line that is quiet for so long has told all of an instant.
_QUIET_S = 0.2


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which gpsd, and which of its receivers."""

    address: str = "127.0.0.1:2947"
    """`host:port` of gpsd."""
    device: Annotated[str, Meta(min_length=1)] | None = None
    """The receiver's path as gpsd names it, or one in `/dev/serial/by-id/` that leads there; default: the first that is heard."""
    interval_s: Annotated[float, Meta(ge=0, le=86_400)] = 1.0
    """At most one fix in this time; 0: every one."""
    silence_s: Annotated[float, Meta(gt=0, le=86_400)] = 15.0
    """A gpsd that reports nothing of the receiver for this long is reported and connected to again."""
    no_fix_s: Annotated[float, Meta(gt=0, le=86_400)] = 120.0
    """A receiver without a fix for this long is reported."""
    estimated: bool = False
    """Send also positions that nobody measured: dead reckoning, simulated."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the receiver `name`. Opens nothing; raises `SettingsError`."""
    host, port = host_and_port("address", settings.address)
    return GpsdClient(
        name=name,
        link=TcpLink(device=name, host=host, port=port, quiet_s=_QUIET_S, sends="gpsd's JSON (is gpsd running there?)"),
        receiver=settings.device,
        report=context.report,
        interval_s=settings.interval_s,
        silence_s=settings.silence_s,
        no_fix_s=settings.no_fix_s,
        estimated=settings.estimated,
    )
