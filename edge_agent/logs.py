"""The agent's log: on the standard error for people and journald, in files of bounded size for the technician who comes later."""

import logging
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from edge_agent.config import LogSettings
from edge_agent.log_file import LogFile
from plumbline.repeats import Repeats
from plumbline.secrets import hidden


@dataclass(frozen=True, slots=True)
class Logs:
    """What `configure` has set up."""

    repeats: Repeats
    file: LogFile | None

    def close(self) -> None:
        """Write what waits."""
        if self.file is not None:
            self.file.close()


def configure(settings: LogSettings, data: Path) -> Logs:
    """Set structlog up: readable on a terminal, JSON a line otherwise; and JSON lines in the file, where one is wanted."""
    for_people = sys.stderr.isatty()
    repeats = Repeats(settings.repeats_s)
    file = LogFile(data / settings.file, limit=settings.bytes, count=settings.count) if settings.file else None
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            repeats,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            _hide,
            *([] if file is None else [_Copy(file)]),
            *([] if for_people else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    return Logs(repeats, file)


def _hide(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No password of a URL reaches a log."""
    for key, value in entry.items():
        if isinstance(value, str) and "://" in value:
            entry[key] = hidden(value)
    return entry


class _Copy:
    """A processor that hands each entry to the file too."""

    def __init__(self, file: LogFile) -> None:
        self._file = file

    def __call__(self, logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Copy."""
        self._file.write(dict(structlog.processors.format_exc_info(logger, method, dict(entry))))
        return entry
