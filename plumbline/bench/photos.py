"""The figures of `plumbline bench decode` as people read them: a row for each folder, the sum, and the photos to look at.

Beside each figure of the decoder stands that of zxing-cpp alone; `cpu` is the decoder's p95 in processor time.
"""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(title: str, figures: dict[str, Any]) -> None:
    """Print the groups, all together, and which photos were misread or missed."""
    table = Table(title=Text(title), title_justify="left")
    table.add_column("photos of")
    for heading in ("read", "zxing", "misread", "zxing", "p50 ms", "p95 ms", "cpu", "zxing"):
        table.add_column(heading, justify="right")
    groups: dict[str, Any] = figures["groups"]
    for name, group in groups.items() if len(groups) > 1 else ():
        table.add_row(*_row(name, group))
    table.add_section()
    table.add_row(*_row("all", figures), style="bold")
    console = Console()
    console.print(table)
    for wrong in figures["misread_photos"]:
        console.print(Text(f"misread: {wrong['photo']}: {', '.join(map(repr, wrong['texts']))}", style="red"))
    for reason in figures["refused_photos"]:
        console.print(Text(f"not opened: {reason}", style="red"))
    for name in figures["missed_photos"]:
        console.print(Text(f"not read: {name}", style="dim"))


def _row(name: str, tally: dict[str, Any]) -> list[str | Text]:
    ours, alone, with_code = tally["decode"], tally["zxing_alone"], tally["with_code"]
    return [
        Text(name),
        f"{ours['read']}/{with_code}" if with_code else "no code",
        str(alone["read"]),
        str(ours["misread"]),
        str(alone["misread"]),
        *(f"{milliseconds:.0f}" for milliseconds in (ours["p50_ms"], ours["p95_ms"], ours["p95_cpu_ms"], alone["p95_ms"])),
    ]
