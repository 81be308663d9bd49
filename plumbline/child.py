"""Child processes that live exactly as long as we want: not ended by our terminal's Ctrl-C, never outliving us."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Final

_GRACE_S: Final = 10.0


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
                process.kill()
                await process.wait()
