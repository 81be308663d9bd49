"""What holds for the content of a component beyond characters and length, by the dictionary's name of the rule.

Each linter takes a component's text and returns `None`, or what is wrong, to stand behind 'AI (…): '.
"""

import calendar
import re
from collections.abc import Callable, Mapping
from typing import Final

from edge_agent.gs1.charsets import CHARACTERS, CSET_39, CSET_64, CSET_82, CSET_IMPORTER
from edge_agent.gs1.coupon import coupon, positive_offer
from edge_agent.gs1.digits import LONGEST_WEIGHED, check_digit, check_pair, is_digits
from edge_agent.gs1.table import codes

Linter = Callable[[str], str | None]

_GCP_DIGITS: Final = 4
"""The shortest GS1 Company Prefix."""
_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _characters(allowed: str, name: str) -> Linter:
    def lint(text: str) -> str | None:
        wrong = next((character for character in text if character not in allowed), None)
        return None if wrong is None else f"the character {wrong!r} is not {name}"

    return lint


def _cset64(text: str) -> str | None:
    body = text.rstrip("=")
    if len(body) != len(text) and (len(text) - len(body) > 2 or len(text) % 3):
        return "the padding '=' must fill the text to a multiple of three characters"
    return _characters(CSET_64, CHARACTERS["Z"][0])(body)


def _csum(text: str) -> str | None:
    if len(text) < 2:
        return None if text == "0" else "too short for a check digit"
    if not is_digits(text):
        return "must be digits"
    right = check_digit(text[:-1])
    return None if text[-1] == right else f"the check digit is {text[-1]}, and should be {right}"


def _csumalpha(text: str) -> str | None:
    if len(text) < 2:
        return "too short for a check character pair"
    payload, pair = text[:-2], text[-2:]
    if len(payload) > LONGEST_WEIGHED:
        return "too long for a check character pair"
    if wrong := _characters(CSET_82, CHARACTERS["X"][0])(payload):
        return wrong
    right = check_pair(payload)
    return None if pair == right else f"the check characters are '{pair}', not '{right}'"


def _company_prefix(text: str) -> str | None:
    if len(text) < _GCP_DIGITS:
        return f"too short for a GS1 Company Prefix, which has {_GCP_DIGITS} digits at least"
    return None if is_digits(text[:_GCP_DIGITS]) else "the GS1 Company Prefix must be digits"


def _company_prefix_behind_indicator(text: str) -> str | None:
    """One digit stands in front: a GTIN's indicator, an SSCC's extension digit."""
    return _company_prefix(text[1:]) if is_digits(text[:1]) else "must be digits"


def _number(low: int, high: int, digits: int, name: str) -> Linter:
    def lint(text: str) -> str | None:
        if len(text) != digits or not is_digits(text):
            return f"the {name} must be {digits} digits"
        return None if low <= int(text) <= high else f"there is no {name} {text}"

    return lint


def _date(year_digits: int, *, day_may_be_zero: bool) -> Linter:
    form = "Y" * year_digits + "MMDD"

    def lint(text: str) -> str | None:
        if len(text) != len(form) or not is_digits(text):
            return f"the date must be {len(form)} digits {form}"
        year, month, day = int(text[:-4]), int(text[-4:-2]), int(text[-2:])
        if not 1 <= month <= 12:
            return f"the date has no month {text[-4:-2]}"
        if day == 0 and day_may_be_zero:
            return None
        # Two digits of the year tell leap years as well as four do: 2000 is one, and 1900 and 2100 are out of reach.
        last = 29 if month == 2 and year % 4 == 0 and (year_digits == 2 or calendar.isleap(year)) else _DAYS[month - 1]
        return None if 1 <= day <= last else f"the date has no day {text[-2:]} in month {text[-4:-2]}"

    return lint


_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _hhmi(text: str) -> str | None:
    if len(text) != 4:
        return "the time must be four digits hhmm"
    return _number(0, 23, 2, "hour")(text[:2]) or _number(0, 59, 2, "minute")(text[2:])


def _one_of(allowed: str, name: str) -> Linter:
    def lint(text: str) -> str | None:
        return None if len(text) == 1 and text in allowed else f"the {name} must be one of {', '.join(allowed)}"

    return lint


def _listed(code_list: str, name: str, *more: str) -> Linter:
    def lint(text: str) -> str | None:
        return None if text in codes(code_list) or text in more else f"'{text}' is no {name}"

    return lint


def _nonzero(text: str) -> str | None:
    if not is_digits(text):
        return "must be digits"
    return None if text.strip("0") else "must not be zero"


def _zero(text: str) -> str | None:
    return "must be zero" if text.strip("0") else None


def _no_zero_prefix(text: str) -> str | None:
    if not is_digits(text):
        return "must be digits"
    return "must not begin with zero" if text.startswith("0") else None


def _has_non_digit(text: str) -> str | None:
    return "must hold a character that is no digit" if is_digits(text) else None


def _hyphen(text: str) -> str | None:
    return "must be hyphens" if text.strip("-") else None


def _percent_encoding(text: str) -> str | None:
    return "holds '%' without two hexadecimal digits" if _PERCENT.search(text) else None


def _iban(text: str) -> str | None:
    if not 10 < len(text) <= 34:
        return "an IBAN has 11 to 34 characters"
    if text[:2] not in codes("iso3166alpha2"):
        return f"an IBAN begins with a country, and '{text[:2]}' is none"
    if not (text.isascii() and text.isalnum() and text.upper() == text):
        return "an IBAN holds digits and capital letters alone"
    # ISO 13616-1: the first four characters go to the end, letters count from 10, the remainder by 97 is 1.
    number = "".join(str(int(character, 36)) for character in text[4:] + text[:4])
    return None if int(number) % 97 == 1 else "the check digits of the IBAN are wrong"


def _importer_index(text: str) -> str | None:
    return None if len(text) == 1 and text in CSET_IMPORTER else "the importer index must be one character of set 64"


def _media_type(text: str) -> str | None:
    known = len(text) == 2 and is_digits(text) and (1 <= int(text) <= 10 or int(text) >= 80)
    return None if known else "the AIDC media type must be 01 to 10 or 80 to 99"


def _piece_of_total(text: str) -> str | None:
    if not text or len(text) % 2 or not is_digits(text):
        return "piece and total must be digits, as many for the one as for the other"
    piece, total = int(text[: len(text) // 2]), int(text[len(text) // 2 :])
    if not piece or not total:
        return "neither piece nor total may be zero"
    return None if piece <= total else f"piece {piece} is beyond the total of {total}"


def _position_in_sequence(text: str) -> str | None:
    position, slash, end = text.partition("/")
    if not (slash and position and end and is_digits(position) and is_digits(end)):
        return "must be a position, '/' and the end of the sequence"
    if position.startswith("0") or end.startswith("0"):
        return "neither position nor end may begin with zero"
    # Compared as text of equal length: the numbers may be too long to be worth converting.
    width = max(len(position), len(end))
    return None if position.zfill(width) <= end.zfill(width) else f"position {position} is beyond the end {end}"


LINTERS: Final[Mapping[str, Linter]] = {
    "couponcode": coupon,
    "couponposoffer": positive_offer,
    "cset39": _characters(CSET_39, CHARACTERS["Y"][0]),
    "cset64": _cset64,
    "cset82": _characters(CSET_82, CHARACTERS["X"][0]),
    "csetnumeric": _characters("0123456789", CHARACTERS["N"][0]),
    "csum": _csum,
    "csumalpha": _csumalpha,
    "gcppos1": _company_prefix,
    "gcppos2": _company_prefix_behind_indicator,
    "hasnondigit": _has_non_digit,
    "hh": _number(0, 23, 2, "hour"),
    "hhmi": _hhmi,
    "hyphen": _hyphen,
    "iban": _iban,
    "importeridx": _importer_index,
    "iso3166": _listed("iso3166", "country code of ISO 3166"),
    "iso3166999": _listed("iso3166", "country code of ISO 3166 or 999", "999"),
    "iso3166alpha2": _listed("iso3166alpha2", "two-letter country code of ISO 3166"),
    "iso4217": _listed("iso4217", "currency code of ISO 4217"),
    "iso5218": _one_of("0129", "biological sex (ISO/IEC 5218)"),
    "latitude": _number(0, 1_800_000_000, 10, "latitude"),
    "longitude": _number(0, 3_600_000_000, 10, "longitude"),
    "mediatype": _media_type,
    "mi": _number(0, 59, 2, "minute"),
    "nonzero": _nonzero,
    "nozeroprefix": _no_zero_prefix,
    "packagetype": _listed("packagetype", "package type of UN/ECE Recommendation 21"),
    "pcenc": _percent_encoding,
    "pieceoftotal": _piece_of_total,
    "posinseqslash": _position_in_sequence,
    "ss": _number(0, 59, 2, "second"),
    "winding": _one_of("019", "winding direction"),
    "yesno": _one_of("01", "value"),
    "yymmd0": _date(2, day_may_be_zero=True),
    "yymmdd": _date(2, day_may_be_zero=False),
    "yyyymmd0": _date(4, day_may_be_zero=True),
    "yyyymmdd": _date(4, day_may_be_zero=False),
    "zero": _zero,
}
#: What each component type holds beyond its characters.
TYPE_LINTERS: Final[Mapping[str, str]] = {"N": "csetnumeric", "X": "cset82", "Y": "cset39", "Z": "cset64"}
