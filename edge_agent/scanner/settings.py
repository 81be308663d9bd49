"""The settings that serial and wedge scanners share, and how they go together with a profile."""

import difflib
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from edge_agent.reader import Context
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.profile import CodeId, DeviceProfile

T = TypeVar("T", bound=Struct)


class ScannerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is absent comes from the profile, and what the profile lacks from the defaults of its tables."""

    profile: Name | None = None
    """Scanner profile in `firmware_configs/`, for example one that `plumbline scanner learn` wrote."""
    prefix: str | None = None
    """What the scanner sends in front of every label."""
    suffix: str | None = None
    """What it sends behind every label; `""`: a silence ends the label."""
    max_bytes: Annotated[int, Meta(ge=16, le=8192)] | None = None
    """A longer label is dropped and reported."""
    symbology_identifier: bool | None = None
    """The scanner sends the AIM identifier (`]C1`, `]d2` …) in front."""
    code_id: CodeId | None = None
    """The scanner sends its maker's code id in front."""
    group_separator: str | None = None
    """What it sends for FNC1 between GS1 elements; `""`: nothing, so that labels need repair."""
    repeat_window_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """The same code again within so many seconds is the same scan; 0: every reading is a scan."""


def profile_of(settings: ScannerSettings, context: Context) -> DeviceProfile | None:
    """The profile that the settings name. Raises `SettingsError` where there is none of that name."""
    if settings.profile is None:
        return None
    profile = context.profiles.get(settings.profile)
    if profile is None:
        known = ", ".join(sorted(context.profiles)) or "none"
        near = difflib.get_close_matches(settings.profile, context.profiles, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise SettingsError(f"profile: there is no profile '{settings.profile}'; {hint}known are: {known}")
    return profile


def overridden(table: T, settings: Struct) -> T:
    """`table` with those of its values that the settings name. Raises `SettingsError` where they contradict each other."""
    own = {key: getattr(settings, key, None) for key in table.__struct_fields__}
    try:
        return msgspec.structs.replace(table, **{key: value for key, value in own.items() if value is not None})
    except ValueError as error:
        raise SettingsError(str(error)) from None


def refuse_non_ascii(**texts: str | None) -> None:
    """Raise `SettingsError` for what no scanner sends or takes as single bytes."""
    for key, text in texts.items():
        if text is not None and not text.isascii():
            raise SettingsError(f"{key}: {text!r} is not ASCII; scanners send and take single bytes")
