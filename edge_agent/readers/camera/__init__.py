"""Codes in pictures: a folder that photos are dropped into, a camera, a network stream, or a recorded video.

The agent's side of it; what opens cameras and pictures is a process of its own (`worker`), so that nothing here imports
OpenCV.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from edge_agent.reader import Context, Reader
from edge_agent.readers.camera.capture import Scribe
from edge_agent.readers.camera.folder import Folder
from edge_agent.readers.camera.messages import Aim, Picture, Source, Watch
from edge_agent.readers.camera.process import Worker
from edge_agent.readers.camera.stream import Stream
from plumbline.errors import SettingsError

__all__ = ["Settings", "build"]

#: A worker of a folder that had nothing to do for this long is let go: its libraries take a hundred megabytes.
_IDLE_S: Final = 60.0

Fraction = Annotated[float, Meta(ge=0, le=1)]
Pixels = Annotated[int, Meta(ge=16, le=8192)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pictures come from. Exactly one of `folder`, `device`, `url` and `file` is given."""

    folder: str | None = None
    """A folder that is watched for pictures (not its subfolders); relative to the configuration file."""
    device: Annotated[int, Meta(ge=0, le=63)] | Annotated[str, Meta(pattern=r"^/dev/\S+$")] | None = None
    """A camera at this machine: its number, or better its path in `/dev/v4l/by-id/`."""
    url: Annotated[str, Meta(pattern=r"^(rtsps?|https?|rtmp|udp)://\S+$")] | None = None
    """A network camera: `rtsp://user:password@host/…`."""
    file: str | None = None
    """A recorded video, read once; relative to the configuration file."""
    budget_ms: Annotated[int, Meta(ge=10, le=10_000)] = 250
    """Time to spend on a hard picture."""
    deadline_s: Annotated[float, Meta(gt=0, le=600)] = 20.0
    """A picture that takes longer than this, beyond its budget, has hung the decoder; its process is killed and started again.
    Waiting for a busy processor does not count, up to ten times as long."""
    memory_mb: Annotated[int, Meta(ge=32, le=65_536)] = 768
    """What the decoder's process may take for pictures, beyond its libraries (about 100 MB)."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Degrees by which pictures are turned clockwise."""
    region: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    """The part of the turned picture that is read: left, top, right, bottom as fractions of its width and height."""
    after: Literal["move", "keep"] = "move"
    """What becomes of a picture of the folder when its scans are safe: moved to `processed/`, or kept and remembered."""
    settle_s: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    """A picture must not have changed for this long before it is read: it may still be being written."""
    poll_s: Annotated[float, Meta(gt=0, le=3600)] = 0.5
    """How often the folder is looked at."""
    interval_s: Annotated[float, Meta(ge=0, le=3600)] = 0.5
    """Time between two frames of a camera or a video that are read, the sharpest of those since the last; 0: every frame."""
    still_s: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    """While nothing moves before the camera, a frame is read only this often; 0: every interval."""
    repeat_s: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """A code that stays in view, or comes back within this time, is the same scan."""
    silence_s: Annotated[float, Meta(ge=0.5, le=3600)] = 10.0
    """A camera that does not answer, or sends no frame, for this long is lost, and is opened again."""
    frozen_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """A camera that sends the same picture to the byte for this long is reported; 0: never."""
    size: tuple[Pixels, Pixels] | None = None
    """Width and height to ask a camera at this machine for; without it, what the camera prefers (often 640 × 480)."""
    photos_mb: Annotated[int, Meta(ge=0, le=1_048_576)] = 0
    """Room for pictures of frames that showed a new code, as evidence; the oldest make room. 0: none are kept."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the camera `name`. Opens nothing; raises `SettingsError`."""
    given = [key for key in ("folder", "device", "url", "file") if getattr(settings, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SettingsError(f"reader '{name}': folder, device, url, file: exactly one must be given, found {found}; correct it")
    if settings.region is not None:
        left, top, right, bottom = settings.region
        if left >= right or top >= bottom:
            raise SettingsError(
                f"reader '{name}': region: left must be less than right and top less than bottom, found {list(settings.region)};"
                " for example [0.25, 0.0, 0.75, 1.0] for the middle half"
            )
    scribe = Scribe(device=name, report=context.report, expected=context.expected)
    worker = partial(Worker, name, memory_mb=settings.memory_mb)
    if settings.folder is not None:
        return _folder(settings, context, scribe, context.base / settings.folder, worker)
    recorded = None if settings.file is None else context.base / settings.file
    return Stream(
        scribe=scribe,
        worker=worker,
        watch=_watch(settings, context, recorded),
        deadline_s=settings.deadline_s + settings.budget_ms / 1e3,
        recorded=recorded,
    )


def _folder(settings: Settings, context: Context, scribe: Scribe, path: Path, worker: partial[Worker]) -> Folder:
    return Folder(
        scribe=scribe,
        worker=worker,
        asked=Picture(b"", settings.budget_ms, _aim(settings)),
        deadline_s=settings.deadline_s + settings.budget_ms / 1e3,
        idle_s=_IDLE_S,
        path=path,
        marks=context.data / f"{scribe.device}.pictures.sqlite",
        after=settings.after,
        settle_s=settings.settle_s,
        poll_s=settings.poll_s,
    )


def _watch(settings: Settings, context: Context, recorded: Path | None) -> Watch:
    address = settings.url or settings.device if recorded is None else str(recorded)
    assert address is not None
    return Watch(
        source=Source(address, live=recorded is None, silence_s=settings.silence_s, size=settings.size),
        aim=_aim(settings),
        budget_ms=settings.budget_ms,
        interval_s=settings.interval_s,
        still_s=settings.still_s,
        frozen_s=settings.frozen_s,
        repeat_s=settings.repeat_s,
        first_frame=0,
        photos=str(context.data / "photos") if settings.photos_mb else None,
        photos_bytes=settings.photos_mb << 20,
    )


def _aim(settings: Settings) -> Aim:
    return Aim(settings.rotate, settings.region)
