"""Codes in pictures: a folder that photos are dropped into, a camera, a network stream, or a recorded video."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge_agent.reader import Context, Reader
from edge_agent.readers.camera.folder import Folder
from edge_agent.readers.camera.sightings import Sightings
from edge_agent.readers.camera.stream import Stream
from edge_agent.readers.camera.video import Video
from plumbline.errors import SettingsError

__all__ = ["Settings", "build"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pictures come from. Exactly one of `folder`, `device`, `url` and `file` is given."""

    folder: str | None = None
    """A folder that is watched for pictures; relative to the configuration file."""
    device: Annotated[int, Meta(ge=0, le=63)] | Annotated[str, Meta(min_length=1)] | None = None
    """A camera at this machine: its number, or its path in `/dev/v4l/by-id/`."""
    url: Annotated[str, Meta(pattern=r"^(rtsps?|https?|rtmp|udp)://\S+$")] | None = None
    """A network camera: `rtsp://user:password@host/…`."""
    file: str | None = None
    """A recorded video, read once; relative to the configuration file."""
    budget_ms: Annotated[int, Meta(ge=10, le=10_000)] = 250
    """Time to spend on a hard picture."""
    after: Literal["move", "keep"] = "move"
    """What becomes of a picture of the folder when its scans are safe: moved to `processed/`, or kept and remembered."""
    settle_s: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    """A picture must not have changed for this long before it is read: it may still be being written."""
    poll_s: Annotated[float, Meta(gt=0, le=3600)] = 0.5
    """How often the folder is looked at."""
    interval_s: Annotated[float, Meta(ge=0, le=3600)] = 0.5
    """Time between two frames of a camera or a video that are read; 0: every frame."""
    repeat_s: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """A code that stays in view, or comes back within this time, is the same scan."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the camera `name`. Opens nothing; raises `SettingsError`."""
    given = [key for key in ("folder", "device", "url", "file") if getattr(settings, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SettingsError(f"reader '{name}': folder, device, url, file: exactly one must be given, found {found}; correct it")
    if settings.folder is not None:
        return Folder(
            name=name,
            path=context.base / settings.folder,
            marks=context.data / f"{name}.pictures.sqlite",
            report=context.report,
            budget_ms=settings.budget_ms,
            after=settings.after,
            settle_s=settings.settle_s,
            poll_s=settings.poll_s,
        )
    if settings.file is not None:
        source, live = str(context.base / settings.file), False
    else:
        source, live = settings.url or (settings.device if settings.device is not None else 0), True
    return Stream(
        name=name,
        video=Video(name=name, source=source, live=live, interval_s=settings.interval_s),
        sightings=Sightings(settings.repeat_s),
        budget_ms=settings.budget_ms,
    )
