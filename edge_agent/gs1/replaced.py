"""Separators that a keyboard wedge or a scanner has replaced: spelt out, escaped, or another character in their place.

Only what is known to stand for GS is taken for it. Another character that no value can hold may as well be a letter that a
wrong keyboard layout has changed, and to part a batch there would be a misparse.
"""

import re
from collections.abc import Iterator
from typing import Final

from edge_agent.gs1.elements import FNC1

#: GS spelt out, as wedges, terminal programs and label designers write it.
_SPELT: Final = re.compile(
    r"""(?:[{<\[] (?:GS|FNC1|ALT\s?\+?\s?0{0,2}29) [}>\]])  # {GS} <FNC1> [GS] <ALT+029>
    |   ALT\s?\+?\s?0{1,2}29                                # keys of the number block, typed as text
    |   \\(?:x1d|u001d|0?35|d029|F)
    |   ~(?:d029|1)
    |   &\#(?:29|x1d);
    |   %1d
    |   \^\]                                                # caret notation
    """,
    re.IGNORECASE | re.VERBOSE,
)
#: Single characters: configured ones, Ctrl+] without its Ctrl (and on an Italian keyboard), the pictures of GS in Unicode
#: and in code page 437, and control characters, which are no letters of any layout. A line's end is none: it parts labels.
_STAND_INS: Final = frozenset({"|", "^", "~", "]", " ", "è", "\u241d", "\u2194", *map(chr, range(32))} - {"\r", "\n", FNC1})
_MAX_KINDS: Final = 8


def restored(data: str) -> Iterator[tuple[str, str]]:
    """`data` with GS in place of each thing that may stand for it: (what stood there, the data with GS)."""
    spelt = sorted({match[0].upper() for match in _SPELT.finditer(data)})
    characters = sorted(_STAND_INS.intersection(data))
    if len(spelt) + len(characters) > _MAX_KINDS:
        return
    for name in spelt:
        yield name, re.sub(re.escape(name), FNC1, data, flags=re.IGNORECASE)
    for character in characters:
        yield character, data.replace(character, FNC1)
