"""A camera, a network stream or a recorded video as a reader."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import structs

from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.camera.capture import Scribe
from edge_agent.readers.camera.messages import Begun, Ended, Look, Looked, Lost, Opened, Reply, Seen, Still, Trouble, Watch
from edge_agent.readers.camera.process import Worker, WorkerDiedError
from edge_agent.readers.camera.sightings import Sightings
from edge_agent.unplugged import UnpluggedError

#: What a look may take beyond its patience: the frame that it is decoding, and the end of the stream.
_LEAVE_S: Final = 5.0


class Stream:
    """Reads the codes in the frames of a source (`edge_agent.reader.Reader`) in a worker process; one label is one scan.

    Args:
        worker: makes a worker that was not started yet.
        watch: what the worker is asked.
        deadline_s: a worker that says nothing for this long hangs, and is killed.
        recorded: the recording's file; `None`: a camera.
    """

    def __init__(
        self, *, scribe: Scribe, worker: Callable[[], Worker], watch: Watch, deadline_s: float, recorded: Path | None
    ) -> None:
        self._scribe = scribe
        self._name = scribe.device
        self._worker = worker
        self._watch = watch
        self._deadline_s = deadline_s
        self._recorded = recorded
        self._sightings = Sightings(watch.repeat_s)
        self._done = False
        self._next_frame = 0
        self._begun: int | None = None
        self._deaths = 0

    async def run(self, emit: Emit) -> None:
        """Read frames until cancelled; a recording is read once, then nothing happens. Raises `ReaderError`."""
        if not self._done:
            await self._read(emit)
            self._done = True
        await asyncio.Event().wait()

    async def check(self, patience_s: float) -> str:
        """Open the source and look. Raises `ReaderError`."""
        worker = self._worker()
        try:
            await worker.start()  # loading OpenCV from a gateway's card is no silence of the camera
            source = structs.replace(self._watch.source, silence_s=min(self._watch.source.silence_s, patience_s))
            await worker.send(Look(source, self._watch.aim, self._watch.budget_ms, patience_s))
            reply = await worker.receive(patience_s + _LEAVE_S)
        except WorkerDiedError as death:
            raise ReaderError(self._name, f"the decoder's process {death}", self._advice) from death
        finally:
            await worker.close()
        if isinstance(reply, Lost):
            raise ReaderError(self._name, reply.what, reply.check)
        assert isinstance(reply, Looked)
        return _sentence(reply)

    async def _read(self, emit: Emit) -> None:
        worker = self._worker()
        self._begun = None
        try:
            await worker.start()
            await worker.send(structs.replace(self._watch, first_frame=self._next_frame))
            reply = await worker.receive(self._watch.source.silence_s + self._deadline_s)
            while not isinstance(reply, Ended):
                await self._hear(reply, emit)
                reply = await worker.receive(self._deadline_s)
        except WorkerDiedError as death:
            raise self._died(death) from death
        finally:
            await worker.close()

    async def _hear(self, reply: Reply, emit: Emit) -> None:
        match reply:
            case Opened():
                self._sightings.reopened()
            case Begun(frame):
                self._begun = frame
            case Seen():
                await self._scan(reply, emit)
                self._begun, self._deaths = None, 0
                if self._recorded is not None:
                    self._next_frame = reply.frame + 1
            case Still(at_s):
                self._sightings.still(at_s)
            case Trouble(what):
                self._scribe.report(self._name, what)
            case Lost(what, check):
                raise self._lost(what, check)
            case _:  # a sign of life
                pass

    def _lost(self, what: str, check: str) -> ReaderError:
        address = self._watch.source.address
        device_file = f"/dev/video{address}" if isinstance(address, int) else address
        if device_file.startswith("/dev/"):
            return UnpluggedError(self._name, what, check, device_file)
        return ReaderError(self._name, what, check)

    async def _scan(self, seen: Seen, emit: Emit) -> None:
        fresh = self._sightings.fresh(seen.codes, seen.at_s, changed=seen.changed)
        for i, code in enumerate(fresh):
            try:
                await emit(self._scribe.capture_of(code, seen.photo))
            except BaseException:
                for lost in fresh[i:]:
                    self._sightings.forget(lost)
                raise

    def _died(self, death: WorkerDiedError) -> ReaderError:
        """What to say of it; a frame of a recording that ended it twice is passed over, a camera's is gone anyway."""
        frame = self._begun
        if frame is None:
            return ReaderError(self._name, f"the decoder's process {death}", self._advice)
        self._deaths += 1
        if self._recorded is None or self._deaths > 1:
            self._scribe.report(self._name, f"frame {frame} is passed over: the decoder's process {death} while it read it")
            self._next_frame = 0 if self._recorded is None else frame + 1
        advice = "memory_mb and deadline_s, and report it with the agent's log"
        return ReaderError(self._name, f"the decoder's process {death} while it read frame {frame}", advice)

    @property
    def _advice(self) -> str:
        return f"the recording {self._recorded}" if self._recorded is not None else "the camera and its network, and memory_mb"


def _sentence(looked: Looked) -> str:
    codes = ", ".join(f"{code.format} {code.text or code.raw.hex()}" for code in looked.codes[:3])
    number = len(looked.codes)
    read = f"{number} {'code' if number == 1 else 'codes'} read ({codes})" if number else "no code in view"
    return f"{looked.width}×{looked.height} at {looked.fps:.0f} fps, {looked.condition}, {read}"
