"""Reader for a barcode scanner that types like a USB keyboard (keyboard wedge), straight from the kernel's input device."""

from functools import partial
from typing import Annotated, Final, Literal

from msgspec import Meta

from edge_agent.reader import Context, Reader
from edge_agent.readers.wedge_scanner.wedge import WedgeScanner
from edge_agent.scanner.keystrokes import Keystrokes
from edge_agent.scanner.settings import ScannerSettings, overridden, profile_of
from plumbline.profile import Framing, Keyboard, Layout

__all__ = ["Settings", "build"]

#: Silence that ends a label without suffix: longer than the gaps of a radio scanner, shorter than a second label.
_SILENCE_AS_SUFFIX_S: Final = 0.25
_SILENCE_AS_LOSS_S: Final = 2.0


class Settings(ScannerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scanner. What is absent comes from the profile, and what the profile lacks from the defaults of its tables."""

    device: Annotated[str, Meta(min_length=1)]
    """Input device by its stable name, `/dev/input/by-id/…-event-kbd`."""
    grab: bool = True
    """Keep the keys from everything else on the gateway: scans must not type into its console."""
    layout: Layout | None = None
    """Keyboard layout that the scanner is set to; the gateway's own does not matter."""
    dead_keys: bool | None = None
    """Accent keys wait for the next key, and a space makes them a character."""
    alt_codes: Literal["windows", "bytes", "gbk"] | None = None
    """What Alt and digits of the number pad mean."""
    idle_timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    """Silence that ends a label where there is no suffix (default 0.25), and drops an unfinished one where there is (default 2)."""
    slowest_key_ms: Annotated[int, Meta(ge=0, le=5000)] = 60
    """What is mostly typed slower than this a key is a hand, not a scanner: no label, but reported; 0: everything is a label."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the scanner `name`; opens nothing. Raises `SettingsError`."""
    profile = profile_of(settings, context)
    declared = profile and profile.framing
    framing = overridden(declared or Framing(suffix="\r"), settings)
    keyboard = overridden((profile and profile.keyboard) or Keyboard(), settings)
    loose = declared is None and settings.suffix is None
    by_silence = loose or not framing.suffix
    idle_s = framing.idle_timeout_s or (_SILENCE_AS_SUFFIX_S if by_silence else _SILENCE_AS_LOSS_S)
    return WedgeScanner(
        device=name,
        path=settings.device,
        grab=settings.grab,
        keystrokes=partial(
            Keystrokes, keyboard, framing, loose=loose, idle_timeout_s=idle_s, slowest_key_ms=settings.slowest_key_ms
        ),
        framing=framing,
        idle_timeout_s=idle_s,
        repeat_window_s=settings.repeat_window_s,
        report=context.report,
        expected=context.expected,
    )
