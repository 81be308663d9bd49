"""`plumbline dashboards`: build the Grafana boards, or check that the committed ones are up to date."""

from pathlib import Path
from typing import Annotated

import typer

from dashboards import build as boards
from plumbline.command import dashboards_push
from plumbline.command.dashboards_edition import DEFAULT, Api, Lang, Site, SiteFiles, Timezone, edition

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Build and check the Grafana boards.",
)

app.command()(dashboards_push.push)
app.command()(dashboards_push.alerts)

Into = Annotated[Path, typer.Option("--folder", help="Where the boards lie.")]


@app.command()
def build(
    folder: Into = boards.FOLDER,
    timezone: Timezone = "",
    lang: Lang = DEFAULT.language,
    api: Api = DEFAULT.api,
    site: Site = None,
    site_file: SiteFiles = None,
) -> None:
    """Write the boards as JSON files for Grafana's provisioning."""
    for path in boards.write(folder, edition(timezone, lang, api, site, site_file)):
        print(path)


@app.command()
def check(
    folder: Into = boards.FOLDER,
    timezone: Timezone = "",
    lang: Lang = DEFAULT.language,
    api: Api = DEFAULT.api,
    site: Site = None,
    site_file: SiteFiles = None,
) -> None:
    """Fail where the files are not exactly what the code says."""
    boards.check(folder, edition(timezone, lang, api, site, site_file))
    print(f"{folder}: as the code says")
