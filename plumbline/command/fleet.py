"""`plumbline fleet`: all gateways in one table, and their configurations."""

import asyncio
import contextlib
import json
import time
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from plumbline import topics
from plumbline.command import fleet_config
from plumbline.command.fleet_sources import Fleet, connection, from_broker, listen, take
from plumbline.command.fleet_view import Known, by_trouble, drawn
from plumbline.errors import MqttError
from plumbline.mqtt import Connection, Version, keep_connected

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help="See all gateways; change their files."
)
app.add_typer(fleet_config.commands, name="config")

_REFRESH_S: Final = 1.0


@app.callback(invoke_without_command=True)
def fleet(
    context: typer.Context,
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            envvar="PLUMBLINE_BROKER",
            metavar="URL",
            help="Ask the broker (mqtt://fleet:password@host): also knows which configuration is desired.",
        ),
    ] = None,
    version: fleet_config.MqttVersion = "5",
    database: Annotated[
        str | None,
        typer.Option(
            envvar="PLUMBLINE_DATABASE",
            metavar="URL",
            help="Without a broker: sqlite:///FILE or postgresql://…; default: that of 'plumbline up'.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Draw it again each second, until Ctrl-C.")] = False,
) -> None:
    """Every gateway with what is wrong with it, the worst first; from the broker, or from the database of ingest."""
    if context.invoked_subcommand is not None:
        return
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_watch(broker, version, database, site))
        return
    found, now = asyncio.run(_read(broker, version, database, site)), time.time_ns()
    if as_json:
        print(json.dumps([one.as_json(now) for one in by_trouble(found, now)], ensure_ascii=False, indent=2))
    elif found:
        console = Console()
        console.print(drawn(found, now, console.width))
    else:
        print("no gateway has been heard of yet")


async def _read(broker: str | None, version: Version, database: str | None, site: str | None) -> list[Known]:
    if broker is None:
        return await _from_database(database, site)
    return list((await from_broker(broker, version, site)).known.values())


async def _from_database(database: str | None, site: str | None) -> list[Known]:
    from plumbline.command.fleet_database import from_database  # noqa: PLC0415 - a technician has no SQL drivers, nor time for them

    return await from_database(database, site)


async def _watch(broker: str | None, version: Version, database: str | None, site: str | None) -> None:
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        if broker is None:
            while True:
                live.update(drawn(await _from_database(database, site), time.time_ns(), live.console.width), refresh=True)
                await asyncio.sleep(_REFRESH_S)
        seen = Fleet(site)
        async with asyncio.TaskGroup() as group:
            group.create_task(_follow(broker, version, seen), name="fleet-follow")
            while True:
                live.update(drawn(list(seen.known.values()), time.time_ns(), live.console.width), refresh=True)
                await asyncio.sleep(_REFRESH_S)


async def _follow(broker: str, version: Version, seen: Fleet) -> None:
    """Learn from the broker for as long as we run; one that goes away is found again."""

    async def session(link: Connection) -> None:
        await listen(link, topics.all_of_fleet(), seen)
        async for message in link.messages():
            take(seen, message)

    async with connection(broker, version):
        pass  # a wrong URL or password is told at once; later failures pass
    await keep_connected(lambda: connection(broker, version), session, on_failure=_away)


def _away(_error: MqttError, _wait_s: float) -> None:
    """What was known stays on the screen, and grows old there."""
