"""`plumbline tracking notices`: what was sent, what could not be, and whether a way out works."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Row, func, select

from plumbline.command.sql import OF_UP, Database, opened
from plumbline.errors import PlumblineError, SettingsError
from tracking_service.api.models import iso
from tracking_service.mail import Mail
from tracking_service.notices import NoticeError, Notifier, Outgoing, letters
from tracking_service.notices.letters import State
from tracking_service.notices.ways import read_ways
from tracking_service.tables import notice
from tracking_service.webhooks.address import Network, networks

commands = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Ways = Annotated[
    Path | None,
    typer.Option(envvar="PLUMBLINE_WAYS", help="File of further ways out of notices (*.toml); docs/notices.md."),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(envvar="PLUMBLINE_PUBLIC_URL", help="Address of this service, for the links in notices: https://HOST."),
]
WebhookNetworks = Annotated[
    str,
    typer.Option(
        envvar="PLUMBLINE_WEBHOOK_NETWORKS",
        help="Private networks in which webhooks may be called, with commas: 10.0.0.0/8,…; docs/webhooks.md.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object a line.")]


class Telling(NamedTuple):
    """How people and other systems hear of changes: what the tracking service takes."""

    smtp: str | None
    ways: Mapping[str, Notifier]
    public_url: str | None
    webhook_networks: Sequence[Network]


def telling(smtp: str | None, ways: Path | None, public_url: str | None, webhook_networks: str) -> Telling:
    """The options as the tracking service takes them. Raises `SettingsError` where one is wrong."""
    if public_url and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", public_url):
        raise SettingsError(f"public URL: '{public_url}' is no address; write for example https://plumbline.example.org")
    known = read_ways(ways) if ways is not None else dict[str, Notifier]()
    return Telling(smtp or None, known, public_url or None, networks(webhook_networks))


@commands.callback()
def notices() -> None:
    """What was sent to people, what waits, and what could not be sent."""


@commands.command(name="list")
def list_(
    database: Database = OF_UP,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    order: Annotated[str | None, typer.Option(help="Only those of this order.")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=letters.MOST)] = 50,
    as_json: AsJson = False,
) -> None:
    """List notices, the newest first."""
    asyncio.run(_list(database, state, order, limit, as_json=as_json))


@commands.command()
def dead(database: Database = OF_UP, as_json: AsJson = False) -> None:
    """List the notices that could not be sent, with the reason; counts them all."""
    asyncio.run(_list(database, "dead", None, letters.MOST, as_json=as_json))


@commands.command()
def replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of dead notices, as 'dead' lists them.")] = None,
    database: Database = OF_UP,
    every: Annotated[bool, typer.Option("--all", help="All dead notices that are still true.")] = False,
) -> None:
    """Send dead notices again: a running tracking service takes them within seconds."""
    if bool(numbers) == every:
        raise SettingsError("name the notices to send again, or --all")
    print(f"{asyncio.run(_replay(database, numbers or []))} go out again")


@commands.command(name="test")
def try_out(
    way: Annotated[str, typer.Argument(help="'mail', or a way of the file --ways.")],
    to: Annotated[str, typer.Argument(help="The address there; a chat group needs none.")] = "",
    smtp: Annotated[str | None, typer.Option(envvar="PLUMBLINE_SMTP", help="The mail server.")] = None,
    ways: Ways = None,
) -> None:
    """Send a test message by one way out, and say what became of it."""
    known: dict[str, Notifier] = dict(read_ways(ways)) if ways is not None else {}
    if smtp:
        known["mail"] = Mail(smtp)
    if way not in known:
        remedy = "set PLUMBLINE_SMTP" if way == "mail" else "name its file with --ways"
        raise SettingsError(f"there is no way '{way}' here ({', '.join(sorted(known)) or 'none is set'}); {remedy}")
    subject, body = "Plumbline: test / 测试", "This way out works.\n此通知方式可用。\n"
    outgoing = Outgoing(f"test|{time.time_ns()}", to if way == "mail" else f"{way}:{to}", "", subject, body, way=way, to=to)
    try:
        asyncio.run(known[way].send(outgoing))
    except NoticeError as error:
        raise PlumblineError(f"{way}: {error}") from None
    print(f"{way}: handed over")


async def _list(database: str, state: State | None, order: str | None, limit: int, *, as_json: bool) -> None:
    async with opened(database, existing=True) as engine, engine.execution_options(read_only=True).connect() as connection:
        rows = await letters.read(connection, state=state, order=order, limit=limit)
        counts = (await connection.execute(select(notice.c.state, func.count()).group_by(notice.c.state))).all()
    for row in rows:
        print(json.dumps(_plain(row), ensure_ascii=False) if as_json else _line(row))
    if not as_json:
        print(", ".join(f"{count} {name}" for name, count in sorted(counts)) or "no notices yet")


async def _replay(database: str, numbers: list[int]) -> int:
    async with opened(database, existing=True) as engine, engine.begin() as connection:
        if not numbers:
            return await letters.replay_all(connection, now=time.time_ns())
        for number in numbers:
            await letters.replay(connection, number, now=time.time_ns())
        return len(numbers)


def _line(row: Row[Any]) -> str:
    error = f"  ({row.attempts} tries: {row.last_error})" if row.last_error else ""
    return f"{row.id:>6}  {row.state:8}  {iso(row.created_at)}  {row.recipient}  {row.subject}{error}"


def _plain(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "state", "kind", "site", "order_number", "recipient", "way", "subject", "attempts", "last_error")
    told = {name: getattr(row, name) for name in names}
    return told | {"created_at": iso(row.created_at), "sent_at": iso(row.sent_at) if row.sent_at is not None else None}
