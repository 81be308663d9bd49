"""Programs that a benchmark starts and watches: ready when they say so, stopped by their own process id, their use read from /proc."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from plumbline import child
from plumbline.errors import PlumblineError

_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_READY_S: Final = 60.0
_POLL_S: Final = 0.02


class Usage(NamedTuple):
    """What a process took until now."""

    cpu_s: float
    """User and system time of all its threads."""
    rss_mb: float
    """Resident memory, in 10^6 bytes."""


def rss_mb(pid: int) -> float:
    """Resident memory of a process, in 10^6 bytes (proc(5), `statm`)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB


def cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5), `stat`, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


@contextlib.contextmanager
def pinned(core: int | None) -> Generator[None]:
    """What is started in the block runs on this core alone; `None`: wherever it likes."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Program:
    """A child process that can be started, stopped, killed and started again; it never outlives us.

    Args:
        name: what errors call it.
        command: program and arguments.
        log: what it says is appended there.
        ready: waited for after each start, until it is true.
        folder: where it runs.
        environment: in place of ours.
        core: the one core that it may use; `None`: all.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], Awaitable[bool]] | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        core: int | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._ready = ready
        self._folder = folder
        self._environment = environment
        self._core = core
        self._stack = contextlib.AsyncExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._mark = 0
        self._last = Usage(0.0, 0.0)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, where it still runs."""
        await self.stop()

    async def start(self) -> None:
        """Start, and wait until it is ready. Raises `PlumblineError` with what it said where it ends or takes too long."""
        self._mark = self.log.stat().st_size if self.log.exists() else 0
        self._last = Usage(0.0, 0.0)
        stack = contextlib.AsyncExitStack()
        try:
            with pinned(self._core):
                running = child.running(*self._command, log=self.log, folder=self._folder, environment=self._environment)
                self._process = await stack.enter_async_context(running)
        except OSError as error:
            raise PlumblineError(f"bench: {self.name} could not be started: {error}; is it installed?") from None
        self._stack = stack
        try:
            async with asyncio.timeout(_READY_S):
                while self._ready is not None and not await self._ready():
                    self._check_alive()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            await self.stop()
            raise PlumblineError(f"bench: {self.name} was not ready in {_READY_S:g} s: {self.said()[-500:]}") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """SIGTERM, SIGKILL after ten seconds."""
        self.usage()
        await self._stack.aclose()
        self._process = None

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self.stop()

    async def exited(self) -> int:
        """Wait until it ends by itself; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.returncode is None

    def usage(self) -> Usage:
        """What its process took until now; after its end, what was last seen."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(OSError, IndexError):  # it has just ended
                self._last = Usage(cpu_s(self._process.pid), rss_mb(self._process.pid))
        return self._last

    def said(self) -> str:
        """What it said since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._mark)
            return log.read().decode(errors="replace")

    def _check_alive(self) -> None:
        if not self.running:
            raise PlumblineError(f"bench: {self.name} ended at once: {self.said()[-500:].strip() or 'it said nothing'}")


async def listens(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
