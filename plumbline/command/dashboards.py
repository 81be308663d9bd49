"""`plumbline dashboards`: build the Grafana boards, or check that the committed ones are up to date."""

from pathlib import Path
from typing import Annotated, cast

import typer

from dashboards import build as boards
from dashboards.edition import Edition, Language
from plumbline.command import dashboards_push
from plumbline.errors import SettingsError
from plumbline.site import load_all

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Build and check the Grafana boards.",
)

app.command()(dashboards_push.push)
app.command()(dashboards_push.alerts)

_DEFAULT = Edition()

Into = Annotated[Path, typer.Option("--folder", help="Where the boards lie.")]
Timezone = Annotated[
    str, typer.Option(help="IANA time zone of the site, for example Europe/Berlin; without it the site file's, or the demo's.")
]
Lang = Annotated[str, typer.Option("--lang", help="Language of the boards: en or zh.")]
Api = Annotated[
    str, typer.Option(help="Base URL of the tracking API as the wall's browser reaches it: the map's plan and zones.")
]
Site = Annotated[
    list[str] | None, typer.Option("--site", help="A site whose plan and zones the map shows; may be given again.")
]
SiteFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--site-file", help="Instead of --site: a site's site.toml, for its zone and the map's view too; may be given again."
    ),
]


@app.command()
def build(
    folder: Into = boards.FOLDER,
    timezone: Timezone = "",
    lang: Lang = _DEFAULT.language,
    api: Api = _DEFAULT.api,
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
    lang: Lang = _DEFAULT.language,
    api: Api = _DEFAULT.api,
    site: Site = None,
    site_file: SiteFiles = None,
) -> None:
    """Fail where the files are not exactly what the code says."""
    boards.check(folder, edition(timezone, lang, api, site, site_file))
    print(f"{folder}: as the code says")


def edition(timezone: str, lang: str, api: str, site: list[str] | None, site_file: list[Path] | None) -> Edition:
    """What the options name; `Edition` itself refuses what cannot be."""
    language = cast("Language", lang)
    if site_file:
        if site:
            raise SettingsError("--site and --site-file say the same thing twice; give --site-file alone")
        return Edition.of([*load_all(site_file).values()], language=language, api=api, timezone=timezone)
    sites = _DEFAULT.sites if site is None else tuple(dict.fromkeys(site))
    return Edition(timezone=timezone or _DEFAULT.timezone, language=language, api=api, sites=sites)
