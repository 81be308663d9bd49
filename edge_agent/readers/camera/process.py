"""The worker process as the agent holds it: started, asked, and killed when it crashes, hangs or is not needed.

OpenCV, FFmpeg and the decoders run in a process of their own: pictures come from strangers, the libraries that read them
are large and written in C++, and what becomes of them there is no matter of the agent's.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Final

import msgspec
import structlog

import edge_agent
from edge_agent.reader import ReaderError
from edge_agent.readers.camera.messages import HEAD_BYTES, MAX_BYTES, Ready, Reply, Request, framed, reply_of
from plumbline import processor
from plumbline.patience import Patience

_log = structlog.get_logger(__name__)

#: `-P`: the folder where the agent was started has no say in what is imported.
COMMAND: Final = (sys.executable, "-P", "-m", "edge_agent.readers.camera.worker")
#: Loading OpenCV from a gateway's memory card on a busy day.
START_S: Final = 60.0
#: A killed process is gone at once, unless the kernel holds it in a driver.
_REAP_S: Final = 5.0
#: A worker that is not done in time, but did not get the processor for so long either, has its time again, so often: it stands
#: back behind the agent and everybody else, so on a busy gateway it may get a tenth of what it needs.
_AGAIN: Final = 10
_CHUNK: Final = 4096
_LAST_LINES: Final = 20

#: One thread for everything: a gateway has few cores and other readers. Libraries keep quiet: what went wrong we say ourselves.
_ENVIRONMENT: Final = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "PYTHONFAULTHANDLER": "1",
}


class WorkerDiedError(Exception):
    """The worker is no more; the text says how it ended, and is never empty."""


class Worker:
    """One worker process: `start`, then `send` and `receive`, at last `close`. One task uses it.

    Args:
        device: the reader's name, for errors and logs.
        memory_mb: what it may take beyond its libraries.
    """

    def __init__(self, device: str, *, memory_mb: int) -> None:
        self._device = device
        self._memory_mb = memory_mb
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._said: deque[str] = deque(maxlen=_LAST_LINES)

    async def start(self) -> None:
        """Start it and wait until it can read. Raises `ReaderError` where it cannot; it is gone then."""
        root = str(Path(edge_agent.__file__).parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        try:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                str(os.getpid()),
                str(self._memory_mb),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": path},
            )
            self._listening = asyncio.create_task(self._listen(self._process), name=f"camera-worker-{self._device}")
            if not isinstance(await self.receive(START_S), Ready):
                raise WorkerDiedError("it spoke before it was ready")
        except (OSError, WorkerDiedError) as error:
            await self.close()
            advice = "memory, and that the packages for cameras are installed (plumbline-site[camera])"
            raise ReaderError(self._device, f"the decoder's process does not start ({error})", advice) from error
        except BaseException:
            await self.close()
            raise

    async def send(self, request: Request) -> None:
        """Ask it for something. Raises `WorkerDiedError`."""
        stdin = self._running.stdin
        assert stdin is not None
        try:
            stdin.write(framed(request))
            await stdin.drain()
        except OSError as error:
            raise WorkerDiedError(await self._end(str(error))) from error

    async def receive(self, within_s: float) -> Reply:
        """Its next reply. Raises `WorkerDiedError`: it ended, or said nothing for `within_s` seconds and was killed.

        Time in which it waited for the processor does not count, ten times `within_s` at most.
        """
        process = self._running
        worked_s = [processor.worked_s(process.pid)]
        reading = asyncio.ensure_future(self._reply(process))
        try:
            while True:
                try:
                    async with Patience(within_s):
                        return await asyncio.shield(reading)
                except TimeoutError:
                    worked_s.append(processor.worked_s(process.pid))
                    if len(worked_s) > _AGAIN or not worked_s[-2] < worked_s[-1] < worked_s[0] + within_s:
                        break
            await self.close()
            raise WorkerDiedError(f"was stuck for {(len(worked_s) - 1) * within_s:g} s")
        except (asyncio.IncompleteReadError, OSError) as error:
            raise WorkerDiedError(await self._end("ended")) from error
        except msgspec.MsgspecError as error:
            raise WorkerDiedError(await self._end(f"said what nobody understands ({error})")) from error
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.exception()

    async def _reply(self, process: asyncio.subprocess.Process) -> Reply:
        assert process.stdout is not None
        length = int.from_bytes(await process.stdout.readexactly(HEAD_BYTES), "big")
        if length > MAX_BYTES:
            raise WorkerDiedError(await self._end(f"said {length} bytes at once"))
        return reply_of(await process.stdout.readexactly(length))

    async def close(self) -> None:
        """Kill it, whatever it does; returns when it is gone. Again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with Patience(_REAP_S):
                await process.wait()
        except TimeoutError:
            _log.error("camera.worker_stays", device=self._device, pid=process.pid, check="the camera's driver (dmesg)")
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    @property
    def alive(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise WorkerDiedError("is not running")
        return self._process

    async def _end(self, what: str) -> str:
        """Take leave of it; how it ended, in words."""
        process = self._process
        if process is None:
            return what
        with contextlib.suppress(TimeoutError):
            async with Patience(1):  # its end of the pipe closes before the kernel tells how it ended
                await process.wait()
                if self._listening is not None:
                    await asyncio.wait([self._listening])
        code = process.returncode
        await self.close()
        if self._said:
            _log.warning("camera.worker_said", device=self._device, lines=list(self._said))
        if code is not None and code < 0:
            return f"was killed by {_signal_name(-code)}"
        last = f": {self._said[-1]}" if self._said else ""
        return f"{what} with code {code}{last}" if code is not None else what

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last lines that it, or a library in it, wrote on standard error."""
        assert process.stderr is not None
        rest = ""
        while chunk := await process.stderr.read(_CHUNK):
            *lines, rest = (rest + chunk.decode("utf-8", "replace")).split("\n")
            self._said += [line[:200] for line in lines if line.strip()]
            rest = rest[-_CHUNK:]
        if rest.strip():
            self._said.append(rest[:200])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
