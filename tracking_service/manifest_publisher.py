"""Publishes each site's manifest: at every connection, and whenever something in it has changed.

A changed manifest waits for company: the next one goes out only when the gateways' links have had time for the last
(`pause_s`). Versions never go back: they grow with the clock, and past whatever of our epoch the broker still holds, so
that a database restored from a backup is not taken for an old message.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline import manifest, topics
from plumbline.address import Address
from plumbline.backoff import delay_s
from plumbline.compression import compressed
from plumbline.errors import CodecError, MqttError
from plumbline.ids import new_epoch
from plumbline.manifest import Content, Manifest
from plumbline.mqtt import Connection, Version, keep_connected
from plumbline.site import SiteFile
from tracking_service.manifest import content
from tracking_service.tables import insert_new, orders, site_manifest

_log = structlog.get_logger()

#: How often a look is taken for orders that another process imported.
_LOOK_EVERY_S: Final = 10.0
#: What all manifests of a site may take of a gateway's link, on average.
_BYTES_PER_S: Final = 20_000
_LEAST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 120.0


def pause_s(size: int) -> float:
    """How long the next manifest waits after one of `size` bytes: 1 s up to 20 kB, 10 s after 200 kB, 2 minutes at most."""
    return min(max(size / _BYTES_PER_S, _LEAST_PAUSE_S), _LONGEST_PAUSE_S)


class ManifestPublisher:
    """Keeps the retained manifests true.

    Args:
        engine: tracking's database.
        sites: whose manifests are published, with their people and machines.
        broker: URL of the broker.
        version: what it speaks.
        client_id: our name there; absent: one of our own, so that services side by side do not push each other out.
        now_ns: UTC, ns.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        sites: Mapping[str, SiteFile],
        broker: str,
        version: Version = "5",
        client_id: str | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._sites = sites
        self._address = Address.parse(broker)
        self._version: Version = version
        self._client_id = client_id or f"plumbline-tracking-{new_epoch()}"
        self._now_ns = now_ns
        self._dirty: set[str] = set(sites)
        self._woken = asyncio.Event()
        self._above: dict[str, int] = {}
        self._told: dict[str, tuple[str, int]] = {}
        self._due: dict[str, float] = {}
        self._listened: set[str] = set()

    def changed(self, numbers: Collection[str]) -> None:
        """These orders moved. Call from the event loop's thread."""
        if numbers:
            self._stir()

    async def run(self) -> None:
        """Publish until cancelled; a broker or a database that is away is waited for."""

        def connection() -> Connection:
            return Connection(address=self._address, client_id=self._client_id, version=self._version)

        def failed(error: MqttError, wait_s: float) -> None:
            _log.warning("tracking.manifest.offline", error=str(error), next_try_s=round(wait_s, 1))

        await keep_connected(connection, self._session, on_failure=failed)

    def _stir(self) -> None:
        self._dirty.update(self._sites)  # what moves on one site may belong to the codes that another calls 'elsewhere'
        self._woken.set()

    async def _session(self, connection: Connection) -> None:
        self._told.clear()  # the broker may have lost what it held
        self._stir()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(connection), name="tracking-manifest-hear")
            tasks.create_task(self._look(), name="tracking-manifest-look")
            self._listened.clear()
            for site in self._sites:
                await self._listen(connection, site)
            await self._publish(connection)

    async def _listen(self, connection: Connection, site: str) -> None:
        if site not in self._listened:
            await connection.subscribe(topics.manifest(site))
            self._listened.add(site)

    async def _hear(self, connection: Connection) -> None:
        """Learn what the broker holds: a version of our epoch above ours means that our database was set back."""
        async for message in connection.messages():
            message.ack()
            site = next((site for site in self._sites if topics.manifest(site) == message.topic), None)
            if site is None:
                continue
            try:
                held = await asyncio.to_thread(manifest.decode, message.payload, site=site)
            except CodecError as error:
                _log.warning("tracking.manifest.foreign", site=site, error=str(error))
                self._told.pop(site, None)
                self._stir()
                continue
            if (held.epoch, held.version) == self._told.get(site):
                continue
            if not message.retain:
                self._heard_other(site, held)
            elif held.version > self._above.get(site, 0):
                self._above[site] = held.version
                self._stir()

    def _heard_other(self, site: str, held: Manifest) -> None:
        """Another service spoke. One on our database has our epoch and takes its versions from there, so the higher one stands."""
        epoch, version = self._told.get(site, (held.epoch, 0))
        if held.epoch != epoch:
            _log.error("tracking.manifest.rival", site=site, check="that services of one database alone publish on this broker")
        elif held.version > version:
            self._told[site] = (held.epoch, held.version)
        else:
            self._told.pop(site)
            self._stir()

    async def _look(self) -> None:
        """Notice orders that another process imported, and site files that changed."""
        before: Any = None
        while True:
            try:
                async with self._reader.connect() as connection:
                    statement = select(func.count(), func.max(orders.c.imported_at)).select_from(orders)
                    now = (*(await connection.execute(statement)).one(), *self._sites.values())
            except (SQLAlchemyError, OSError) as error:
                _log.warning("tracking.manifest.database_unavailable", error=str(error))
            else:
                if now != before:
                    self._stir()
                before = now
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _publish(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            self._woken.clear()
            due = {site: max(self._due.get(site, 0.0) - loop.time(), 0.0) for site in self._dirty}
            wait_s = min(due.values(), default=None)
            if wait_s != 0.0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()
                continue
            site = min(due, key=due.__getitem__)
            self._dirty.discard(site)
            if site not in self._sites:
                continue
            await self._listen(connection, site)
            try:
                size = await self.publish(connection, site)
                failures = 0
            except (SQLAlchemyError, OSError) as error:
                failures += 1
                pause = delay_s(failures, random.random)
                _log.warning("tracking.manifest.database_unavailable", error=str(error), retry_in_s=round(pause, 1))
                self._dirty.add(site)
                self._due[site] = loop.time() + pause
                continue
            self._due[site] = loop.time() + pause_s(size)

    async def publish(self, connection: Connection, site: str) -> int:
        """Publish the manifest of `site` if it says something new to this broker; returns the bytes sent."""
        async with self._reader.connect() as reading:
            found = await content(reading, site, self._sites.get(site))
        digest = await asyncio.to_thread(manifest.digest_of, found)
        async with self._engine.begin() as writing:
            epoch, version, at = await self._numbered(writing, site, digest)
        if self._told.get(site) == (epoch, version):
            return 0
        whole = _named(found, site=site, epoch=epoch, version=version, digest=digest, at=at)
        payload = await asyncio.to_thread(lambda: compressed(manifest.encode(whole)))
        if len(payload) > manifest.MAX_MESSAGE_BYTES:
            _log.error(
                "tracking.manifest.too_large",
                site=site,
                bytes=len(payload),
                check=f"it may have {manifest.MAX_MESSAGE_BYTES}; gateways keep the last one: remove orders that are finished",
            )
            return len(payload)
        self._told[site] = (epoch, version)
        await connection.publish(topics.manifest(site), payload, retain=True)
        _log.debug("tracking.manifest.published", site=site, version=version, bytes=len(payload))
        return len(payload)

    async def _numbered(self, connection: AsyncConnection, site: str, digest: str) -> tuple[str, int, int]:
        """Epoch, version and time of the manifest with this digest: those it has, or new ones."""
        here = select(site_manifest).where(site_manifest.c.site == site).with_for_update()
        known = (await connection.execute(here)).first()
        if known is None:  # of services that begin at once one gives the epoch; the others wait here for it
            first = {"site": site, "epoch": new_epoch(), "version": 0, "digest": "", "at": 0}
            await insert_new(connection, site_manifest, [first])
            known = (await connection.execute(here)).one()
        above = self._above.get(site, 0)
        if known.digest == digest and known.version >= above:
            return known.epoch, known.version, known.at
        now = self._now_ns()
        version = max(now // 1_000_000, above + 1, known.version + 1)
        values = {"version": version, "digest": digest, "at": now}
        await connection.execute(update(site_manifest).where(site_manifest.c.site == site).values(values))
        return known.epoch, version, now


def _named(found: Content, *, site: str, epoch: str, version: int, digest: str, at: int) -> Manifest:
    values = {name: getattr(found, name) for name in Content.__struct_fields__}
    return Manifest(site=site, epoch=epoch, version=version, digest=digest, at=at, **values)
