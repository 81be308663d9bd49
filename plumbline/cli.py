"""The `plumbline` command: a table of subcommands, each loaded only when it is used.

A gateway that installed only what an edge agent needs can still run `plumbline edge`: the modules of the other
subcommands are never imported there. A new subcommand is one module in `plumbline/command/` and one line in `COMMANDS`.
"""

import difflib
import errno
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, cast

from plumbline import __version__
from plumbline.errors import PlumblineError


class Command(NamedTuple):
    """Where a subcommand lives (a module with a typer `app`), its line in `--help`, and the extra that it needs."""

    module: str
    summary: str
    extra: str


#: A module missing from one of these is our mistake, not a missing extra.
OWN_PACKAGES: Final = frozenset({"plumbline", "edge_agent", "ingest", "tracking_service", "dashboards"})

#: What to do where files cannot be made or written.
DISK_REMEDIES: Final[Mapping[int, str]] = {
    errno.ENOSPC: "make room on the disk or choose another folder",
    errno.EDQUOT: "raise the quota or choose another folder",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "check who owns it and who may write it",
    errno.EPERM: "check who owns it and who may write it",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another folder",
    errno.EEXIST: "a file stands where a folder is needed: choose another folder",
}

COMMANDS: Final[Mapping[str, Command]] = {
    "up": Command("plumbline.command.up", "Run a whole site on this machine: broker, ingest, tracking, screens.", "site"),
    "edge": Command("plumbline.command.edge", "Run the agent of a gateway, or check its configuration.", "edge"),
    "ingest": Command("plumbline.command.ingest", "Run the server's intake.", "ingest"),
    "tracking": Command(
        "plumbline.command.tracking", "Run the tracking service and its screens; import orders, schedules, lists.", "tracking"
    ),
    "labels": Command("plumbline.command.labels", "Print labels for an order's lines and a site's zones.", "tracking"),
    "ledger": Command("plumbline.command.ledger", "Prove what arrived: received, duplicate, late, thinned, missing.", "ingest"),
    "deadletters": Command(
        "plumbline.command.deadletters", "What ingest could not take: look, mend the cause, replay.", "ingest"
    ),
    "decode": Command("plumbline.command.decode", "Read the barcodes in photos.", "camera"),
    "nmea": Command("plumbline.command.nmea", "Read the positions in a satellite receiver's log.", "edge"),
    "scanner": Command(
        "plumbline.command.scanner", "Print the scanner self-test card; learn a scanner's profile from it.", "edge"
    ),
    "gs1": Command("plumbline.command.gs1", "Read GS1 element strings, bracketed text and Digital Links.", "edge"),
    "dashboards": Command(
        "plumbline.command.dashboards", "Build, check and push the Grafana boards and alert rules.", "dashboards"
    ),
    "influx": Command("plumbline.command.influx", "Prepare an InfluxDB for ingest and Grafana.", "ingest"),
    "db": Command("plumbline.command.db", "Bring a database to this version.", "ingest"),
    "env": Command("plumbline.command.env", "Make the .env of docker-compose, with fresh passwords.", "edge"),
    "docs": Command("plumbline.command.docs", "Write or check the generated pages of docs/.", "site"),
    "fleet": Command(
        "plumbline.command.fleet", "See all gateways and what is wrong with them; change their configuration.", "edge"
    ),
    "bench": Command("plumbline.command.bench", "Measure: figures, medians, ratios.", "site"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one subcommand; an error that is meant for a person becomes one line and exit code 2."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in {"--help", "-h"}:
        print(_help())
        return
    if name == "--version":
        print(f"plumbline {__version__}")
        return
    try:
        _load(name)(rest, prog_name=f"plumbline {name}")
    except (PlumblineError, OSError, ExceptionGroup) as error:
        said = _said(error)
        if said is None:
            raise
        print(f"plumbline: {said}", file=sys.stderr)
        sys.exit(2)


def _said(error: BaseException) -> str | None:
    """What a person is told of an error; `None` where it is our mistake and the trace must be seen.

    Of several tasks' errors the first that is meant for a person. A disk's errors reach us from anywhere.
    """
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        texts = [_said(one) for one in inner]
        return None if None in texts else texts[0]
    if isinstance(error, PlumblineError):
        return str(error)
    if isinstance(error, OSError) and (remedy := DISK_REMEDIES.get(error.errno or 0)):
        return f"{error.filename or 'the disk'}: {error.strerror}; {remedy}"
    return None


def _load(name: str) -> Callable[..., None]:
    entry = COMMANDS.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "'plumbline --help' lists them"
        raise PlumblineError(f"there is no command '{name}'; {hint}")
    try:
        return importlib.import_module(entry.module).app
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in OWN_PACKAGES:
            raise
        raise PlumblineError(f"'{name}' needs the package {package}: install plumbline-site[{entry.extra}]") from error


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{entry.summary}" for name, entry in COMMANDS.items()]
    return "\n".join(
        [
            "Plumbline keeps the plan true to the site.",
            "",
            "usage: plumbline COMMAND [OPTIONS]    ('plumbline COMMAND --help' tells more)",
            "",
            *lines,
        ]
    )
