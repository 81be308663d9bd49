"""The uplink as the agent knows it: it stays connected to the best broker there is, and serves each connection."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

import structlog

from edge_agent.channel import Channel
from edge_agent.config import Server, UplinkSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink.canary import CanaryLostError, CanaryWatch
from edge_agent.uplink.lanes import Lanes
from edge_agent.uplink.servers import Place, Servers
from edge_agent.uplink.session import Session, presence
from plumbline import topics
from plumbline.address import Address
from plumbline.backoff import CAP_S, delay_s
from plumbline.errors import MqttError, MqttRefusedError, first_of
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Connection, Tls, Will

_log = structlog.get_logger(__name__)

#: A connection that held so long was no mistake: the next one is tried at once. (Two gateways of one name throw each other
#: out faster than that.)
_STEADY_S: Final = 5.0


class Uplink:
    """The way from one outbox to ingest.

    Args:
        outbox: what to send.
        server: brokers in order of preference.
        settings: batches, window, resending, backlog.
        client_id: this gateway's name at the broker.
        channel: what else is said and heard on the same connection.
        chance: gives a number in [0, 1): jitter.
        hold_s: how long events of a class are still to wait (`Timekeeper.hold_s`).
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        server: Server,
        settings: UplinkSettings,
        client_id: str | None = None,
        channel: Channel | None = None,
        chance: Callable[[], float] = random.random,
        hold_s: Callable[[EventClass], float] | None = None,
    ) -> None:
        self._outbox = outbox
        self._channel = channel or Channel()
        self._server = server
        self._settings = settings
        self._chance = chance
        self._client_id = client_id or f"plumbline-{outbox.site}-{outbox.gateway}"
        addresses = [Address.parse(url) for url in server.brokers]
        self._servers = Servers(addresses, home_every_s=server.home_every_s, chance=chance)
        linger = settings.linger_ms
        self._lanes = Lanes(
            outbox,
            linger_s={"business": linger.business / 1000, "telemetry": linger.telemetry / 1000},
            window=settings.window,
            few=settings.batch_events,
            few_bytes=settings.batch_bytes,
        )
        if hold_s is not None:
            self._lanes.hold_s = hold_s
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._session: Session | None = None
        self._place: Place | None = None
        self._resent = 0
        self._changed: asyncio.Future[None] | None = None
        self._trouble: str | None = None
        self._since_ns = time.time_ns()
        self.connections = 0
        """How often a connection was made."""
        self._canaries_lost = 0
        outbox.when_appended(self._appended)

    async def run(self) -> None:
        """Stay connected and send, until `stop`."""
        attempt = 0
        while not self._stopping.is_set():
            error, held_s = await self._round()
            if error is None:
                attempt = 0
                continue
            attempt = 1 if held_s > _STEADY_S else attempt + 1
            wait_s = delay_s(attempt, self._chance)
            self._trouble = str(error)
            _log.warning("uplink.offline", error=str(error), next_try_s=round(wait_s, 1))
            await self._pause(wait_s)

    def stop(self) -> None:
        """Say goodbye and end; what is not sent stays in the outbox."""
        self._stopping.set()
        if self._session is not None:
            self._session.end()

    async def drained(self) -> None:
        """Return when ingest holds everything; at once where there is no connection to wait for."""
        while self.connected and any(self._outbox.stream(name).pending for name in CLASSES):
            changed = self._changed = asyncio.get_running_loop().create_future()
            await changed

    def _appended(self) -> None:
        self._lanes.note(asyncio.get_running_loop().time())
        self._wake.set()

    # What health says.

    @property
    def connected(self) -> bool:
        """Whether a broker has taken our birth on the connection of now."""
        return self._session is not None

    @property
    def resent(self) -> int:
        """Batches sent again because no watermark covered them in time."""
        return self._resent + (self._session.sender.resent if self._session is not None else 0)

    @property
    def canaries_lost(self) -> int:
        """Canaries that did not come back: connections that were made anew for it."""
        return self._canaries_lost

    @property
    def rank(self) -> int | None:
        """Which broker of the list we are at, 0 the preferred one; `None` offline."""
        return None if self._place is None or not self.connected else self._place.rank

    @property
    def ingest_silent_s(self) -> float:
        """How long ingest has answered nothing although a broker has batches for it; 0: it owes no answer."""
        return self._lanes.silent_s(asyncio.get_running_loop().time())

    def text(self) -> str:
        """One sentence for people: where the link stands, and what to check."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._since_ns // 10**9))
        if self._session is None or self._place is None:
            return f"offline since {since}: {self._trouble or 'no broker answered yet'}"
        place = str(self._place.address)
        silent_s = self.ingest_silent_s
        if silent_s > 2 * self._settings.resend_after_s:
            begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - silent_s))
            return f"ingest silent since {begin}, the broker {place} answers; check that ingest runs"
        if self._session.unproven is not None:
            return f"online at {place} without proof of the subscription: {self._session.unproven}"
        return f"online at {place}" + (f", the {self._place.rank + 1}. of the list" if self._place.rank else "")

    # Connections.

    async def _round(self) -> tuple[MqttError | None, float]:
        """Try every broker once, and serve the first that takes us.

        Returns what ended that (`None`: there is nothing to wait for), and for how many seconds we were connected.
        """
        loop = asyncio.get_running_loop()
        error: MqttError | None = None
        for place in self._servers.order(loop.time()):
            if self._stopping.is_set():
                break
            begin = loop.time()
            try:
                served, error = await self._serve(place)
            finally:
                self._leave()
            held_s = loop.time() - begin
            if error is None:
                return None, held_s
            self._servers.held(place, held_s)
            if not served or held_s < CAP_S or isinstance(error, CanaryLostError):
                self._servers.failed(place, loop.time())
            if served:
                return error, held_s
            _log.info("uplink.refused", broker=str(place.address), error=str(error))
        return (None if self._stopping.is_set() else error), 0.0

    async def _serve(self, place: Place) -> tuple[bool, MqttError | None]:
        """Connect and serve; returns whether we were online, and what ended it (`None`: we did)."""
        served = False
        failure: MqttError | None = None

        def online() -> None:
            nonlocal served
            served = True
            self._session, self._place = session, place
            self._since_ns = time.time_ns()
            self.connections += 1
            if self._stopping.is_set():
                session.end()
            _log.info("uplink.online", broker=str(place.address), epoch=self._lanes.epoch)

        try:
            async with self._connection(place.address) as connection:
                session = self._session_on(connection, place)
                async with asyncio.TaskGroup() as group:
                    homing = group.create_task(self._look_home(place, session), name="uplink-home")
                    await session.run(online)
                    homing.cancel()
        except* MqttError as group:
            failure = first_of(group)
        if isinstance(failure, CanaryLostError):
            self._canaries_lost += 1
        return served, failure

    def _leave(self) -> None:
        if self._session is not None:
            self._resent += self._session.sender.resent
            self._since_ns = time.time_ns()
        self._session = None
        self._tell()

    def _tell(self) -> None:
        self._wake.set()
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _connection(self, address: Address, *, suffix: str = "") -> Connection:
        will = None
        if not suffix:
            topic = topics.presence(self._outbox.site, self._outbox.gateway)
            will = Will(topic, presence(self._outbox, online=False))
        return Connection(
            address=address,
            client_id=self._client_id + suffix,
            version=self._server.version,
            keepalive_s=self._server.keepalive_s,
            will=will,
            tls=Tls(self._server.ca_file, self._server.cert_file, self._server.key_file),
        )

    def _session_on(self, connection: Connection, place: Place) -> Session:
        return Session(
            connection,
            place=place,
            outbox=self._outbox,
            lanes=self._lanes,
            settings=self._settings,
            channel=self._channel,
            wake=self._wake,
            told=self._tell,
        )

    # Going home.

    async def _look_home(self, place: Place, session: Session) -> None:
        """On a lesser broker: try the better ones from time to time, and end the session where one works."""
        now = asyncio.get_running_loop().time
        while (wait_s := self._servers.better_in_s(place, now())) is not None:
            await asyncio.sleep(wait_s)
            better = self._servers.better(place, now())
            if better is None:
                continue
            error = await self._trial(better)
            if error is None:
                _log.info("uplink.going_home", broker=str(better.address), leaving=str(place.address))
                self._servers.works(better, now())
                session.end()
                return
            _log.info("uplink.not_home_yet", broker=str(better.address), error=str(error))
            self._servers.failed(better, now())

    async def _trial(self, place: Place) -> MqttError | None:
        """Whether a broker takes us and brings a canary back; beside the session, under a name of its own."""
        failure: MqttError | None = None
        try:
            async with self._connection(place.address, suffix="-trial") as connection:
                canary = CanaryWatch(
                    connection,
                    site=self._outbox.site,
                    gateway=self._outbox.gateway,
                    every_s=0.0,
                    patience_s=self._settings.canary_patience_s,
                )
                async with asyncio.TaskGroup() as group:
                    hearing = group.create_task(canary.listen(), name="uplink-trial")
                    await canary.subscribe()
                    await canary.prove()
                    hearing.cancel()
        except* MqttError as group:
            failure = first_of(group)
        if isinstance(failure, MqttRefusedError) or (isinstance(failure, CanaryLostError) and not place.proven):
            return None  # its access rules know no canary: that it takes us must do
        return failure
