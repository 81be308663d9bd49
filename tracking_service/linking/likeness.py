"""How like each other two codes are, as people and scanners get codes wrong; and how a code may have been meant."""

import re
from collections.abc import Iterator
from typing import Final

from plumbline.linking import check_digit_fits

#: Longer codes are compared by their beginning alone.
COMPARED: Final = 64
#: One wrong character is looked for in codes of at most this length.
VARIED: Final = 24
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-./_ "
#: What is read, typed and printed for each other.
_ALIKE: Final = str.maketrans("OQILSBZ", "0011582")
_BARE: Final = re.compile(r"[\W_]+")
_TOKEN: Final = re.compile(r"[^\s/\\|;,?&=:#()\[\]{}<>\"']{4,64}")
_TOKENS: Final = 24


def folded(code: str) -> str:
    """A code without what is easily mistaken: case, spaces, hyphens, and characters that look alike."""
    return _BARE.sub("", code.upper()).translate(_ALIKE)


def distance(one: str, other: str, limit: int) -> int | None:
    """How many characters were changed, left out, put in or swapped with the next (optimal string alignment).

    `None`: more than `limit`, or the codes are too long to be compared.
    """
    if max(len(one), len(other)) > COMPARED or not _shares_a_piece(one, other, limit):
        return None
    return _apart(one, other, limit)


def _shares_a_piece(one: str, other: str, limit: int) -> bool:
    """Of more pieces than slips can touch (a swap touches two) one is left as it was: rules most codes out at once."""
    size = len(one) // (2 * limit + 1)
    return size == 0 or any(one[place : place + size] in other for place in range(0, size * (2 * limit + 1), size))


def _apart(one: str, other: str, limit: int) -> int | None:
    """Behind what both begin with alike, try each slip: quick, as few are allowed."""
    if abs(len(one) - len(other)) > limit:
        return None
    same = shared(one, other)
    one, other = one[same:], other[same:]
    if not one or not other:
        return len(one) + len(other)
    if limit == 0:
        return None
    slips = [(one[1:], other[1:]), (one[1:], other), (one, other[1:])]
    if one[1:2] == other[0] and one[0] == other[1:2]:
        slips.append((one[2:], other[2:]))
    found: int | None = None
    for left, right in slips:
        rest = _apart(left, right, limit - 1)
        if rest is not None:
            found, limit = rest + 1, rest  # only what is nearer still is asked for
    return found


def shared(one: str, other: str) -> int:
    """How many characters two codes begin with alike."""
    most = min(len(one), len(other))
    place = 0
    while place < most and one[place] == other[place]:
        place += 1
    return place


def begins_alike(one: str, other: str) -> int:
    """How many characters they share, where two codes begin alike for the greater part; else 0. Zeros in front do not count."""
    if one.isdigit() and other.isdigit():
        one, other = one.lstrip("0"), other.lstrip("0")
    same = shared(one.upper(), other.upper())
    return same if same >= 5 and same * 10 >= max(len(one), len(other)) * 6 else 0


def variants(code: str) -> set[str]:
    """Every code that one slip makes of this one, and the ways in which it may be written."""
    bare = code.strip()
    found = {bare, bare.upper(), bare.lower(), "".join(bare.split()), _BARE.sub("", bare), _BARE.sub("", bare.upper())}
    if len(bare) <= VARIED:
        found.update(_slips(bare, _ALPHABET))
        if bare != bare.upper():
            found.update(_slips(bare.upper(), _ALPHABET))
    return {one for one in found if one and len(one) <= 256 and "\0" not in one} - {code}


def numbers_near(digits: str, lengths: tuple[int, ...]) -> set[str]:
    """The GS1 numbers of these lengths with a right check digit that one slip makes of these digits."""
    near = {digits, *_slips(digits, "0123456789")}
    return {one for one in near if len(one) in lengths and one.isdigit() and check_digit_fits(one)}


def unit_digits(text: str) -> str:
    """The digits of a text that was meant as an SSCC, with or without its application identifier; empty: it was not."""
    digits = "".join(character for character in text if character in "0123456789")
    if len(text) > 30 or 2 * len(digits) < len(text):
        return ""
    if len(digits) in (19, 20, 21) and digits.startswith("00"):
        digits = digits[2:]
    return digits if len(digits) in (17, 18, 19) else ""


def tokens(text: str) -> list[str]:
    """The parts of a longer text that may be codes: of an address, of a list of fields."""
    found = dict.fromkeys(one for one in _TOKEN.findall(text[:2_048]) if one != text)
    return list(found)[:_TOKENS]


def _slips(code: str, alphabet: str) -> Iterator[str]:
    for place in range(len(code) + 1):
        head, tail = code[:place], code[place:]
        for character in alphabet:
            yield head + character + tail
            if tail:
                yield head + character + tail[1:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
