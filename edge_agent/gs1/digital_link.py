"""GS1 Digital Link URIs, uncompressed, on any domain (GS1 Digital Link Standard: URI Syntax, sections 4 and 5)."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from edge_agent.gs1.elements import Elements, add, known
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.table import Identifier, identifiers

_SCHEMES: Final = ("https://", "http://", "HTTPS://", "HTTP://")
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9\-.:\[\]]+")
_COMPRESSED: Final = re.compile(r"[A-Za-z0-9_-]{12,}")
#: Lengths of GTINs that have lost their leading zeros.
_SHORT_GTIN: Final = frozenset({8, 12, 13})


def is_uri(text: str) -> bool:
    """Tell whether `text` begins like a Digital Link URI."""
    return text.startswith(_SCHEMES)


def read(uri: str, *, permit_unknown_ais: bool = False, permit_zero_suppressed_gtin: bool = False) -> Elements:
    """The element strings of a Digital Link URI: key, qualifiers, then those of the query. Raises `Gs1Error`."""
    illegal = _ILLEGAL.search(uri)
    if illegal is not None:
        raise Gs1Error(f"a URI may not hold the character {illegal[0]!r}")
    domain, slash, rest = uri.split("://", 1)[1].partition("#")[0].partition("/")
    rest, _, query = rest.partition("?")
    if not domain or not slash:
        raise Gs1Error("a Digital Link URI needs a domain and a path behind it")
    if _DOMAIN.fullmatch(domain) is None:
        raise Gs1Error(f"'{domain[:60]}' is no domain for a Digital Link URI")
    found: Elements = []
    for ai, value in _path(rest):
        text = _decoded(value)
        add(found, known(ai), ai, _padded(ai, text) if permit_zero_suppressed_gtin else text)
    path = [ai for ai, _ in found]
    for ai, value in _query(query):
        identifier = known(ai, permit_unknown_ais=permit_unknown_ais)
        _check_query(identifier, ai, path, found)
        text = _decoded(value.replace("+", " "))
        add(found, identifier, ai, _padded(ai, text) if permit_zero_suppressed_gtin else text)
    return found


def _path(path: str) -> list[tuple[str, str]]:
    """The pairs of AI and value from the primary key to the end of the path, which is searched from its end."""
    segments = path.split("/")
    table = identifiers()
    for start in range(len(segments) - 2, -1, -2):
        key = table.get(segments[start])
        if key is not None and key.qualifiers is not None:
            pairs = list(zip(segments[start::2], segments[start + 1 :: 2], strict=True))
            _check_qualifiers(key, [ai for ai, _ in pairs[1:]])
            return pairs
    hint = ""
    if _COMPRESSED.fullmatch(segments[-1]):
        hint = "; if it is a compressed one, resolve it first: compression is not read here"
    raise Gs1Error(f"the path of the URI holds no key of a Digital Link{hint}")


def _check_qualifiers(key: Identifier, path: list[str]) -> None:
    if not _is_sequence(key, path):
        raise Gs1Error(f"AI ({key.ai}) cannot be qualified by {', '.join(f'({ai[:8]})' for ai in path)} in the path of a URI")


def _is_sequence(key: Identifier, path: list[str]) -> bool:
    """Whether `path` holds qualifiers of one of the key's sequences, in its order, each at most once."""
    for sequence in key.qualifiers or ():
        ordered = iter(sequence)
        if all(ai in ordered for ai in path):
            return True
    return False


def _query(query: str) -> list[tuple[str, str]]:
    """The query's pairs that are AIs; parameters with other names belong to the web, not to GS1."""
    pairs: list[tuple[str, str]] = []
    for parameter in query.split("&"):
        name, equals, value = parameter.partition("=")
        if equals and name.isascii() and name.isdigit():
            pairs.append((name, value))
    return pairs


def _check_query(identifier: Identifier, ai: str, path: list[str], found: Elements) -> None:
    if any(ai == other for other, _ in found):
        raise Gs1Error(f"AI ({ai}) stands twice in the URI")
    key = known(path[0])
    # Where a qualifier would fit between those of the path, there is its place.
    for position in range(1, len(path) + 1):
        if _is_sequence(key, [*path[1:position], ai, *path[position:]]):
            raise Gs1Error(f"AI ({ai}) qualifies AI ({path[0]}): it belongs in the path of the URI, not in the query")
    if not identifier.in_query:
        raise Gs1Error(f"AI ({ai}) may not stand in the query of a URI")


def _padded(ai: str, value: str) -> str:
    return value.zfill(14) if ai == "01" and len(value) in _SHORT_GTIN else value


def _decoded(text: str) -> str:
    """Percent-decoding, byte for byte: what is no ASCII then fails the character check."""
    return unquote_to_bytes(text).decode("latin-1")
