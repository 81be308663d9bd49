"""Notices by mail, through Apprise."""

import asyncio
import hashlib
import logging
from io import StringIO
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import apprise

from plumbline.errors import SettingsError
from tracking_service.notices.outbox import NoticeError, Outgoing

_PORTS: Final = {"smtp": 25, "smtps": 465}
#: Lines of Apprise's log that tell why; what the server said is logged as debugging.
_TELLING: Final = ("WARNING ", "ERROR ", "DEBUG Socket Exception")
_HOW: Final = "write smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS (smtps:// for TLS, &starttls=yes for STARTTLS)"


class Mail:
    """A mail server.

    Args:
        url: `smtp://user:password@host:25?from=plumbline@example.org`; `smtps://` speaks TLS from the first byte,
            `starttls=yes` asks for it after the greeting. Raises `SettingsError` where it is not one.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise SettingsError(f"PLUMBLINE_SMTP: the port is not a number; {_HOW}") from None
        options = dict(parse_qsl(parts.query))
        sender = options.pop("from", "")
        starttls = options.pop("starttls", "no") == "yes"
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError(f"PLUMBLINE_SMTP: is not a mail server; {_HOW}")
        if "@" not in sender:
            raise SettingsError(f"PLUMBLINE_SMTP: the sender is missing; {_HOW}")
        if options:
            raise SettingsError(f"PLUMBLINE_SMTP: '{next(iter(options))}' is not an option; {_HOW}")
        logging.getLogger("apprise").propagate = False  # what it logs comes back as our own error
        mode = "ssl" if parts.scheme == "smtps" else "starttls" if starttls else "insecure"
        login = ""
        if parts.username:
            login = f"{quote(unquote(parts.username), safe='')}:{quote(unquote(parts.password or ''), safe='')}@"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._base = f"{'mailto' if mode == 'insecure' else 'mailtos'}://{login}{host}:{port or _PORTS[parts.scheme]}/"
        # `smtp` given, Apprise takes no server from what it knows of the sender's domain
        self._options = {"smtp": parts.hostname, "mode": mode, "from": f"Plumbline<{sender}>", "format": "text", "cto": "20"}

    async def send(self, outgoing: Outgoing) -> None:
        """Hand a mail to the server. Raises `NoticeError` with what the server said."""
        await asyncio.to_thread(self._send, outgoing)

    def _send(self, outgoing: Outgoing) -> None:
        # the header tells a mail that went out twice around a crash from two mails
        key = hashlib.sha256(f"{outgoing.key}|{outgoing.recipient}".encode()).hexdigest()
        options = self._options | {"to": outgoing.recipient, "+X-Plumbline-Notice": key}
        sender: Any = apprise.Apprise()  # its signatures are half typed
        if not sender.add(f"{self._base}?{urlencode(options)}"):
            raise NoticeError(f"{outgoing.recipient} is not an address that mail can be sent to")
        # Apprise answers yes or no, and writes why to its logger
        with apprise.LogCapture(level=logging.DEBUG, fmt="%(levelname)s %(message)s") as said:
            sent = sender.notify(title=outgoing.subject, body=outgoing.body, body_format=apprise.NotifyFormat.TEXT)
            lines = said.getvalue().splitlines() if isinstance(said, StringIO) else []
        if not sent:
            why = [line.partition(" ")[2] for line in lines if line.startswith(_TELLING)]
            raise NoticeError("; ".join(why) or "the mail server refused it")
