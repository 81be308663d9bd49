"""Reader for a barcode scanner on a serial port (RS-232, or USB in its COM-port mode)."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from edge_agent.reader import Context, Reader
from edge_agent.readers.serial_scanner.scanner import Answers, SerialScanner
from edge_agent.scanner.settings import ScannerSettings, overridden, profile_of, refuse_non_ascii
from plumbline.profile import Framing, SerialLine

__all__ = ["Settings", "build"]

#: Silence that ends a label without suffix: longer than any gap within one, shorter than a second pull of the trigger.
_SILENCE_AS_SUFFIX_S: Final = 0.1
#: Silence after which the rest of a label is not coming any more.
_SILENCE_AS_LOSS_S: Final = 2.0


class Settings(ScannerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scanner. What is absent comes from the profile, and what the profile lacks from the defaults of its tables."""

    port: Annotated[str, Meta(min_length=1)]
    """Device file, best by its stable name `/dev/serial/by-id/…`; or a pyserial URL such as `socket://10.0.0.7:4001`."""
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    """Speed of the line; a USB COM port ignores it."""
    bytesize: Literal[7, 8] | None = None
    """Data bits."""
    parity: Literal["none", "even", "odd"] | None = None
    """Parity bit."""
    stopbits: Literal[1, 2] | None = None
    """Stop bits."""
    idle_timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    """Silence that ends a label where there is no suffix (default 0.1), and drops an unfinished one where there is (default 2)."""
    accept: str = ""
    """Sent to the scanner once the event is on disk: its command for beep or light."""
    good: str = ""
    """Sent instead where the site expects what was scanned; this and the two below: `accept` where they are empty."""
    warn: str = ""
    """Sent instead where a person should look: already received, more than ordered, certificate missing, ask."""
    bad: str = ""
    """Sent instead for a wrong batch, a wrong site, an unknown code; and, alone, where the scan could not be kept."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the scanner `name`; opens nothing. Raises `SettingsError`."""
    profile = profile_of(settings, context)
    line = overridden((profile and profile.serial) or SerialLine(), settings)
    framing = overridden((profile and profile.framing) or Framing(), settings)
    refuse_non_ascii(accept=settings.accept, good=settings.good, warn=settings.warn, bad=settings.bad)
    refuse_non_ascii(prefix=framing.prefix, suffix=framing.suffix, group_separator=framing.group_separator)
    return SerialScanner(
        device=name,
        port=settings.port,
        line=line,
        framing=framing,
        idle_timeout_s=framing.idle_timeout_s or (_SILENCE_AS_LOSS_S if framing.suffix else _SILENCE_AS_SUFFIX_S),
        repeat_window_s=settings.repeat_window_s,
        answers=Answers(*(text.encode("ascii") for text in (settings.accept, settings.good, settings.warn, settings.bad))),
        report=context.report,
        expected=context.expected,
    )
