"""`plumbline fleet config`: look at a gateway's configuration, change it, see what became of it, go back."""

import asyncio
import difflib
import getpass
import socket
import time
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_agent import config as configuration
from edge_agent.fleet.validate import completed
from plumbline import fleet, topics
from plumbline.command.fleet_sources import Fleet, connection, listen, take
from plumbline.command.fleet_view import Known, at
from plumbline.errors import PlumblineError, SettingsError
from plumbline.fleet import DesiredConfig, Outcome, ReportedConfig
from plumbline.ids import is_name
from plumbline.mqtt import Version
from plumbline.patience import Patience
from plumbline.secrets import hidden, hidden_file

commands = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Look at a gateway's configuration, change it, see what became of it, go back.",
)

Target = Annotated[str, typer.Argument(metavar="SITE/GATEWAY", help="Which gateway.")]
Broker = Annotated[
    str,
    typer.Option(envvar="PLUMBLINE_BROKER", metavar="URL", help="The broker, as its user fleet: mqtt://fleet:password@host."),
]
MqttVersion = Annotated[Version, typer.Option("--mqtt", help="MQTT version: 5, or 3.1.1 for older brokers.")]
Wait = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="How long to wait for the gateway's answer; 0: not.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_FINAL: Final[frozenset[Outcome]] = frozenset({"applied", "refused", "rolled_back"})
_SHOWN: Final[dict[Outcome, str]] = {
    "applied": "[green]✓ applied[/]",
    "refused": "[red]✗ refused[/]",
    "rolled_back": "[yellow]! rolled back[/]",
    "on_probation": "[cyan]… on probation[/]",
}


class Place(NamedTuple):
    """A gateway."""

    site: str
    gateway: str

    @property
    def filters(self) -> tuple[str, ...]:
        """What is heard of it."""
        return tuple(make(*self) for make in (topics.presence, topics.desired, topics.reported))

    def __str__(self) -> str:
        return f"{self.site}/{self.gateway}"


@commands.command("get")
def get(target: Target, broker: Broker, version: MqttVersion = "5") -> None:
    """Print the file that a gateway has, each password in it as `…`; it can be edited and set again as it is."""
    reported = _reported(asyncio.run(_look(broker, version, _place(target))), _place(target))
    if reported.text is None:
        raise PlumblineError(f"{target}: keeps its file to itself, for a password might show; look at it on the gateway")
    since = f"{_words(reported.state)} {at(reported.at)}" if reported.at else "as it was put there"
    typer.echo(f"version {reported.version}, {since}", err=True)
    typer.echo(reported.text, nl=False)


@commands.command("history")
def history(target: Target, broker: Broker, version: MqttVersion = "5") -> None:
    """What became of each version, the newest first."""
    reported = _reported(asyncio.run(_look(broker, version, _place(target))), _place(target))
    table = Table("version", "outcome", "when", "by", "why", box=None, header_style="dim")
    for one in reversed(reported.history):
        mark = " (in force)" if one.version == reported.version and one.outcome == "applied" else ""
        kept = "" if one.kept else " [dim](text gone)[/]"
        table.add_row(f"{one.version}{mark}", _SHOWN[one.outcome] + kept, at(one.at), escape(one.by), escape(one.reason))
    Console().print(table if reported.history else f"version {reported.version}: nothing has been sent to it yet")


@commands.command("set")
def set_file(
    target: Target,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The gateway's TOML file as it shall be.")],
    broker: Broker,
    version: MqttVersion = "5",
    wait: Wait = 300.0,
    yes: Yes = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Check it here first, or leave that to the gateway alone.")
    ] = True,
) -> None:
    """Check a file, show what it changes, send it, and wait for what becomes of it.

    Exit code 0: applied. 1: refused, rolled back, or no answer in time. 2: it has mistakes, nothing was sent.
    """
    place = _place(target)
    text = _read(file, place, check=check)
    seen = asyncio.run(_look(broker, version, place))
    has = seen.reported.get(place)
    _forbidden(file, text, has)
    console = Console()
    if not _show_changes(console, has, text):
        return
    _confirm(place, seen.known.get(place), yes=yes)
    desired = _desired(place, seen, text=text, hash=fleet.digest(text))
    _finish(console, broker, version, place, desired, wait)


@commands.command("rollback")
def rollback(
    target: Target,
    broker: Broker,
    to: Annotated[int | None, typer.Option(metavar="VERSION", help="Which; default: the one that was applied before.")] = None,
    version: MqttVersion = "5",
    wait: Wait = 300.0,
    yes: Yes = False,
) -> None:
    """Have a gateway go back to an earlier version, which it has kept; exit codes as for `set`."""
    place = _place(target)
    seen = asyncio.run(_look(broker, version, place))
    reported = _reported(seen, place)
    choices = [one for one in reported.history if one.kept and one.outcome == "applied" and one.version != reported.version]
    chosen = next((one for one in reversed(choices) if to in {None, one.version}), None)
    if chosen is None:
        kept = ", ".join(str(one.version) for one in choices) or "none"
        wanted = "an earlier version" if to is None else f"version {to}"
        raise PlumblineError(f"{place}: does not keep {wanted}; it keeps {kept}; send a file with 'fleet config set'")
    console = Console()
    console.print(f"{place}: back to version {chosen.version}, applied {at(chosen.at)} by {escape(chosen.by)}")
    _confirm(place, seen.known.get(place), yes=yes)
    _finish(console, broker, version, place, _desired(place, seen, restore=chosen.version), wait)


def _place(target: str) -> Place:
    site, slash, gateway = target.partition("/")
    if not slash or not is_name(site) or not is_name(gateway):
        raise PlumblineError(f"'{target}': is not SITE/GATEWAY; 'plumbline fleet' lists them")
    return Place(site, gateway)


def _read(file: Path, place: Place, *, check: bool) -> str:
    """The file's text. Raises `SettingsError` with every mistake that can be seen from here."""
    if check:
        found = configuration.load(file)
        if (found.site, found.gateway) != place:
            raise SettingsError(f"{file}: is of {found.site}/{found.gateway}, not of {place}; choose the right file")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}; name a file in UTF-8") from None
    if len(text) > fleet.MAX_TEXT:
        raise SettingsError(f"{file}: has {len(text)} characters, a gateway takes {fleet.MAX_TEXT}; make it shorter")
    return text


def _forbidden(file: Path, text: str, has: ReportedConfig | None) -> None:
    """Refuse here what the gateway would refuse."""
    if has is not None and has.text is not None and (mistakes := completed(text, has.text)[1]):
        raise SettingsError("\n  - ".join([f"{file}: {len(mistakes)} mistake{'s' * (len(mistakes) != 1)}", *mistakes]))


async def _look(broker: str, version: Version, place: Place) -> Fleet:
    seen = Fleet()
    async with connection(broker, version) as link:
        await listen(link, place.filters, seen)
    return seen


def _reported(seen: Fleet, place: Place) -> ReportedConfig:
    found = seen.reported.get(place)
    if found is None:
        raise PlumblineError(f"{place}: has reported no configuration; check its name, and that its agent is of this version")
    return found


def _show_changes(console: Console, has: ReportedConfig | None, text: str) -> bool:
    """Print the difference; whether there is one, as far as is known here."""
    if has is None or has.text is None:
        console.print("[yellow]! what the gateway has now is not known here: no difference can be shown[/]")
        return True
    before, after = has.text, hidden_file(text) or hidden(text)
    lines = list(
        difflib.unified_diff(before.splitlines(), after.splitlines(), f"version {has.version}", "new", lineterm="", n=2)
    )
    if before == text:
        console.print(f"the gateway has this already (version {has.version})")
        return False
    if not lines:
        console.print("only passwords differ")
    for line in lines:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "cyan" if line.startswith("@@") else ""
        console.print(line, style=style, markup=False, highlight=False)
    return True


def _confirm(place: Place, known: Known | None, *, yes: bool) -> None:
    if known is None or known.online is None:
        typer.echo(f"{place}: has never been heard of at this broker; it takes the configuration when it comes", err=True)
    elif not known.online:
        typer.echo(f"{place}: is offline since {at(known.since or 0)}; it takes the configuration when it is back", err=True)
    if not yes:
        typer.confirm(f"Send it to {place}?", abort=True)


def _desired(place: Place, seen: Fleet, **what: str | int) -> DesiredConfig:
    """A version above all that are known."""
    known = [0]
    if (reported := seen.reported.get(place)) is not None:
        known += [reported.seen, reported.version]
    if (before := seen.desired.get(place)) is not None:
        known.append(before.version)
    by = f"{getpass.getuser()}@{socket.gethostname()}"[:256]
    version = max(known) + 1
    head = {"site": place.site, "gateway": place.gateway, "version": version, "by": by, "at": time.time_ns()}
    return DesiredConfig(**(head | what))  # pyright: ignore[reportArgumentType] - of the named fields' own types


def _finish(console: Console, broker: str, version: Version, place: Place, desired: DesiredConfig, wait_s: float) -> None:
    """Send, wait, tell, and end with the exit code."""
    answer = asyncio.run(_send(console, broker, version, place, desired, wait_s))
    if answer is None:
        if wait_s > 0:
            console.print(
                f"[yellow]! no answer to version {desired.version} within {wait_s:g} s[/]; 'plumbline fleet' tells later"
            )
            raise typer.Exit(1)
        console.print(f"version {desired.version} is sent")
        return
    console.print(f"version {desired.version}: {_SHOWN[answer.state]} {escape(answer.reason)}")
    for mistake in answer.mistakes:
        console.print(f"  - {mistake}", markup=False, highlight=False)
    for name, line in answer.readers.items():
        if line != "ok":
            console.print(f"  [yellow]{escape(name)}[/]: {escape(line.removeprefix(f'{name}: '))}")
    if answer.state != "applied":
        raise typer.Exit(1)


async def _send(
    console: Console, broker: str, version: Version, place: Place, desired: DesiredConfig, wait_s: float
) -> ReportedConfig | None:
    """Publish, and wait for the final word on this version."""
    seen = Fleet()
    async with connection(broker, version) as link:
        for one in place.filters:
            await link.subscribe(one)
        await link.publish(topics.desired(*place), fleet.encode(desired), retain=True)
        if wait_s <= 0:
            return None
        with console.status(f"version {desired.version} is sent; waiting for {place}") as progress:
            try:
                async with Patience(wait_s):
                    async for message in link.messages():
                        take(seen, message)
                        answer = seen.reported.get(place)
                        if answer is None or answer.seen != desired.version:
                            continue
                        if answer.state in _FINAL:
                            return answer
                        progress.update(f"version {desired.version} is in force, {_words(answer.state)}: healthy?")
            except TimeoutError:
                return None
    return None


def _words(state: str) -> str:
    return state.replace("_", " ")
