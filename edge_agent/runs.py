"""How often the agent was started on this gateway, and how often it had ended without being told to."""

from pathlib import Path
from typing import Final

import structlog
from msgspec import DecodeError, Struct, json

from edge_agent.durable import write

_log = structlog.get_logger(__name__)
_FILE: Final = "agent.runs"


class Runs(Struct, kw_only=True):
    """The count, kept in the data folder."""

    starts: int = 0
    crashes: int = 0
    """Starts that found the run before without an end: killed, crashed, or a power cut."""
    running: bool = False


def begun(data: Path) -> Runs:
    """Count a start."""
    try:
        runs = json.decode((data / _FILE).read_bytes(), type=Runs)
    except (OSError, DecodeError):  # the first start, or torn by a power cut: the count begins again
        runs = Runs()
    runs.starts += 1
    runs.crashes += runs.running
    runs.running = True
    _keep(data, runs)
    return runs


def ended(data: Path, runs: Runs) -> None:
    """Note that this run ends as it should."""
    runs.running = False
    _keep(data, runs)


def _keep(data: Path, runs: Runs) -> None:
    try:
        write(data / _FILE, json.encode(runs))
    except OSError as error:
        _log.warning("agent.runs", file=str(data / _FILE), error=str(error))
