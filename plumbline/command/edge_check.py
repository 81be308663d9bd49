"""`plumbline edge check`: is the configuration right, and does each device of it answer."""

import asyncio
import json
import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from edge_agent import config as configuration
from edge_agent.config import Config
from edge_agent.examination import Finding, Verdict, examine
from plumbline.address import Address

#: The password in a URL, which no table shows.
_PASSWORD: Final = re.compile(r"(://[^:/@\s]*):[^/\s]*@")
_SHOWN: Final[dict[Verdict, str]] = {"ok": "[green]✓ ok[/]", "warning": "[yellow]! look[/]", "failed": "[red]✗ fails[/]"}


def check(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The gateway's TOML file.")],
    patience: Annotated[
        float, typer.Option(min=0.5, max=600, metavar="SECONDS", help="How long a device may take to say something.")
    ] = 5.0,
    devices: Annotated[bool, typer.Option("--devices/--no-devices", help="Try each device too, or only read the file.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check a configuration and try each device, the brokers, the disk and the clock. Changes nothing on any of them.

    Exit code 2: the file has mistakes, all of which are listed. 1: something does not work. 0: all well.
    """
    checked = configuration.load(config)
    console = Console(stderr=as_json)
    if not as_json:
        console.print(_summary(checked))
        if not devices and checked.readers:
            console.print(_readers(checked))
    if not devices:
        return
    found = asyncio.run(_examined(checked, patience, console))
    if as_json:
        typer.echo(json.dumps([msgspec.to_builtins(finding) for finding in found], indent=2, ensure_ascii=False))
    else:
        console.print(_table(found))
        console.print(_sum(found))
    if any(finding.verdict == "failed" for finding in found):
        raise typer.Exit(1)


async def _examined(config: Config, patience_s: float, console: Console) -> list[Finding]:
    found: list[Finding] = []
    total = 2 + len(config.server.brokers) + len(config.readers)
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        progress.update(task, description=f"looking at {total} things for up to {patience_s:g} s …")
        async for finding in examine(config, patience_s=patience_s):
            found.append(finding)
            progress.update(
                task, advance=1, description=f"{len(found)} of {total} looked at; {finding.what}: {finding.verdict}"
            )
    return sorted(found, key=lambda finding: finding.place)


def _table(found: list[Finding]) -> Table:
    table = Table("what", "kind", "", "what it did, or what to check", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in found:
        table.add_row(escape(finding.what), finding.kind, _SHOWN[finding.verdict], escape(_hidden(finding.text)))
    return table


def _sum(found: list[Finding]) -> str:
    bad = [finding.what for finding in found if finding.verdict == "failed"]
    if bad:
        return f"[red]{len(bad)} of {len(found)} {'does' if len(bad) == 1 else 'do'} not work:[/] {', '.join(bad)}"
    look = sum(finding.verdict == "warning" for finding in found)
    return f"[green]all {len(found)} work[/]" + (f", {look} of them with something to look at" if look else "")


def _summary(config: Config) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    up = config.uplink
    rows = {
        "configuration": f"{config.path}: no mistakes",
        "site / gateway": f"{config.site} / {config.gateway}",
        "data": str(config.data),
        "profiles": f"{config.profiles_folder or 'none'}: {', '.join(sorted(config.profiles)) or 'none'}",
        "brokers": f"{', '.join(str(Address.parse(url)) for url in config.server.brokers)} (MQTT {config.server.version})",
        "batches": f"{up.batch_events} events or {up.batch_bytes} bytes, after {up.linger_ms.business} ms (business)"
        f" or {up.linger_ms.telemetry} ms (telemetry); {up.window} under way",
        "sent again": f"after {up.resend_after_s:g} s without being committed",
        "fsync": f"business {config.outbox.fsync.business}, telemetry {config.outbox.fsync.telemetry}",
        "history": f"{config.outbox.history_bytes} bytes per class",
    }
    for key, value in rows.items():
        table.add_row(key, value)
    return table


def _readers(config: Config) -> Table:
    table = Table("reader", "type", "settings", box=None)
    for entry in config.readers:
        given = {field: getattr(entry.settings, field) for field in entry.settings.__struct_fields__}
        table.add_row(
            entry.name, entry.type, ", ".join(f"{key}={_short(value)}" for key, value in given.items() if value is not None)
        )
    return table


def _short(value: object) -> str:
    text = _hidden(str(value))
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 60 else text[:59] + "…"


def _hidden(text: str) -> str:
    """Without the passwords of URLs."""
    return _PASSWORD.sub(r"\1:…@", text)
