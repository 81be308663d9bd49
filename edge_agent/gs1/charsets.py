"""The character sets of application identifier values (GS1 General Specifications, section 7.11)."""

from collections.abc import Mapping
from typing import Final

#: In the order of the values that check characters are computed with.
CSET_82: Final = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
CSET_39: Final = "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CSET_64: Final = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
#: The alphabet of check character pairs: digits and letters that are not mistaken for one another.
CSET_32: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
#: One character that tells an importer's index apart (AI 7040).
CSET_IMPORTER: Final = CSET_64

#: Component type → its name and its characters.
CHARACTERS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "N": ("a digit", frozenset("0123456789")),
    "X": ("of character set 82", frozenset(CSET_82)),
    "Y": ("of character set 39", frozenset(CSET_39)),
    "Z": ("of character set 64", frozenset(CSET_64 + "=")),
}
