"""Passwords in settings: hidden before a text leaves the machine, and put back into a text that was edited elsewhere.

Passwords stand in URLs (`mqtt://user:password@host`) and under keys that say so (`password = "…"`).
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, cast

#: What stands for a password.
MARK: Final = "…"

_URL: Final = re.compile(r"""(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^:/@\s"']*:)(?P<secret>[^\s"']*)(?=@[^\s"']*)""")
#: As above, with nothing left out: finds what the narrower one, which must end where a URL ends in a text, may miss.
_ANY: Final = re.compile(r"://[^/@]*?:(?P<secret>.*)@", re.DOTALL)
_KEY: Final = re.compile(r"(?i)(?:password|passwd|passphrase|secret|token|psk|api_?key)$")
_ENTRY: Final = re.compile(
    r"""(?im)(?P<before>["']?[\w.-]*(?:password|passwd|passphrase|secret|token|psk|api_?key)["']?[ \t]*=[ \t]*)"""
    r"""(?P<quote>["'])(?P<secret>(?:\\.|(?!(?P=quote))[^\\\n])*)(?P=quote)"""
)


def hidden(text: str) -> str:
    """`text` with each password as `…`; works on a settings file as on a sentence that quotes one."""
    text = _ENTRY.sub(lambda found: f"{found['before']}{found['quote']}{MARK}{found['quote']}", text)
    return _URL.sub(lambda found: found["before"] + MARK, text)


def hidden_file(text: str) -> str | None:
    """A TOML file with each password as `…`; `None` where one might still show (odd quoting, or no TOML at all)."""
    shown = hidden(text)
    try:
        left = _passwords(tomllib.loads(shown))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return shown if all(secret in {MARK, ""} for secret in left) else None


def hidden_in(sentence: str, file: str) -> str:
    """A sentence about a TOML file without any password of that file, however it is quoted."""
    try:
        found = set(_passwords(tomllib.loads(file)))
    except (tomllib.TOMLDecodeError, RecursionError):
        found = set[str]()
    for secret in sorted(found - {"", MARK}, key=len, reverse=True):
        sentence = sentence.replace(secret, MARK)
    return hidden(sentence)


def _passwords(value: object, key: str = "") -> Iterator[str]:
    """Every password in a parsed file."""
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _passwords(inner, name)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _passwords(inner, key)
    elif isinstance(value, str):
        if _KEY.search(key):
            yield value
        else:
            yield from (found["secret"] for found in _ANY.finditer(value))


def revealed(text: str, own: str) -> tuple[str, list[str]]:
    """`text` with each `…` replaced by the password that `own` has in the same URL or under the same key.

    A URL must be the same up to its end: a password is never given to another host or user. The list names the places
    whose password is not known here.
    """
    urls = {_rest(found, own): found["secret"] for found in _URL.finditer(own)}
    keys: dict[str, str | None] = {}
    for found in _ENTRY.finditer(own):
        name = _name(found)
        keys[name] = found["secret"] if keys.get(name, found["secret"]) == found["secret"] else None
    unknown: list[str] = []

    def of_url(found: re.Match[str]) -> str:
        if found["secret"] != MARK:
            return found[0]
        rest = _rest(found, text)
        if rest not in urls:
            unknown.append(f"{rest[0]}{MARK}{rest[1]}")
            return found[0]
        return found["before"] + urls[rest]

    def of_key(found: re.Match[str]) -> str:
        if found["secret"] != MARK:
            return found[0]
        known = keys.get(_name(found))
        if known is None:
            unknown.append(_name(found))
            return found[0]
        return f"{found['before']}{found['quote']}{known}{found['quote']}"

    urls_done = _URL.sub(of_url, text)
    return _ENTRY.sub(of_key, urls_done), list(dict.fromkeys(unknown))


def _rest(found: re.Match[str], text: str) -> tuple[str, str]:
    """A URL without its password: what stands before and behind it."""
    behind = re.compile(r"""[^\s"']*""").match(text, found.end())
    return found["before"], behind[0] if behind else ""


def _name(found: re.Match[str]) -> str:
    return found["before"].rstrip(" \t=").strip("\"' ")
