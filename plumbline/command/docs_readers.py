"""The pages of the readers: each reader's own README, its settings, and its sample as it stands in a gateway's file."""

import importlib
import os
import re
from pathlib import Path
from typing import Final

from edge_agent.readers import READERS
from plumbline.command.docs_tables import settings_tables

_TABLE: Final = re.compile(r"^(#? ?\[\[?)(?=[\w\"])([^\]=]+\]\]?[ \t]*(?:#.*)?)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def reader_page(name: str) -> str:
    """One reader."""
    module = importlib.import_module(READERS[name])
    folder = Path(str(module.__file__)).parent
    parts = [
        _moved((folder / "README.md").read_text(encoding="utf-8"), folder).rstrip() + "\n",
        "## Settings\n",
        "Beside `type` and `name`, which every `[[reader]]` has.\n",
        settings_tables(module.Settings),
        "## Sample\n",
        "As it stands in a gateway's file; what is not needed may go.\n",
        f"```toml\n{in_gateway_file((folder / 'sample.toml').read_text(encoding='utf-8')).rstrip()}\n```\n",
    ]
    return "\n".join(parts)


def in_gateway_file(sample: str) -> str:
    """A reader's `sample.toml` as one `[[reader]]` of a gateway's file: its own tables are the reader's there."""
    return "[[reader]]\n" + _TABLE.sub(r"\1reader.\2", sample)


def _moved(text: str, folder: Path) -> str:
    """A reader's README with its links as they lead from `docs/readers/`; those to other readers lead to their pages."""
    pages = folder.parents[2] / "docs" / "readers"

    def moved(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        page = f"{target.parent.name}.md" if target.name == "README.md" and target.parent.name in READERS else ""
        return f"]({page or Path(os.path.relpath(target, pages)).as_posix()}{match[2] or ''})"

    return _LINK.sub(moved, text)
