"""Read a source's frames and say what they show, until it ends."""

from collections.abc import Callable
from pathlib import Path

from edge_agent.decode import DecodeError, decode
from edge_agent.readers.camera.messages import Begun, Code, Opened, Reply, Seen, Trouble, Watch
from edge_agent.readers.camera.sightings import Sightings
from edge_agent.readers.camera.worker.choice import Frame
from edge_agent.readers.camera.worker.feed import feed_of
from edge_agent.readers.camera.worker.photos import Photos
from edge_agent.readers.camera.worker.pictures import codes_of
from edge_agent.readers.camera.worker.source import OpenSource


def watch(request: Watch, send: Callable[[Reply], None]) -> None:
    """Return when a recording is over. Raises `SourceError` where a source cannot be opened or gives no more frames."""
    # Nothing closes it but the end of this process: the thread that drains a camera may be in it, for ever perhaps.
    source = OpenSource(request.source)
    source.open()
    width, height = source.size
    send(Opened(width, height, source.fps))
    feed, scribe = feed_of(source, request), _Scribe(request, send)
    while (news := feed.next()) is not None:
        if isinstance(news, Frame):
            send(Begun(news.number))
            send(scribe.read(news))
        else:
            send(news)


class _Scribe:
    """Reads frames, and keeps pictures of those with something new. Each trouble is told once until it is over."""

    def __init__(self, request: Watch, send: Callable[[Reply], None]) -> None:
        self._budget_ms = request.budget_ms
        self._send = send
        self._photos = None if request.photos is None else Photos(Path(request.photos), request.photos_bytes)
        # The agent decides what is a new scan; this is only to keep no picture that nobody asks for.
        self._sightings = Sightings(request.repeat_s)
        self._told: set[str] = set()

    def read(self, frame: Frame) -> Seen:
        codes = self._decoded(frame)
        new = self._sightings.fresh(codes, frame.at_s, changed=frame.changed)
        return Seen(frame.number, frame.at_s, codes, frame.changed, self._kept(frame) if new else None)

    def _decoded(self, frame: Frame) -> tuple[Code, ...]:
        try:
            codes = codes_of(decode(frame.gray, budget_ms=self._budget_ms))
        except (DecodeError, MemoryError) as error:
            self._tell("frame", f"a frame cannot be read: {error or 'not enough memory; raise memory_mb'}")
            return ()
        except Exception as error:  # noqa: BLE001 - a library's mistake about one frame must not stop the next; it is told
            self._tell("frame", f"the decoder failed on a frame ({type(error).__name__}: {error}); report it")
            return ()
        self._told.discard("frame")
        return codes

    def _kept(self, frame: Frame) -> str | None:
        if self._photos is None:
            return None
        try:
            photo = self._photos.keep(frame.pixels)
        except OSError as error:
            self._tell("photo", f"cannot keep a picture of what was scanned ({error}); check the disk of the data folder")
            return None
        self._told.discard("photo")
        return photo

    def _tell(self, kind: str, what: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._send(Trouble(what))
