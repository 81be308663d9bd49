"""Reader for a barcode scanner on a serial port (RS-232, or USB in its COM-port mode)."""

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from edge_agent.reader import Context, Reader
from edge_agent.readers.serial_scanner.scanner import SerialScanner
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.profile import Framing, SerialLine

__all__ = ["Settings", "build"]

T = TypeVar("T", SerialLine, Framing)

#: Silence that ends a label without suffix: longer than any gap within one, shorter than a second pull of the trigger.
_SILENCE_AS_SUFFIX_S: Final = 0.1
#: Silence after which the rest of a label is not coming any more.
_SILENCE_AS_LOSS_S: Final = 2.0


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scanner. What is absent comes from the profile, and what the profile lacks from the defaults of its tables."""

    port: Annotated[str, Meta(min_length=1)]
    """Device file, best by its stable name `/dev/serial/by-id/…`; or a pyserial URL such as `socket://10.0.0.7:4001`."""
    profile: Name | None = None
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    bytesize: Literal[7, 8] | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stopbits: Literal[1, 2] | None = None
    prefix: str | None = None
    suffix: str | None = None
    max_bytes: Annotated[int, Meta(ge=16, le=8192)] | None = None
    symbology_identifier: bool | None = None
    group_separator: str | None = None
    idle_timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    """Silence that ends a label where there is no suffix (default 0.1), and drops an unfinished one where there is (default 2)."""
    repeat_window_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """The same code again within so many seconds is the same scan; 0: every reading is a scan."""
    accept: str = ""
    """Sent to the scanner once the event is on disk: its command for beep or light."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the scanner `name`; opens nothing. Raises `SettingsError`."""
    line, framing = SerialLine(), Framing()
    if settings.profile is not None:
        profile = context.profiles.get(settings.profile)
        if profile is None:
            known = ", ".join(sorted(context.profiles)) or "none"
            raise SettingsError(f"profile: there is no profile '{settings.profile}'; known are: {known}")
        line, framing = profile.serial or line, profile.framing or framing
    line, framing = _overridden(line, settings), _overridden(framing, settings)
    controls = {
        "prefix": framing.prefix,
        "suffix": framing.suffix,
        "group_separator": framing.group_separator,
        "accept": settings.accept,
    }
    for key, text in controls.items():
        if not text.isascii():
            raise SettingsError(f"{key}: {text!r} is not ASCII; scanners send and take single bytes")
    return SerialScanner(
        device=name,
        port=settings.port,
        line=line,
        framing=framing,
        idle_timeout_s=settings.idle_timeout_s or (_SILENCE_AS_LOSS_S if framing.suffix else _SILENCE_AS_SUFFIX_S),
        repeat_window_s=settings.repeat_window_s,
        accept=settings.accept.encode("ascii"),
        report=context.report,
    )


def _overridden(table: T, settings: Settings) -> T:
    """`table` with those of its values that the settings name."""
    own = {key: getattr(settings, key, None) for key in table.__struct_fields__}
    return msgspec.structs.replace(table, **{key: value for key, value in own.items() if value is not None})
