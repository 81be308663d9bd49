"""What the keys of each keyboard layout type, as the layouts of Windows have it: that is what scanners imitate.

A key is known by its code in the kernel's `input-event-codes.h`, which names the place on the keyboard, not the letter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from plumbline.profile import Layout

#: The places of the character keys: left of `1`; digits; the rows of Q and A; the keys left of Enter and of Z; the row of Z.
_PLACES: Final = (41, *range(2, 14), *range(16, 28), *range(30, 41), 43, 86, *range(44, 54))
SPACE: Final = 57


@dataclass(frozen=True, slots=True)
class Keys:
    """One layout. The level of a key is 0 plain, 1 with Shift, 2 with AltGr, 3 with both."""

    characters: Mapping[tuple[int, int], str]
    """(key code, level) → character."""
    dead: frozenset[tuple[int, int]] = field(default=frozenset())
    """Keys that wait for the next one: accents."""

    @property
    def has_altgr(self) -> bool:
        """Whether the right Alt key chooses a level; else it is a second left one."""
        return any(level >= 2 and place != SPACE for place, level in self.characters)


def _keys(plain: str, shift: str, altgr: Mapping[tuple[int, int], str], dead: set[tuple[int, int]]) -> Keys:
    """Rows in the order of `_PLACES`; a space stands for no character."""
    rows = {
        (place, level): character
        for level, row in enumerate((plain, shift))
        for place, character in zip(_PLACES, row.replace("\n", ""), strict=True)
        if character != " "
    }
    space = {(SPACE, level): " " for level in range(4)}
    return Keys({**rows, **altgr, **space}, frozenset(dead))


_US: Final = _keys(
    "`1234567890-=qwertyuiop[]asdfghjkl;'\\\\zxcvbnm,./", '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"||ZXCVBNM<>?', {}, set()
)
_UK: Final = _keys(
    "`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./",
    '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?',
    {(41, 2): "¦", (5, 2): "€", (18, 2): "é", (22, 2): "ú", (23, 2): "í", (24, 2): "ó", (30, 2): "á"},
    set(),
)
_DE: Final = _keys(
    "^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
    "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
    {
        (3, 2): "²", (4, 2): "³", (8, 2): "{", (9, 2): "[", (10, 2): "]", (11, 2): "}", (12, 2): "\\",
        (16, 2): "@", (18, 2): "€", (27, 2): "~", (86, 2): "|", (50, 2): "µ",
    },
    {(41, 0), (13, 0), (13, 1)},
)  # fmt: skip
_FR: Final = _keys(
    "²&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù*<wxcvbn,;:!",
    " 1234567890°+AZERTYUIOP¨£QSDFGHJKLM%µ>WXCVBN?./§",
    {
        (3, 2): "~", (4, 2): "#", (5, 2): "{", (6, 2): "[", (7, 2): "|", (8, 2): "`", (9, 2): "\\", (10, 2): "^",
        (11, 2): "@", (12, 2): "]", (13, 2): "}", (18, 2): "€", (27, 2): "¤",
    },
    {(26, 0), (26, 1), (3, 2), (8, 2)},
)  # fmt: skip
_ES: Final = _keys(
    "º1234567890'¡qwertyuiop`+asdfghjklñ´ç<zxcvbnm,.-",
    'ª!"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨Ç>ZXCVBNM;:_',
    {
        (41, 2): "\\", (2, 2): "|", (3, 2): "@", (4, 2): "#", (5, 2): "~", (6, 2): "€", (7, 2): "¬", (18, 2): "€",
        (26, 2): "[", (27, 2): "]", (40, 2): "{", (43, 2): "}",
    },
    {(26, 0), (26, 1), (40, 0), (40, 1), (5, 2)},
)  # fmt: skip
_IT: Final = _keys(
    "\\1234567890'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-",
    '|!"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_',
    {(18, 2): "€", (26, 2): "[", (27, 2): "]", (39, 2): "@", (40, 2): "#", (26, 3): "{", (27, 3): "}"},
    set(),
)

LAYOUTS: Final[Mapping[Layout, Keys]] = {"us": _US, "uk": _UK, "de": _DE, "fr": _FR, "es": _ES, "it": _IT, "cn": _US}

#: Accent → the combining character that it lays on the next letter.
COMBINING: Final[Mapping[str, str]] = {"^": "\u0302", "´": "\u0301", "`": "\u0300", "¨": "\u0308", "~": "\u0303"}
