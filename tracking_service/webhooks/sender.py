"""Send what waits in the outbox of webhooks: signed, each order's messages one after the other, again until it is taken."""

import email.utils
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import httpx
import structlog
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline import __version__
from plumbline.backoff import delay_s
from plumbline.patience import Patience
from tracking_service.leaving import noted, said, side_by_side, to_its_end
from tracking_service.polled import Polled
from tracking_service.webhooks.address import Network, Target, WebhookRefusedError, addresses, parse
from tracking_service.webhooks.signature import headers
from tracking_service.webhooks.tables import delivery, webhook

_log = structlog.get_logger()

_SECOND: Final = 1_000_000_000
#: A receiver has so long to answer; it should take the message and work on it later.
ANSWER_S: Final = 15.0
#: A claimed message that nobody recorded is free again after this.
LEASE_NS: Final = 90 * _SECOND
#: What was claimed and not sent by then is left to the next claim: the process stood still.
_MARGIN_NS: Final = 70 * _SECOND
#: An address that does not even take a connection leaves time for the next one.
_CONNECT_S: Final = 4.0
#: Tries before a message is dead: with the back-off, about three days.
MAX_ATTEMPTS: Final = 28
#: What was taken is kept so long.
KEPT_NS: Final = 30 * 24 * 3600 * _SECOND
_FORGET_EVERY_NS: Final = 3600 * _SECOND
_FIRST_S: Final = 5.0
_CAP_S: Final = 6 * 3600.0
_AT_ONCE: Final = 16
#: What is kept of an answer that is no yes.
_ANSWER_BYTES: Final = 500
_GONE: Final = 410
#: Of the addresses of a host so many are tried.
_TRIED: Final = 3


class Answer(NamedTuple):
    """How a try ended."""

    taken: bool
    status: int | None
    why: str | None
    wait_s: float | None = None
    """What the receiver asked for (`Retry-After`)."""


class Webhooks:
    """The sender.

    Args:
        engine: the database with the outbox.
        allowed: networks that are not public and may be called all the same; plain HTTP goes nowhere else.
        poll_s: how long a message waits at most when nobody says `wake`.
        max_attempts: tries before a message is dead.
        now_ns: UTC, ns.
        chance: draws the jitter of the back-off, in [0, 1).
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        allowed: Sequence[Network] = (),
        poll_s: float = 2.0,
        max_attempts: int = MAX_ATTEMPTS,
        now_ns: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self.allowed = allowed
        self._polled = Polled("webhooks", self._work, poll_s=poll_s, chance=chance)
        self._max_attempts = max_attempts
        self._now_ns = now_ns
        self._chance = chance
        self._forgot = 0

    def wake(self) -> None:
        """Say that messages may be waiting. Call from the event loop's thread."""
        self._polled.wake()

    async def run(self) -> None:
        """Send until cancelled. A database that is away is waited for."""
        await self._polled.run()

    async def _work(self) -> None:
        while await self.send():
            pass
        await self._forget()

    async def _forget(self) -> None:
        """Drop what was taken long ago."""
        now = self._now_ns()
        if 0 <= now - self._forgot < _FORGET_EVERY_NS:
            return
        self._forgot = now
        over = (delivery.c.state == "sent") & (delivery.c.created_at < now - KEPT_NS)
        async with self._reader.connect() as connection:
            if (await connection.execute(select(delivery.c.id).where(over).limit(1))).first() is None:
                return
        async with self._engine.begin() as connection:
            await connection.execute(delete(delivery).where(over))

    async def send(self) -> int:
        """Send the next message of every lane that is due; returns how many were tried."""
        claimed_at = self._now_ns()
        claimed = await self._claim(claimed_at)
        await side_by_side(to_its_end(self._deliver(row, claimed_at)) for row in claimed)
        return len(claimed)

    async def _claim(self, now: int) -> list[Row[Any]]:
        waiting = delivery.c.state == "waiting"
        on = delivery.c.webhook.in_(select(webhook.c.id).where(webhook.c.enabled))
        heads = select(func.min(delivery.c.id)).where(waiting, on).group_by(delivery.c.webhook, delivery.c.lane)
        due = waiting & delivery.c.id.in_(heads) & (delivery.c.next_attempt_at <= now)
        async with self._reader.connect() as connection:
            if (await connection.execute(select(delivery.c.id).where(due).limit(1))).first() is None:
                return []
        async with self._engine.begin() as connection:
            statement = (
                select(delivery, webhook.c.url, webhook.c.secret, webhook.c.old_secret, webhook.c.old_until)
                .join(webhook, webhook.c.id == delivery.c.webhook)
                .where(due)
                .order_by(delivery.c.next_attempt_at)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True, of=delivery)
            )
            rows: list[Row[Any]] = list(await connection.execute(statement))
            leased = {"next_attempt_at": now + LEASE_NS, "attempts": delivery.c.attempts + 1}
            await connection.execute(update(delivery).where(delivery.c.id.in_([row.id for row in rows])).values(leased))
        return rows

    async def _deliver(self, row: Row[Any], claimed_at: int) -> None:
        now = self._now_ns()
        if now - claimed_at > LEASE_NS - _MARGIN_NS:
            return
        attempt = row.attempts + 1
        old = [row.old_secret] if row.old_secret is not None and (row.old_until or 0) > now else []
        answer = await self.post(row.url, row.message, row.body.encode(), [row.secret, *old])
        log = _log.bind(webhook=row.webhook, message=row.message, attempt=attempt, status=answer.status)
        why = said(answer.why) if answer.why is not None else None
        values: dict[str, Any] = {"status": answer.status, "last_error": why}
        ours = (delivery.c.id == row.id) & (delivery.c.state == "waiting")
        if answer.taken:
            values |= {"state": "sent", "sent_at": self._now_ns()}
            log.info("tracking.webhook.sent")
        else:
            dead = attempt >= self._max_attempts
            back_off = delay_s(attempt, self._chance, first_s=_FIRST_S, cap_s=_CAP_S)
            wait = max(back_off, min(answer.wait_s or 0.0, _CAP_S))
            values |= {"state": "dead" if dead else "waiting", "next_attempt_at": self._now_ns() + int(wait * _SECOND)}
            ours &= delivery.c.attempts == attempt  # else the lease was over, and somebody else is at it
            log.warning("tracking.webhook.dead" if dead else "tracking.webhook.failed", error=why)

        async def write() -> None:
            async with self._engine.begin() as connection:
                await connection.execute(update(delivery).where(ours).values(values))
                if answer.status == _GONE:
                    gone = {"enabled": False, "why_disabled": "the receiver said 410 Gone; turn it on again to try"}
                    await connection.execute(update(webhook).where(webhook.c.id == row.webhook).values(gone))

        await noted("webhooks", write, self._chance)

    async def post(self, url: str, message: str, body: bytes, keys: Sequence[str]) -> Answer:
        """Send one message once. Never raises for what the receiver does."""
        try:
            target = parse(url)
            told = headers(message, self._now_ns() // _SECOND, body, keys)
            async with Patience(ANSWER_S):
                found = await addresses(target, self.allowed)
                failed: list[str] = []
                for address in found[:_TRIED]:
                    try:
                        return await _post(target, address, body, told)
                    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                        failed.append(f"{address}: {error or f'no connection within {_CONNECT_S:.0f} s'}")
                return Answer(False, None, f"no connection to {target.host} ({'; '.join(failed)})"[:_ANSWER_BYTES])
        except WebhookRefusedError as error:
            return Answer(False, None, str(error))
        except TimeoutError:
            return Answer(False, None, f"no answer within {ANSWER_S:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Answer(False, None, f"{type(error).__name__}: {error}"[:_ANSWER_BYTES])


async def _post(target: Target, address: str, body: bytes, told: Mapping[str, str]) -> Answer:
    """The connection goes to the address that was checked; name and certificate are still the host's.

    Certificates are checked against the machine's own store (`SSL_CERT_FILE`): a company's authority counts too.
    """
    host = f"[{address}]" if ":" in address else address
    to = f"{'https' if target.secure else 'http'}://{host}:{target.port}{target.path}"
    sent = {"host": target.authority, "content-type": "application/json", "user-agent": f"Plumbline/{__version__}", **told}
    limits = httpx.Timeout(None, connect=_CONNECT_S)  # the whole has its own, in which a standstill of ours does not count
    async with (
        httpx.AsyncClient(
            verify=ssl.create_default_context(), trust_env=False, follow_redirects=False, timeout=limits
        ) as client,
        client.stream("POST", to, content=body, headers=sent, extensions={"sni_hostname": target.host}) as response,
    ):
        return await _answer(response)


async def _answer(response: httpx.Response) -> Answer:
    if response.is_success:
        return Answer(True, response.status_code, None)
    said = b""
    async for chunk in response.aiter_raw(_ANSWER_BYTES):
        said += chunk
        if len(said) >= _ANSWER_BYTES:
            break
    text = " ".join(said[:_ANSWER_BYTES].decode("utf-8", "replace").split())
    why = f"the receiver said {response.status_code} {text}".strip()
    if response.is_redirect:
        why = f"the receiver said {response.status_code}: redirects are not followed; give the webhook its new URL"
    return Answer(False, response.status_code, why[:2000], _retry_after(response.headers.get("retry-after")))


def _retry_after(told: str | None) -> float | None:
    """Seconds (RFC 9110, 10.2.3): a number, or a date."""
    if told is None:
        return None
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
