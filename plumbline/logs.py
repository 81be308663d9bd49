"""Logs on stderr: for people on a terminal, one JSON object a line elsewhere; `PLUMBLINE_LOG` says otherwise.

| variable | values |
|---|---|
| `PLUMBLINE_LOG` | `text` or `json`; absent: `text` on a terminal, `json` elsewhere |
| `PLUMBLINE_LOG_LEVEL` | `debug`, `info` (default), `warning`, `error` |

The lines of libraries take the same form. A line that comes again and again is told once a minute (`plumbline.repeats`). Passwords in URLs never show.
"""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

from plumbline.errors import SettingsError
from plumbline.repeats import Repeats
from plumbline.secrets import hidden

LEVELS: Final = ("debug", "info", "warning", "error")
FORMS: Final = ("text", "json")
#: A line keeps its like away for so long.
REPEATS_S: Final = 60.0
#: Without local variables: there are passwords among them.
_TRACES: Final = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(level: str | None = None, *, environment: Mapping[str, str] | None = None) -> Repeats:
    """Set structlog and the standard library's logging up; returns what holds back lines that come again and again.

    `level` is one of `LEVELS`; the environment wins. Raises `SettingsError` where a variable says something else.
    """
    environment = os.environ if environment is None else environment
    number = logging.getLevelNamesMapping()[_choice(environment, "PLUMBLINE_LOG_LEVEL", LEVELS, level or "info").upper()]
    form = _choice(environment, "PLUMBLINE_LOG", FORMS, "text" if sys.stderr.isatty() else "json")
    for_people = form == "text"
    coloured = sys.stderr.isatty()
    repeats = Repeats(REPEATS_S)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        repeats,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
        structlog.processors.StackInfoRenderer(),
        _hide,
        _first,
        *([] if for_people else [_TRACES]),
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    return repeats


def _choice(environment: Mapping[str, str], name: str, allowed: tuple[str, ...], usual: str) -> str:
    said = environment.get(name, "").strip().lower() or usual
    if said not in allowed:
        raise SettingsError(f"{name}: '{said[:40]}' is not one of {', '.join(allowed)}")
    return said


def _first(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line begins with when, how bad, and what: that is what a narrow window shows of it."""
    return {**{name: entry[name] for name in ("timestamp", "level", "event") if name in entry}, **entry}


def _hide(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No password of a URL reaches a log."""
    for key, value in entry.items():
        if isinstance(value, str) and "://" in value:
            entry[key] = hidden(value)
    return entry
