"""The site files that a command about orders needs: those it is given, else those with which `plumbline up` keeps the database."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from ingest.settings import load_sites
from plumbline import site
from plumbline.errors import SettingsError
from plumbline.site import SiteFile

#: Beside the database: which site files it is kept with.
_NOTED: Final = "sites.json"

#: The folder of site files.
Sites = Annotated[
    Path | None,
    typer.Option(
        envvar="PLUMBLINE_SITES",
        help="Folder of site files, as the service has them; beside 'plumbline up' those it was given.",
    ),
]


def note(data: Path, files: Sequence[Path]) -> None:
    """Note in the folder of the data which site files it is kept with."""
    data.mkdir(parents=True, exist_ok=True)
    coming = data / f"{_NOTED}.new"
    coming.write_text(json.dumps([str(file.resolve()) for file in files], ensure_ascii=False) + "\n", encoding="utf-8")
    coming.replace(data / _NOTED)


def site_files(folder: Path | None, database: str) -> Mapping[str, SiteFile]:
    """The sites of `folder`; without one, those that are noted beside an SQLite database; else none.

    Raises `SettingsError` where a file that is named or noted cannot be read.
    """
    if folder is not None:
        return load_sites(folder)
    scheme, _, file = database.partition(":///")
    noted = Path(file).parent / _NOTED
    if not scheme.startswith("sqlite") or not noted.is_file():
        return {}
    try:
        files = json.loads(noted.read_bytes())
        places = [Path(each) for each in files]
    except (ValueError, TypeError, OSError) as error:
        raise SettingsError(f"{noted}: cannot be read ({error}); name the folder of site files with --sites") from None
    gone = [str(place) for place in places if not place.is_file()]
    if gone:
        raise SettingsError(f"{gone[0]}: 'plumbline up' was given this site file and it is gone; name the folder with --sites")
    return site.load_all(places)
