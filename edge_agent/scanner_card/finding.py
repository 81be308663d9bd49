"""One thing that the card tells about a scanner."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "mended", "mind", "lost"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the card tells about a scanner."""

    what: str
    verdict: Verdict
    """`ok`; `mended` by the profile; `mind`: lost, but labels can do without; `lost`: no profile can mend it."""
    text: str
