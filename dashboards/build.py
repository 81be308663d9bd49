"""The boards as JSON files: made from code, committed, and checked to be what the code says."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.boards import site_wall
from plumbline.errors import PlumblineError

FOLDER: Final = Path(__file__).parent / "json"
#: What Grafana 9.5 writes itself; a newer Grafana migrates it, an older number migrates nothing that we need.
SCHEMA_VERSION: Final = 37
DEFAULT_TIMEZONE: Final = "Asia/Shanghai"

BOARDS: Final[Mapping[str, Callable[[], Dashboard]]] = {site_wall.TITLE: site_wall.board}


class DriftError(PlumblineError):
    """Committed boards are not what the code says."""


def slug(title: str) -> str:
    """A board's file name and the end of its UID: `Site wall` → `site-wall`."""
    return "-".join(title.lower().split())


def uid(title: str) -> str:
    """A board's UID, from its title: links stay true on every Grafana (at most 40 characters)."""
    return f"plumbline-{slug(title)}"


def render(timezone: str = DEFAULT_TIMEZONE) -> dict[str, str]:
    """File name → JSON of each board; `timezone` is an IANA zone: a wall shows the site's hours, not the viewer's."""
    files: dict[str, str] = {}
    for title, make in BOARDS.items():
        model = make().uid(uid(title)).timezone(timezone).readonly().build()
        model.schema_version = SCHEMA_VERSION
        files[f"{slug(title)}.json"] = json.dumps(model, cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return files


def write(folder: Path = FOLDER, timezone: str = DEFAULT_TIMEZONE) -> list[Path]:
    """Write the boards; returns the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for name, text in render(timezone).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        raise PlumblineError(f"{folder}: boards cannot be written ({error.strerror}); name a folder of yours") from error
    return written


def check(folder: Path = FOLDER, timezone: str = DEFAULT_TIMEZONE) -> None:
    """Raise `DriftError` where the files of `folder` are not exactly the boards of the code."""
    wanted = render(timezone)
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise DriftError(f"{folder}: {', '.join(wrong)} not as the code says; run 'plumbline dashboards build' and commit")
