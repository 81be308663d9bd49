"""Somebody takes a matter on: by the signed link in a notice, or through the API; nobody else is called then."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from html import escape
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tracking_service.domain.notice import PRESSING
from tracking_service.errors import UnknownThingError
from tracking_service.notices.tables import acknowledgement, own_key
from tracking_service.tables import insert_new, notice

_SECOND: Final = 1_000_000_000
#: So long the link of a notice can be used.
VALID_S: Final = 30 * 24 * 3600
_PURPOSE: Final = "acknowledge"


class LinkText(NamedTuple):
    """What a notice says at its end."""

    text: str
    html: str


class Acknowledged(NamedTuple):
    """A matter that somebody has taken on."""

    subject: str
    language: str
    person: str
    at: int
    first: bool
    """It was not taken on before."""


class Links:
    """Makes the links of notices and reads them.

    Args:
        engine: the database, which keeps the key that signs them.
        base: says the address of this service as its readers reach it, `https://plumbline.example.org`.
        now_ns: UTC, ns.
    """

    def __init__(self, *, engine: AsyncEngine, base: Callable[[], str], now_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._base = base
        self._now_ns = now_ns
        self._key: bytes | None = None

    async def of(self, row: Row[Any]) -> LinkText | None:
        """The end of a notice that somebody should take on; `None` for all others."""
        if not row.matter or not (row.kind in PRESSING or row.kind == "digest" or row.next_at is not None or row.path):
            return None
        url = f"{self._base().rstrip('/')}/acknowledge/{await self.token(row.id)}"
        said = "我来处理：" if row.language == "zh" else "I take care of this: "
        label = said.rstrip("： :")
        style = "display:inline-block;padding:10px 18px;border-radius:6px;background:#1f6feb;color:#ffffff;text-decoration:none"
        return LinkText(f"\n{said}{url}\n", f'<p><a href="{escape(url)}" style="{style}">{label}</a></p>')

    async def token(self, number: int) -> str:
        """What acknowledges a notice, for thirty days."""
        until = self._now_ns() // _SECOND + VALID_S
        return f"{number}.{until}.{await self._signature(number, until)}"

    async def read(self, token: str) -> int:
        """The notice that a token is for. Raises `UnknownThingError` where it is forged, cut off or too old."""
        number, _, rest = token.partition(".")
        until, _, signature = rest.partition(".")
        short = len(number) < 20 and len(until) < 20
        if not (
            short and number.isascii() and number.isdigit() and until.isascii() and until.isdigit() and signature.isascii()
        ):
            raise UnknownThingError("this link is not whole; open it from the notice again")
        if not hmac.compare_digest(await self._signature(int(number), int(until)), signature):
            raise UnknownThingError("this link is not whole; open it from the notice again")
        if int(until) < self._now_ns() // _SECOND:
            raise UnknownThingError("this link is too old; acknowledge the notice in Plumbline")
        return int(number)

    async def _signature(self, number: int, until: int) -> str:
        if self._key is None:
            async with self._engine.begin() as connection:
                fresh = {"purpose": _PURPOSE, "key": secrets.token_hex(32)}
                await insert_new(connection, own_key, [fresh])
                stored = select(own_key.c.key).where(own_key.c.purpose == _PURPOSE)
                self._key = bytes.fromhex((await connection.execute(stored)).scalar_one())
        digest = hmac.digest(self._key, f"acknowledge|{number}|{until}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def acknowledge(
    connection: AsyncConnection, number: int, *, person: str | None, now: int, by_link: bool = False
) -> Acknowledged:
    """Take on what a notice is about; of a digest, everything in it. A second time changes nothing.

    `person`: who does; `None`: whoever it went to. Raises `UnknownThingError` where there is no such notice.
    """
    row = (await connection.execute(select(notice).where(notice.c.id == number))).first()
    if row is None:
        raise UnknownThingError(f"there is no notice {number}")
    same = or_(notice.c.id == number, notice.c.folded_into == number)
    matters = sorted({matter for matter in (await connection.execute(select(notice.c.matter).where(same))).scalars() if matter})
    who = (person or row.name)[:128]
    fresh = [{"matter": matter, "person": who, "at": now, "by_link": by_link} for matter in matters]
    first = await insert_new(connection, acknowledgement, fresh) > 0
    await connection.execute(update(notice).where(notice.c.matter.in_(matters)).values(next_at=None))
    stored = (
        await connection.execute(
            select(acknowledgement).where(acknowledgement.c.matter.in_(matters)).order_by(acknowledgement.c.at).limit(1)
        )
    ).first()
    by, at = (stored.person, stored.at) if stored is not None else (who, now)
    return Acknowledged(row.subject, row.language, by, at, first)
