"""What was found in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Sureness = Literal["certain", "likely", "guess", "unknown"]
"""`certain`: it spoke and was understood; `likely`: its name says so; `guess`: it fits; `unknown`: look yourself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is connected."""

    where: str
    """A device file, an address, a topic."""
    what: str
    """What it seems to be and by what that was told, in a sentence."""
    sure: Sureness
    reader: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The `[[reader]]` table that would read it; empty: none is proposed."""
    todo: str = ""
    """What a person must add or decide before it is read rightly."""


def name_from(text: str, fallback: str) -> str:
    """A device name made from what a maker called its product."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return words[:40].strip("-") or fallback
