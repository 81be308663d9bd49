"""The options by which boards and alerts differ from one installation to another, shared by the `dashboards` commands."""

from pathlib import Path
from typing import Annotated, cast

import typer

from dashboards.edition import Edition, Language
from plumbline.errors import SettingsError
from plumbline.site import load_all

DEFAULT = Edition()

Timezone = Annotated[
    str, typer.Option(help="IANA time zone of the site, for example Europe/Berlin; without it the site file's, or the demo's.")
]
Lang = Annotated[str, typer.Option("--lang", help="Language of boards and alerts: en or zh.")]
Api = Annotated[
    str,
    typer.Option(
        "--api", "--api-url", help="Base URL of the tracking API as the wall's browser reaches it: the map's plan and zones."
    ),
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


def edition(
    timezone: str,
    lang: str,
    api: str = DEFAULT.api,
    site: list[str] | None = None,
    site_file: list[Path] | None = None,
) -> Edition:
    """What the options name; `Edition` itself refuses what cannot be."""
    language = cast("Language", lang)
    if site_file:
        if site:
            raise SettingsError("--site and --site-file say the same thing twice; give --site-file alone")
        return Edition.of([*load_all(site_file).values()], language=language, api=api, timezone=timezone)
    sites = DEFAULT.sites if site is None else tuple(dict.fromkeys(site))
    return Edition(timezone=timezone or DEFAULT.timezone, language=language, api=api, sites=sites)
