"""The ways out: the operator's mail server, and what Apprise reaches: chats, text messages, web addresses.

Ways stand in a file of the operator's (`ways.toml`), for their URLs are secrets: people and the API name a way, never a URL.

    [ways.site-dingtalk]
    url = "dingtalk://SECRET@TOKEN/"

    [ways.sms]
    url = "twilio://SID:TOKEN@+15551234567/{to}"      # {to}: the address that a person has there
    short = true                                      # the headline alone

A URL may stand in a file of its own (`url_file`) or in the environment (`url_env`).
"""

import asyncio
import logging
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, unquote

import apprise

from plumbline.errors import SettingsError
from plumbline.patience import Patience
from tracking_service.notices.outbox import NoticeError, Notifier, Outgoing

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_TO: Final = "{to}"
_KEYS: Final = ("url", "url_file", "url_env")
_logger: Final = logging.getLogger("apprise")
#: Longer than any answer we wait for; Apprise's own limits are 4 s to connect and 4 s to read.
_TIMEOUT_S: Final = 30.0


class AppriseWay:
    """One service that Apprise speaks with.

    Args:
        name: as people name it.
        url: Apprise's; where it has `{to}`, the address of each person there takes its place.
        short: send the headline alone, as a text message.

    Raises `SettingsError`, without the URL, where Apprise cannot read it.
    """

    def __init__(self, name: str, url: str, *, short: bool = False) -> None:
        _logger.propagate = False  # what it logs has URLs in it and comes back as our own error
        _logger.setLevel(logging.DEBUG)
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it names paths, in which tokens stand
        self._url = url
        self._name = name
        self._short = short
        self.needs_address = _TO in url
        if _sender(url.replace(_TO, "15551234567")) is None:
            raise SettingsError(f"ways: {name}: Apprise cannot read this URL; see its page of services for how it is written")
        self._secrets = _secrets(url)

    async def send(self, outgoing: Outgoing) -> None:
        """Hand a notice over. Raises `NoticeError` with what the service said, without what is secret."""
        if self.needs_address and not outgoing.to:
            raise NoticeError(f"the way '{self._name}' needs an address; give this person one", permanent=True)
        url = self._url.replace(_TO, quote(outgoing.to, safe="+@"))
        sender = _sender(url)
        if sender is None:
            raise NoticeError(f"'{outgoing.to}' is not an address that '{self._name}' can send to", permanent=True)
        if self._short:
            outgoing = outgoing._replace(subject="", body=outgoing.subject)
        try:
            async with Patience(_TIMEOUT_S):
                sent, why = await asyncio.to_thread(_notify, sender, outgoing)
        except TimeoutError:
            raise NoticeError(f"'{self._name}' did not answer within {_TIMEOUT_S:.0f} s") from None
        if not sent:
            raise NoticeError(self._hidden(why) or f"'{self._name}' refused it")

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


class Ways:
    """Several ways out by name, as one."""

    def __init__(self, ways: Mapping[str, Notifier]) -> None:
        self._ways = dict(ways)

    @property
    def names(self) -> Sequence[str]:
        """The ways there are; the sender leaves alone what goes elsewhere."""
        return sorted(self._ways)

    async def send(self, outgoing: Outgoing) -> None:
        """Hand a notice to its way. Raises `NoticeError`."""
        await self._ways[outgoing.way].send(outgoing)


def read_ways(path: Path, environment: Mapping[str, str] | None = None) -> Mapping[str, Notifier]:
    """The ways of a file. Raises `SettingsError` with file, way and what to do; never with a URL in it."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); name the file of ways, see docs/notices.md") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML ({error}); see docs/notices.md") from None
    ways: Any = table.pop("ways", {})
    if table or not isinstance(ways, dict):
        what = f"'{next(iter(table))}' is not known" if table else "'ways' is not a table"
        raise SettingsError(f"{path}: {what}; write [ways.NAME] with url = …")
    found: dict[str, Notifier] = {}
    for name, way in cast("dict[str, Any]", ways).items():
        if not _NAME.fullmatch(name) or name == "mail":
            raise SettingsError(f"{path}: ways.{name}: a way is called by small letters and digits, and not 'mail'")
        try:
            url, short = _told(path, name, way, os.environ if environment is None else environment)
            found[name] = AppriseWay(name, url, short=short)
        except SettingsError as error:
            raise error if str(error).startswith(str(path)) else SettingsError(f"{path}: {error}") from None
    return found


def _told(path: Path, name: str, way: Any, environment: Mapping[str, str]) -> tuple[str, bool]:
    """The URL of a way, and whether it is short."""
    where = f"{path}: ways.{name}"
    given: dict[str, Any] = dict(cast("dict[str, Any]", way)) if isinstance(way, dict) else {}
    short = given.pop("short", False)
    if not isinstance(short, bool):
        raise SettingsError(f"{where}.short: has to be true or false")
    if len(given) != 1 or next(iter(given)) not in _KEYS or not isinstance(next(iter(given.values())), str):
        raise SettingsError(f"{where}: has to have one of {', '.join(_KEYS)}, a text")
    ((key, value),) = given.items()
    return _url(path, where, key, value, environment), short


def _url(path: Path, where: str, key: str, value: str, environment: Mapping[str, str]) -> str:
    if key == "url_env":
        if not environment.get(value):
            raise SettingsError(f"{where}: the environment has no {value}; set it to Apprise's URL")
        return environment[value].strip()
    if key == "url_file":
        file = path.parent / value
        try:
            return file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"{where}: {file} cannot be read; it has to hold Apprise's URL") from None
    return value


def _sender(url: str) -> Any:
    sender: Any = apprise.Apprise()  # its signatures are half typed
    return sender if sender.add(url) and len(sender) == 1 else None


class _Said(logging.Handler):
    """What Apprise says while it sends for us: other notices may be on their way in other threads."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line that tells why."""
        said = record.getMessage()
        if _asked.get() is self and (record.levelno >= logging.WARNING or said.startswith("Socket Exception")):
            self.lines.append(said)


#: Who listens; Apprise takes it along into its threads.
_asked: Final[ContextVar[_Said | None]] = ContextVar("apprise_said", default=None)


def _notify(sender: Any, outgoing: Outgoing) -> tuple[bool, str]:
    # Apprise answers yes or no, and writes why to its logger
    said = _Said()
    _asked.set(said)  # of this thread's own copy of the context
    _logger.addHandler(said)
    try:
        told = {"title": outgoing.subject, "body": outgoing.body, "body_format": apprise.NotifyFormat.TEXT}
        sent = bool(sender.notify(**told, interpret_escapes=False))
    finally:
        _logger.removeHandler(said)
    return sent, "; ".join(said.lines)


def _secrets(url: str) -> Sequence[str]:
    """Every part of a URL that may be a secret, as it is and decoded; the longest first."""
    rest = url.partition("://")[2]
    parts = {part for part in re.split(r"[/@:?&=]", rest) if len(part) >= 6 and part != _TO}
    return sorted({rest, url, *parts, *map(unquote, parts)}, key=len, reverse=True)
