"""Notices by mail: plain text, and HTML beside it where there is some.

A mail that goes out twice around a crash carries the same `Message-ID` (RFC 5322, 3.6.4) and `X-Plumbline-Notice`, so that
mail programs and people see one; a correction answers the mail it corrects (`In-Reply-To`). See docs/adr/0018.
"""

import asyncio
import contextlib
import hashlib
import smtplib
import socket
import ssl
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from plumbline.errors import SettingsError
from tracking_service.notices.outbox import NoticeError, Outgoing

_PORTS: Final = {"smtp": 25, "smtps": 465}
_HOW: Final = "write smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS (smtps:// for TLS, &starttls=yes for STARTTLS)"
#: Wide enough that the header with a notice's hash is not folded.
_POLICY: Final = policy.SMTP.clone(max_line_length=100)
#: How long the server may take over each step of the conversation.
_TIMEOUT_S: Final = 20.0
#: And over taking the mail: who gives up after the last full stop sends again what was delivered (RFC 5321, 4.5.3.2.6).
_TAKES_S: Final = 600.0
#: And over a goodbye.
_GOODBYE_S: Final = 3.0


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
        self._starttls = options.pop("starttls", "no") == "yes"
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError(f"PLUMBLINE_SMTP: is not a mail server; {_HOW}")
        if "@" not in sender:
            raise SettingsError(f"PLUMBLINE_SMTP: the sender is missing; {_HOW}")
        if options:
            raise SettingsError(f"PLUMBLINE_SMTP: '{next(iter(options))}' is not an option; {_HOW}")
        try:
            self._from = Address("Plumbline", addr_spec=sender)
        except (ValueError, IndexError):
            raise SettingsError(f"PLUMBLINE_SMTP: '{sender}' is not a mail address; {_HOW}") from None
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = port or _PORTS[parts.scheme]
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None

    async def send(self, outgoing: Outgoing) -> None:
        """Hand a mail to the server. Raises `NoticeError` with what the server said."""
        message = self._written(outgoing)
        talk = _Talk()
        try:
            await asyncio.to_thread(self._send, message, talk)
        except asyncio.CancelledError:
            talk.hang_up()
            raise
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise NoticeError(_said(code, said), permanent=500 <= code < 600) from None
        except smtplib.SMTPResponseException as error:
            raise NoticeError(_said(error.smtp_code, error.smtp_error)) from None
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            raise NoticeError(f"{self._host}:{self._port}: {error or type(error).__name__}") from None

    def message_id(self, key: str) -> str:
        """The id of the mail of a notice: the same whenever it is sent."""
        return f"<{key[:40]}@{self._from.domain}>"

    def _written(self, outgoing: Outgoing) -> EmailMessage:
        message = EmailMessage(policy=_POLICY)
        try:
            to = Address(outgoing.name if outgoing.name.isprintable() else "", addr_spec=outgoing.recipient)
            message["To"] = to
        except (ValueError, IndexError):
            raise NoticeError(f"{outgoing.recipient} is not an address that mail can be sent to", permanent=True) from None
        key = hash_of(outgoing.key, outgoing.recipient)
        message["From"] = self._from
        message["Subject"] = " ".join(outgoing.subject.split())
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = self.message_id(key)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no holiday replies, please
        message["Content-Language"] = outgoing.language
        message["X-Plumbline-Notice"] = key
        if outgoing.answers:
            before = [self.message_id(hash_of(one, outgoing.recipient)) for one in outgoing.answers]
            message["In-Reply-To"] = before[-1]
            message["References"] = " ".join(before[-10:])
        message.set_content(outgoing.body)
        if outgoing.html is not None:
            message.add_alternative(outgoing.html, subtype="html")
        return message

    def _send(self, message: EmailMessage, talk: "_Talk") -> None:
        context = ssl.create_default_context()
        made: dict[str, Any] = {"host": self._host, "port": self._port, "timeout": _TIMEOUT_S}
        server = _SmtpTls(context=context, **made) if self._tls else _Smtp(**made)
        talk.server = server
        try:
            if self._starttls:
                server.starttls(context=context)
            if self._login is not None:
                server.login(*self._login)
            server.send_message(message)
        finally:
            _part(server)


class _Smtp(smtplib.SMTP):
    """Patient where giving up would mean to send twice."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Hand the mail itself over."""
        if self.sock is not None:
            self.sock.settimeout(_TAKES_S)
        return super().data(msg)


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


class _Talk:
    """A conversation in another thread."""

    def __init__(self) -> None:
        self.server: smtplib.SMTP | None = None

    def hang_up(self) -> None:
        """End it: nobody waits for it any more, and a thread that did would hold up the end of the process."""
        if self.server is not None and self.server.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.server.sock, socket.SHUT_RDWR)


def _part(server: smtplib.SMTP) -> None:
    """Say goodbye. How the server takes it says nothing of the mail, which it has taken or refused before."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        if server.sock is not None:
            server.sock.settimeout(_GOODBYE_S)
            server.quit()
    server.close()


def hash_of(key: str, recipient: str) -> str:
    """What tells one notice to one recipient from all others, without saying what it is."""
    return hashlib.sha256(f"{key}|{recipient}".encode()).hexdigest()


def _said(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"the mail server said {code} {' '.join(said.split())}"[:500]
