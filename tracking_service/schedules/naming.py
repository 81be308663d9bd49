"""Names that an order may have for what a planning file calls anything."""

import hashlib
import re
from collections.abc import Container
from typing import Final

from plumbline.ids import is_name

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 64


def key_of(text: str, taken: Container[str] = ()) -> str:
    """The same name for the same text: itself where it may be one, else what is left of it and a digest of the whole."""
    if is_name(text) and text not in taken:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()
    rest = _FOREIGN.sub("-", text).strip("-._")[: _LONGEST - len(digest) - 1].rstrip("-._")
    made = f"{rest}-{digest}" if rest else digest
    count = 1
    while made in taken:
        count += 1
        made = f"{digest}-{count}"
    return made
