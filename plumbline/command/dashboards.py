"""`plumbline dashboards`: build the Grafana boards, or check that the committed ones are up to date."""

from pathlib import Path
from typing import Annotated

import typer

from dashboards import build as boards

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Build and check the Grafana boards.",
)

Into = Annotated[Path, typer.Option("--folder", help="Where the boards lie.")]
Timezone = Annotated[str, typer.Option(help="IANA time zone of the site, for example Europe/Berlin.")]


@app.command()
def build(folder: Into = boards.FOLDER, timezone: Timezone = boards.DEFAULT_TIMEZONE) -> None:
    """Write the boards as JSON files for Grafana's provisioning."""
    for path in boards.write(folder, timezone):
        print(path)


@app.command()
def check(folder: Into = boards.FOLDER, timezone: Timezone = boards.DEFAULT_TIMEZONE) -> None:
    """Fail where the files are not exactly what the code says."""
    boards.check(folder, timezone)
    print(f"{folder}: as the code says")
