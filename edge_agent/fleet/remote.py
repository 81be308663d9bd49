"""Follows the desired configuration while the agent runs: checks it, tries it, judges it, and reports."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import structlog

from edge_agent.channel import Channel
from edge_agent.config import RemoteSettings
from edge_agent.fleet.validate import completed, mistakes_in
from edge_agent.fleet.versions import Versions
from plumbline import __version__, fleet, topics
from plumbline.errors import CodecError
from plumbline.fleet import DesiredConfig, PastConfig, ReportedConfig
from plumbline.patience import Patience
from plumbline.secrets import hidden, hidden_file

_log = structlog.get_logger(__name__)

_LONGEST: Final = 256
_AGAIN_S: Final = 10.0


def trouble(*, connected: bool, waited_s: float, well: tuple[str, ...], lines: Mapping[str, str]) -> str | None:
    """Why a configuration on probation has not proved healthy; `None` where it has.

    `well` are the readers that were well before, `lines` the present ones (`ok…`, or what is wrong).
    """
    if not connected:
        return f"no server was reached within {waited_s:g} s; check server.brokers, user and password"
    worse = [f"reader '{name}' was well before and now fails: {lines[name]}" for name in well if _fails(lines.get(name))]
    return "; ".join(worse) or None


def _fails(line: str | None) -> bool:
    return line is not None and line != "ok" and not line.startswith("ok;")


class RemoteConfig:
    """Of one running agent.

    Args:
        site: of this gateway.
        gateway: of this gateway.
        versions: what is on disk.
        settings: whether at all, and how long a probation lasts.
        channel: where desired comes and reported goes.
        readers: a health line for each reader.
        restart: ends the agent and starts it again with what the file says then.
    """

    def __init__(
        self,
        *,
        site: str,
        gateway: str,
        versions: Versions,
        settings: RemoteSettings,
        channel: Channel,
        readers: Callable[[], Mapping[str, str]],
        restart: Callable[[], None],
    ) -> None:
        self._site = site
        self._gateway = gateway
        self._versions = versions
        self._settings = settings
        self._channel = channel
        self._readers = readers
        self._restart = restart
        self._wanted: DesiredConfig | None = None
        self._wake = asyncio.Event()
        self._told: Mapping[str, bool] = {}
        if settings.enabled:
            channel.listen(topics.desired(site, gateway), self._hear)

    async def run(self) -> None:
        """Judge the trial, where there is one; then follow what is desired."""
        self.report()
        if self._versions.record.trial is not None:
            await self._probation()
        while True:
            await self._wake.wait()
            self._wake.clear()
            if (desired := self._wanted) is not None:
                await self._take(desired)

    def text(self) -> str:
        """The configuration in a few words, for health."""
        told = self._reported()
        return f"{told.version} {told.state}" + (f" (of {told.seen}): {told.reason}" if told.reason else "")

    def beat(self) -> None:
        """Say again what is reported where a reader failed or recovered since."""
        if self._fine() != self._told:
            self.report()

    def report(self) -> None:
        """Say what is in force."""
        self._told = self._fine()
        self._channel.post(topics.reported(self._site, self._gateway), fleet.encode(self._reported()))

    def _fine(self) -> Mapping[str, bool]:
        return {name: not _fails(line) for name, line in self._readers().items()}

    def _reported(self) -> ReportedConfig:
        record, trial = self._versions.record, self._versions.record.trial
        try:
            text = hidden_file(self._versions.current())
        except (OSError, UnicodeDecodeError):
            text = None
        history = tuple(
            PastConfig(
                version=one.version,
                outcome=one.outcome,
                at=one.at,
                by=one.by,
                reason=hidden(one.reason),
                kept=self._versions.is_kept(one),
            )
            for one in record.history
        )
        return ReportedConfig(
            site=self._site,
            gateway=self._gateway,
            version=record.version if trial is None else trial.version,
            seen=record.seen if trial is None else trial.version,
            state=record.state if trial is None else "on_probation",
            at=record.at,
            reason="" if trial is not None else hidden(record.reason),
            mistakes=() if trial is not None else record.mistakes,
            by=record.by if trial is None else trial.by,
            text=text if text is None or len(text) <= fleet.MAX_TEXT else None,
            agent=__version__,
            readers={name: hidden(line)[:_LONGEST] for name, line in list(self._readers().items())[:_LONGEST]},
            history=history,
        )

    async def _probation(self) -> None:
        trial = self._versions.record.trial
        assert trial is not None
        _log.warning("config.probation", version=trial.version, seconds=trial.probation_s, start=trial.starts)
        begin = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with Patience(trial.probation_s):  # a suspended gateway has had no chance to reach its server
                await asyncio.Event().wait()
        why = trouble(
            connected=self._channel.connections > 0,
            waited_s=round(time.monotonic() - begin),
            well=trial.well,
            lines=self._readers(),
        )
        if why is None:
            await self._insist(self._versions.accept)
            _log.info("config.applied", version=trial.version, by=trial.by)
            self.report()
        else:
            await self._insist(partial(self._versions.undo, why))
            self._restart()
            await asyncio.Event().wait()

    def _hear(self, payload: bytes) -> None:
        """Take note of a message; it is dealt with in turn, and only the newest counts. Raises `CodecError`."""
        if not payload:
            return
        desired = fleet.decode(payload, DesiredConfig)
        if (desired.site, desired.gateway) != (self._site, self._gateway):
            raise CodecError("misplaced", f"it is for {desired.site}/{desired.gateway}; check who publishes here")
        self._wanted = desired
        self._wake.set()

    async def _take(self, desired: DesiredConfig) -> None:
        record = self._versions.record
        if desired.version < record.seen or (desired.version == record.seen and not record.local):
            self.report()
            return
        try:
            text, mistakes = await self._checked(desired)
        except (OSError, UnicodeDecodeError) as error:
            await self._refuse(desired, f"the gateway file cannot be tried or replaced: {error}; check who owns its folder")
            return
        if mistakes:
            await self._refuse(desired, f"{len(mistakes)} mistake{'s' * (len(mistakes) != 1)}", tuple(mistakes))
        elif text == self._versions.current():
            await self._insist(partial(self._versions.same, desired))
            _log.info("config.applied", version=desired.version, by=desired.by, changed=False)
            self.report()
        else:
            well = tuple(name for name, fine in self._fine().items() if fine)
            try:
                self._versions.place(text, desired, well=well, probation_s=self._settings.probation_s)
            except OSError as error:
                await self._refuse(desired, f"the gateway file cannot be replaced: {error}; check who owns its folder")
                return
            _log.warning("config.placed", version=desired.version, by=desired.by)
            self.report()
            self._restart()
            await asyncio.Event().wait()

    async def _checked(self, desired: DesiredConfig) -> tuple[str, list[str]]:
        """The text as it would stand in the file, and everything that speaks against it."""
        own = self._versions.current()
        if desired.restore is not None:
            kept = self._versions.kept(desired.restore)
            if kept is None:
                return "", [f"restore: version {desired.restore} is not kept on this gateway; send its text"]
            text, mistakes = kept, list[str]()
        elif desired.text is not None:
            if desired.hash is not None and desired.hash != fleet.digest(desired.text):
                return "", ["text: is not what its hash says; it was damaged on the way, send it again"]
            text, mistakes = completed(desired.text, own)
        else:
            return "", ["text: neither a text nor a version to restore is given"]
        return text, mistakes + await mistakes_in(text, self._versions.path)

    async def _refuse(self, desired: DesiredConfig, reason: str, mistakes: tuple[str, ...] = ()) -> None:
        _log.warning("config.refused", version=desired.version, by=desired.by, reason=reason, mistakes=mistakes)
        await self._insist(partial(self._versions.refuse, desired, hidden(reason), mistakes))
        self.report()

    async def _insist(self, note: Callable[[], None]) -> None:
        """Bring a decision to the disk; where that is full or read-only, again until it is not."""
        while True:
            try:
                note()
            except OSError as error:
                _log.error("config.disk", error=str(error), check=f"the disk of {self._versions.folder}, and who owns it")
                await asyncio.sleep(_AGAIN_S)
            else:
                return
