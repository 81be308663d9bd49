"""Check digits and check characters, and the one form of a GTIN."""

from typing import Final

from edge_agent.gs1.charsets import CSET_32, CSET_82
from edge_agent.gs1.error import Gs1Error

_PRIMES: Final = (
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
    127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251,
    257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397,
    401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509,
)  # fmt: skip
#: The longest text that `check_pair` can weigh.
LONGEST_WEIGHED: Final = len(_PRIMES)
_GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})


def is_digits(text: str) -> bool:
    """Tell whether `text` is made of the digits 0 to 9 (an empty text is)."""
    return text.isascii() and (text.isdigit() or not text)


def check_digit(payload: str) -> str:
    """The check digit of a numeric key without it (GS1 General Specifications, section 7.9.1). Raises `Gs1Error`."""
    if not payload or not is_digits(payload):
        raise Gs1Error(f"'{payload[:40]}' has no check digit: it must be digits alone; correct it")
    weighted = sum(int(digit) * (3 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(payload)))
    return str(-weighted % 10)


def has_valid_check_digit(key: str) -> bool:
    """Tell whether the last digit of a numeric key is its check digit."""
    return len(key) > 1 and is_digits(key) and check_digit(key[:-1]) == key[-1]


def check_pair(payload: str) -> str:
    """The check character pair of an alphanumeric key without it (GS1 General Specifications, section 7.9.5).

    `payload` holds characters of set 82 and at most `LONGEST_WEIGHED` of them.
    """
    weights = reversed(_PRIMES[: len(payload)])
    total = sum(CSET_82.index(character) * weight for character, weight in zip(payload, weights, strict=True)) % 1021
    return CSET_32[total >> 5] + CSET_32[total & 31]


def normalise_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits. Raises `Gs1Error` where it is none or its check digit is wrong."""
    if len(text) not in _GTIN_LENGTHS or not is_digits(text):
        raise Gs1Error(f"'{text[:40]}' is no GTIN: it must be 8, 12, 13 or 14 digits; correct it")
    if not has_valid_check_digit(text):
        raise Gs1Error(f"'{text}' is no GTIN: its check digit is not {check_digit(text[:-1])}; read it again")
    return text.zfill(14)
