"""The agent of a gateway: everything is built and wired here.

reader → supervisor → Agent.take (filters, header, refusals) → outbox → uplink → ingest
                                                                  ▲──── watermark ────┘
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from edge_agent.channel import Channel
from edge_agent.config import Config, ReaderEntry
from edge_agent.expected import AnyOf, Expected
from edge_agent.fleet import RemoteConfig, Versions
from edge_agent.health import HealthReport
from edge_agent.notify import Notify, feed
from edge_agent.outbox import Outbox, OutboxError
from edge_agent.page import Page
from edge_agent.reader import Capture, Context, Reader
from edge_agent.runs import begun, ended
from edge_agent.stall import StallWatch
from edge_agent.supervisor import Supervisor
from edge_agent.timekeeper import RECEIVERS, Timekeeper
from edge_agent.uplink import Uplink
from edge_agent.verdict import Desk, Verdict
from plumbline import fleet, topics
from plumbline.clock import EventClock
from plumbline.complete import Completer
from plumbline.errors import CodecError, SettingsError
from plumbline.event import CLASSES, Event, Health, Scan
from plumbline.filters import REMEMBERED, Filters
from plumbline.fleet import GatewayStatus
from plumbline.lock import exclusive

_log = structlog.get_logger(__name__)

#: How long a stop waits for ingest to commit what is still waiting, and for readers to close their devices.
DRAIN_S: Final = 3.0
CLOSE_S: Final = 2.0
_FLUSH_EVERY_S: Final = 1.0


class Agent:
    """One gateway's agent.

    Args:
        config: checked configuration.
        clock: stamps the events.
        drain_s: how long a stop waits for ingest to commit what is still waiting.
        versions: of the configuration file, where the server may change it.
        notify: the way to systemd.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: EventClock | None = None,
        drain_s: float = DRAIN_S,
        versions: Versions | None = None,
        notify: Notify | None = None,
    ) -> None:
        self._config = config
        self._versions = versions
        self._notify = notify or Notify({})
        self.restart = False
        """Set when `run` has ended for a new configuration: it is to be loaded and run."""
        self._drain_s = drain_s
        self._completer = Completer(site=config.site, gateway=config.gateway, clock=clock)
        self.channel = Channel()
        """What server and gateway tell each other besides events; who listens says so before `run`."""
        self._filters = Filters()
        self._flushed: deque[Capture] = deque(maxlen=REMEMBERED)
        self._refused = 0
        self._expected = None if config.expected is None else Expected(config.expected)
        self.outbox = Outbox(
            config.data / "outbox.db",
            site=config.site,
            gateway=config.gateway,
            fsync={"business": config.outbox.fsync.business, "telemetry": config.outbox.fsync.telemetry},
            history_bytes=config.outbox.history_bytes,
            max_bytes=config.outbox.max_bytes,
        )
        self.desk = Desk(config.data, site=config.site, outbox=self.outbox)
        """Answers scans."""
        self.channel.listen(self.desk.topic, self.desk.hear)
        self.page = Page(
            config.page,
            site=config.site,
            gateway=config.gateway,
            desk=self.desk,
            channel=self.channel,
            outbox=self.outbox,
            take=self.take,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then drain and close.

        Raises `LockedError` where another agent holds the data folder, `OutboxError` where the outbox cannot be opened
        and `SettingsError` where a reader refuses its settings.
        """
        with exclusive(self._config.data, "agent"):
            async with StallWatch(), self.outbox, self.desk:
                await self._run(stop)
        _log.info("agent.stopped", gateway=self._config.gateway)

    async def _run(self, stop: asyncio.Event) -> None:
        config = self._config
        keeper = Timekeeper(
            self._completer.clock,
            outbox=self.outbox,
            data=config.data,
            channel=self.channel,
            receives=any(entry.type in RECEIVERS for entry in config.readers),
        )
        await keeper.begin()
        uplink = Uplink(self.outbox, server=config.server, settings=config.uplink, channel=self.channel, hold_s=keeper.hold_s)
        supervisor = Supervisor(self.take, trip_after=config.supervisor.trip_after, open_s=config.supervisor.open_s)
        for entry in config.readers:
            supervisor.add(entry.name, self._build(entry, partial(supervisor.report, entry.name)))
        runs = begun(config.data)
        report = HealthReport(
            data=config.data,
            outbox=self.outbox,
            supervisor=supervisor,
            link=uplink,
            channel=self.channel,
            runs=runs,
            refused=lambda: self._refused,
            time_known=keeper.health,
            expected=self._expected,
            answers=lambda: {"manifest": self.desk.text(), "page": self.page.text()},
        )
        remote = None if self._versions is None else self._remote(self._versions, report, stop)
        names = [entry.name for entry in config.readers]
        _log.info("agent.started", site=config.site, gateway=config.gateway, readers=names, epoch=self.outbox.epoch)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(uplink.run(), name="uplink")
            reading = group.create_task(supervisor.run(), name="supervisor")
            health = group.create_task(self._health(report, remote), name="health")
            flushing = group.create_task(self._flush(), name="filters")
            expecting = group.create_task(self._watch_expected(), name="expected")
            keeping = group.create_task(keeper.run(), name="timekeeper")
            following = [group.create_task(self.page.run(), name="page")]
            if remote is not None:
                following.append(group.create_task(remote.run(), name="remote-config"))

            async def lives() -> bool:
                with contextlib.suppress(OutboxError):  # the disk's trouble, which is told elsewhere: its thread answers
                    await self.outbox.append(())
                return not reading.done() or not config.readers

            feeding = group.create_task(feed(self._notify, lives=lives, status=report.summary), name="watchdog")
            self._notify.ready(report.summary())
            await stop.wait()
            if not self.restart:
                self._notify.stopping()
            for task in (feeding, *following):
                task.cancel()
            expecting.cancel()
            _log.info("agent.stopping", waiting=sum(self.outbox.stream(name).pending for name in CLASSES))
            reading.cancel()
            health.cancel()
            flushing.cancel()
            await asyncio.wait([reading], timeout=CLOSE_S)
            await self._flush_at(math.inf)
            keeping.cancel()
            keeper.save()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0 if self.restart else self._drain_s):  # who begins anew sends it in a moment
                    await uplink.drained()
            uplink.stop()
            if uplink.connected:  # otherwise nobody hears a goodbye
                await asyncio.wait([sending], timeout=CLOSE_S)
            sending.cancel()
        ended(config.data, runs)

    async def take(self, capture: Capture) -> Verdict | None:
        """Complete a capture and keep it; returns when it is safe, with the answer to a scan. Raises `OutboxError`.

        What no one could read on the other side is refused and logged: it must not stop the device's next message.
        """
        ended, own = self._filters.take(capture, time.monotonic())
        try:
            return await self._keep([*ended, *([own] if own else [])])
        except BaseException:
            self._flushed.extend(ended)
            self._filters.forget(capture.device)  # the device will say it again, and must not be held back then
            raise

    async def _keep(self, captures: Iterable[Capture]) -> Verdict | None:
        """Keep them all; returns the answer to the last scan."""
        events = [event for capture in captures if (event := self._completed(capture)) is not None]
        answers: list[tuple[Scan, Verdict]] = []
        for at, event in enumerate(events):
            if isinstance(event, Scan):
                verdict = self.desk.judge(event)
                events[at] = scan = replace(event, verdict=verdict.kind)
                answers.append((scan, verdict))
        try:
            if events:
                await self.outbox.append(events)
        except BaseException:
            for scan, _ in answers:
                self.desk.withdraw(scan)
            raise
        for scan, verdict in answers:
            self.desk.kept(scan, verdict)
        return answers[-1][1] if answers else None

    def _completed(self, capture: Capture) -> Event | None:
        try:
            return self._completer.complete(capture)
        except (CodecError, TypeError, ValueError) as error:
            self._refused += 1
            _log.error(
                "agent.refused", device=capture.device, error=str(error), check="what this device sends, and its profile"
            )
            return None

    async def _flush(self) -> None:
        """Send on what the filters' windows and intervals have held, as they end."""
        while True:
            await asyncio.sleep(_FLUSH_EVERY_S)
            await self._flush_at(time.monotonic())

    async def _flush_at(self, mono_s: float) -> None:
        self._flushed.extend(self._filters.flush(mono_s))
        try:
            await self._keep(self._flushed)
        except OutboxError as error:
            _log.error("agent.flush", waiting=len(self._flushed), error=str(error))
        else:
            self._flushed.clear()

    def _build(self, entry: ReaderEntry, report: Callable[[str, str], None]) -> Reader:
        folder = self._config.data / "readers" / entry.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{folder}: cannot be made ({error.strerror}); check 'data' and who owns it") from None
        context = Context(
            profiles=self._config.profiles,
            base=self._config.path.parent,
            data=folder,
            expected=self.desk if self._expected is None else AnyOf(self._expected, self.desk),
            report=report,
        )
        return entry.build(entry.name, entry.settings, context)

    async def _watch_expected(self) -> None:
        """Read the file of what is expected whenever it changes."""
        if (expected := self._expected) is None:
            return

        def say(fault: str | None) -> None:
            if fault is None:
                _log.info("agent.expected", file=str(expected.path), values=expected.count)
            else:
                _log.warning("agent.expected", error=fault)

        say(expected.fault)
        await expected.watch(say)

    async def _health(self, report: HealthReport, remote: RemoteConfig | None) -> None:
        """Say how the gateway is, now and every `health.every_s`."""
        site, gateway = self._config.site, self._config.gateway
        while True:
            said = await report.gather()
            try:
                await self.take(Capture(gateway, partial(Health, values=said.values, readers=said.readers, texts=said.texts)))
            except OutboxError as error:
                _log.error("agent.health", error=str(error))
            status = GatewayStatus(
                site=site, gateway=gateway, at=time.time_ns(), values=said.values, readers=said.readers, texts=said.texts
            )
            self.channel.post(topics.status(site, gateway), fleet.encode(status))
            if remote is not None:
                remote.beat()
            await asyncio.sleep(self._config.health.every_s)

    def _remote(self, versions: Versions, report: HealthReport, stop: asyncio.Event) -> RemoteConfig:
        def restart() -> None:
            self.restart = True
            stop.set()

        remote = RemoteConfig(
            site=self._config.site,
            gateway=self._config.gateway,
            versions=versions,
            settings=self._config.remote,
            channel=self.channel,
            readers=report.readers,
            restart=restart,
        )
        report.config = remote.text
        return remote
