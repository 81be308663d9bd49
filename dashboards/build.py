"""The boards as JSON files: made from code, committed, and checked to be what the code says."""

import json
import re
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import wording
from dashboards.boards import BOARDS
from dashboards.edition import Edition
from dashboards.naming import slug
from plumbline.errors import PlumblineError

FOLDER: Final = Path(__file__).parent / "json"
#: What Grafana 9.5 writes itself; a newer Grafana migrates it, an older number migrates nothing that we need.
SCHEMA_VERSION: Final = 37


class DriftError(PlumblineError):
    """Committed boards are not what the code says."""


def models(edition: Edition | None = None) -> dict[str, dict[str, Any]]:
    """File name → board as Grafana takes it."""
    edition = edition or Edition()
    made: dict[str, dict[str, Any]] = {}
    for board in BOARDS:
        model = board.build(edition)
        model.schema_version = SCHEMA_VERSION
        plain = json.loads(json.dumps(model, cls=JSONEncoder))
        for shown in (*plain.get("links", []), *plain["annotations"].get("list", [])):
            shown.pop("placement", None)  # Grafana 12 would hide them in a menu; older ones do not know the word
        made[f"{slug(board.title)}.json"] = _picked_as_shown(wording.in_words_of(edition.language, plain))
    return made


def _picked_as_shown(board: dict[str, Any]) -> dict[str, Any]:
    """Pick a tile's fields by the names that they are shown with: Grafana compares after it has renamed them."""
    for panel in board["panels"]:
        reduced = panel["options"].get("reduceOptions", {})
        if picked := re.fullmatch(r"/\^\(?([^()]*)\)?\$/", reduced.get("fields", "")):
            shown = {
                override["matcher"]["options"]: entry["value"]
                for override in panel["fieldConfig"]["overrides"]
                for entry in override["properties"]
                if entry["id"] == "displayName"
            }
            names = (re.sub(r"[][.*+?^${}()|\\/]", r"\\\g<0>", shown.get(name, name)) for name in picked[1].split("|"))
            reduced["fields"] = f"/^({'|'.join(names)})$/"
    return board


def render(edition: Edition | None = None) -> dict[str, str]:
    """File name → JSON of each board."""
    return {
        name: json.dumps(model, indent=2, ensure_ascii=False, sort_keys=True) + "\n" for name, model in models(edition).items()
    }


def write(folder: Path = FOLDER, edition: Edition | None = None) -> list[Path]:
    """Write the boards; returns the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for name, text in render(edition).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        raise PlumblineError(f"{folder}: boards cannot be written ({error.strerror}); name a folder of yours") from error
    return written


def check(folder: Path = FOLDER, edition: Edition | None = None) -> None:
    """Raise `DriftError` where the files of `folder` are not exactly the boards of the code."""
    wanted = render(edition)
    try:
        found = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.json")}
    except OSError as error:
        raise PlumblineError(f"{folder}: boards cannot be read ({error.strerror}); name the folder that they lie in") from error
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise DriftError(f"{folder}: {', '.join(wrong)} not as the code says; run 'plumbline dashboards build' and commit")
