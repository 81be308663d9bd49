"""Is a configuration right: asked in a process of its own, so that a file that kills or hangs its reader is refused too.

`python -m edge_agent.fleet.validate FILE` prints the mistakes as a JSON list.
"""

import asyncio
import contextlib
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_agent import config, durable
from edge_agent.config import ConfigError
from plumbline.errors import SettingsError
from plumbline.patience import Patience
from plumbline.secrets import hidden_in, revealed

#: A gateway that imports OpenCV from a slow card takes its time.
_PATIENCE_S: Final = 120.0
#: What would make another gateway of it, or lose what waits.
_FIXED: Final = ("site", "gateway", "data")
_MOST_MISTAKES: Final = 100


def completed(text: str, own: str) -> tuple[str, list[str]]:
    """`text` with the passwords that it leaves to the gateway, and what may not be changed from afar."""
    text, unknown = revealed(text, own)
    mistakes = [f"{where}: its password is hidden and this gateway does not know it; write it out" for where in unknown]
    try:
        wanted, has = tomllib.loads(text), tomllib.loads(own)
    except (tomllib.TOMLDecodeError, RecursionError):
        return text, mistakes  # what is wrong with it `config.load` says better
    for key in _FIXED:
        if wanted.get(key) != has.get(key) and (wanted.get(key) is not None or key == "data"):
            given = "nothing" if has.get(key) is None else f"'{has[key]}'"
            mistakes.append(f"{key}: may be changed on the gateway only, where {given} stands; leave it so")
    if _turned_off(wanted) and not _turned_off(has):
        mistakes.append("remote.enabled: cannot be turned off from afar: nobody could turn it on again; leave it out")
    return text, mistakes


def _turned_off(table: dict[str, Any]) -> bool:
    remote: Any = table.get("remote")
    return isinstance(remote, dict) and remote.get("enabled") is False  # pyright: ignore[reportUnknownMemberType] - parsed TOML


async def mistakes_in(text: str, beside: Path, *, patience_s: float = _PATIENCE_S) -> list[str]:
    """Everything that is wrong with `text` as the gateway file `beside`. Raises `OSError` where it cannot be written there."""
    trial = beside.with_name(f".{beside.name}.desired")
    durable.write(trial, text.encode())
    try:
        return [
            hidden_in(mistake.replace(str(trial), beside.name), text)[:1000] for mistake in await _asked(trial, patience_s)
        ][:_MOST_MISTAKES]
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()


async def _asked(trial: Path, patience_s: float) -> list[str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __spec__.name, str(trial)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with Patience(patience_s):
            said, _ = await child.communicate()
    except TimeoutError:
        return [f"reading it did not end within {patience_s:g} s"]
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        return msgspec.json.decode(said, type=list[str])
    except msgspec.DecodeError:
        return [f"reading it ends the process (code {child.returncode}); try it with 'plumbline edge check'"]


def _mistakes(path: Path) -> list[str]:
    try:
        config.load(path)
    except ConfigError as error:
        return list(error.mistakes)
    except SettingsError as error:
        return [str(error)]
    return []


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_mistakes(Path(sys.argv[1]))))
