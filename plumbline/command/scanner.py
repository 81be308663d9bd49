"""`plumbline scanner`: the self-test card, and the profile that a scanner's answers to it tell."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_agent.scanner_card import profile_file, recording
from edge_agent.scanner_card.finding import Verdict
from edge_agent.scanner_card.learning import Learnt, recognised
from edge_agent.scanner_card.listening import SILENCE_S, Shot, serial_shots, wedge_shots
from edge_agent.scanner_card.probes import PROBES
from edge_agent.scanner_card.recording import Recording
from plumbline.errors import PlumblineError
from plumbline.profile import SerialLine

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Print the scanner self-test card; learn a scanner's profile from what it sends for the card.",
)

_STYLES: Final[dict[Verdict, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "mended": ("mended by the profile", "cyan"),
    "mind": ("mind", "yellow"),
    "lost": ("LOST", "bold red"),
}


@app.command()
def card(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the PDF goes.")] = Path("scanner-card.pdf"),
    lang: Annotated[Literal["en", "zh"], typer.Option(help="Language of the instructions.")] = "en",
) -> None:
    """Print the self-test card: one sheet of A4 with the codes to scan and how."""
    try:
        from edge_agent.scanner_card import sheet  # noqa: PLC0415 - a gateway that learns needs no PDF library
    except ModuleNotFoundError as error:
        raise PlumblineError(f"'scanner card' needs the package {error.name}: install plumbline-site[labels]") from error
    try:
        sheet.draw(str(out), lang)
    except OSError as error:
        raise PlumblineError(f"{out}: cannot be written ({error.strerror}); choose another file with --out") from error
    print(f"{out}: print it at 100 % on A4, then run 'plumbline scanner learn'")


@app.command()
def learn(
    port: Annotated[str | None, typer.Option(help="Serial scanner: its port, best /dev/serial/by-id/…")] = None,
    device: Annotated[str | None, typer.Option(help="Wedge scanner: its /dev/input/by-id/…-event-kbd")] = None,
    captured: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="What a scanner sent: a serial port's bytes, or a --record.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the profile: firmware_configs/<id>/profile.toml")
    ] = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep what came, to learn from it again.")] = None,
    baudrate: Annotated[int, typer.Option(min=300, max=4_000_000, help="Speed of the serial port.")] = 9600,
    patience: Annotated[float, typer.Option(min=1, help="Seconds without a scan after which to go by what came.")] = 60.0,
) -> None:
    """Learn a scanner's profile: scan the card's codes in any order, and read what this scanner mangles.

    Ends when all codes came, after some silence, or with Ctrl-C. Exit code 1: codes are missing, or what the scanner loses
    no profile can bring back; nothing is written then.
    """
    if sum(given is not None for given in (port, device, captured)) != 1:
        raise PlumblineError("scanner learn: give one of --port, --device and --from")
    if write is not None:
        profile_file.checked(write)
    line = SerialLine(baudrate=baudrate)
    console = Console()
    pause_s = 0.0
    if captured is not None:
        kept = recording.load(captured)
    else:
        shots = serial_shots(port, line) if port is not None else wedge_shots(device or "")
        kept, pause_s = _listen(shots, patience, console)
    if record is not None:
        kept.save(record)
    learnt = _with_pause(kept.learn(), pause_s)
    _show(learnt, console)
    if learnt.missing:
        numbers = ", ".join(str(probe.number) for probe in learnt.missing)
        console.print(Text(f"Still needed: code {numbers}. No profile was written; scan all orange codes.", style="bold red"))
        raise typer.Exit(1)
    if learnt.lost:
        console.print(
            Text("No profile can bring back what is LOST: set the scanner as told, then scan the card again.", style="bold red")
        )
        raise typer.Exit(1)
    if write is not None:
        written = profile_file.write(write, learnt, None if learnt.keyboard else line)
        console.print(
            f'{write}: written; name it in the gateway\'s configuration: profile = "{written.id}"', markup=False, soft_wrap=True
        )


def _listen(shots: Iterator[Shot | None], patience_s: float, console: Console) -> tuple[Recording, float]:
    """Take shots until all codes came, or patience or the user ends it. The longest pause within a shot."""
    kept = Recording()
    came: set[int] = set()
    silent_s = pause_s = 0.0
    console.print("Scan the card's codes, in any order. Ctrl-C ends.", style="bold")
    try:
        for shot in shots:
            if shot is None:
                silent_s += SILENCE_S
                if silent_s >= patience_s:
                    break
                continue
            silent_s = 0.0
            numbers = recognised(shot.data or shot.strokes)
            if not numbers:
                console.print("  that is none of this card's codes; it does not count", style="yellow")
                continue
            pause_s = max(pause_s, shot.pause_s)
            if shot.data:
                kept.serial.append(shot.data)
            else:
                kept.keys.append(shot.strokes)
            came |= numbers
            _progress(numbers, came, console)
            if came >= set(PROBES):
                break
    except KeyboardInterrupt:
        console.print()
    return kept, pause_s


def _progress(numbers: frozenset[int], came: set[int], console: Console) -> None:
    said = ", ".join(f"{number} {PROBES[number].en}" for number in sorted(numbers))
    rest = [probe.number for probe in PROBES.values() if probe.needed and probe.number not in came]
    console.print(
        Text(f"  {said}   ", style="green") + Text(f"{len(came)} of {len(PROBES)}; needed: {_ranges(rest)}", style="dim")
    )


def _ranges(numbers: list[int]) -> str:
    """`1, 3-5`, or `none`."""
    runs = [
        [number for _, number in group] for _, group in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs) or "none"


def _with_pause(learnt: Learnt, pause_s: float) -> Learnt:
    """Without a suffix silence ends a label: it must be longer than the pauses that were seen within one."""
    if learnt.framing.suffix or pause_s == 0:
        return learnt
    idle_s = round(min(max(3 * pause_s, 0.1), SILENCE_S), 2)
    return replace(learnt, framing=msgspec.structs.replace(learnt.framing, idle_timeout_s=idle_s))


def _show(learnt: Learnt, console: Console) -> None:
    table = Table("what", "verdict", "this scanner …")
    for finding in learnt.findings:
        word, style = _STYLES[finding.verdict]
        table.add_row(Text(finding.what), Text(word, style=style), Text(finding.text))
    if learnt.keyboard is not None:
        keyboard = learnt.keyboard
        table.add_row(Text("keyboard"), Text("ok", style="green"), Text(f"types as a keyboard of layout '{keyboard.layout}'"))
    if learnt.strange:
        table.add_row(Text("other scans"), Text("-"), Text(f"{learnt.strange} that are none of this card's"))
    console.print(table)
