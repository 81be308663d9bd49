"""Child processes that live exactly as long as we want: not ended by our terminal's Ctrl-C, never outliving us."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from plumbline.backoff import CAP_S, delay_s

_log = structlog.get_logger()
_GRACE_S: Final = 10.0


async def at_once(_process: asyncio.subprocess.Process) -> None:
    """A child that is ready as soon as it runs."""


@contextlib.asynccontextmanager
async def kept(
    *command: str, log: Path, name: str, ready: Callable[[asyncio.subprocess.Process], Awaitable[None]] = at_once
) -> AsyncGenerator[None]:
    """Run a command as `running` does, and start it again whenever it ends by itself, after waits that grow to 30 s.

    `name` is what the log calls it. The block begins when `ready` returns; what `ready` raises of the first start is raised.
    """
    async with running(*command, log=log) as first:
        await ready(first)
        keeper = asyncio.create_task(_keep(first, *command, log=log, name=name), name=f"keep-{name}")
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})


async def _keep(first: asyncio.subprocess.Process, *command: str, log: Path, name: str) -> None:
    loop = asyncio.get_running_loop()
    since, attempt, ended = loop.time(), 0, f"ended with code {await first.wait()}"
    while True:
        attempt = 1 if loop.time() - since > CAP_S else attempt + 1
        wait_s = delay_s(attempt, random.random)
        _log.error("child ended, will start it again", child=name, ended=ended, read=str(log), wait_s=round(wait_s, 3))
        await asyncio.sleep(wait_s)
        since = loop.time()
        try:
            async with running(*command, log=log) as again:
                ended = f"ended with code {await again.wait()}"
        except OSError as error:
            ended = f"could not be started: {error}"


@contextlib.asynccontextmanager
async def running(
    *command: str, log: Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a command for the length of the block; what it says is appended to `log`.

    It has a session of its own, so that Ctrl-C reaches us alone and we stop it in our order: SIGTERM, and SIGKILL after ten
    seconds. Where we are killed first, the kernel ends it (`setpriv --pdeathsig` of util-linux, where it is installed).
    Raises `OSError` where the program cannot be run.
    """
    setpriv = shutil.which("setpriv")
    guard = (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *guard,
            *command,
            stdout=out,
            stderr=out,
            stdin=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(_GRACE_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):  # it ended in the same moment
                    process.kill()
                await process.wait()
