"""`plumbline dashboards`: build the Grafana boards, or check that the committed ones are up to date."""

from pathlib import Path
from typing import Annotated, cast

import typer

from dashboards import build as boards
from dashboards.edition import Edition, Language

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Build and check the Grafana boards.",
)

_DEFAULT = Edition()

Into = Annotated[Path, typer.Option("--folder", help="Where the boards lie.")]
Timezone = Annotated[str, typer.Option(help="IANA time zone of the site, for example Europe/Berlin.")]
Lang = Annotated[str, typer.Option("--lang", help="Language of the boards: en or zh.")]
Api = Annotated[
    str, typer.Option(help="Base URL of the tracking API as the wall's browser reaches it: the map's plan and zones.")
]
Site = Annotated[
    list[str] | None, typer.Option("--site", help="A site whose plan and zones the map shows; may be given again.")
]


@app.command()
def build(
    folder: Into = boards.FOLDER,
    timezone: Timezone = _DEFAULT.timezone,
    lang: Lang = _DEFAULT.language,
    api: Api = _DEFAULT.api,
    site: Site = None,
) -> None:
    """Write the boards as JSON files for Grafana's provisioning."""
    for path in boards.write(folder, edition(timezone, lang, api, site)):
        print(path)


@app.command()
def check(
    folder: Into = boards.FOLDER,
    timezone: Timezone = _DEFAULT.timezone,
    lang: Lang = _DEFAULT.language,
    api: Api = _DEFAULT.api,
    site: Site = None,
) -> None:
    """Fail where the files are not exactly what the code says."""
    boards.check(folder, edition(timezone, lang, api, site))
    print(f"{folder}: as the code says")


def edition(timezone: str, lang: str, api: str, site: list[str] | None) -> Edition:
    """What the options name; `Edition` itself refuses what cannot be."""
    sites = _DEFAULT.sites if site is None else tuple(dict.fromkeys(site))
    return Edition(timezone=timezone, language=cast("Language", lang), api=api, sites=sites)
