"""A client of gpsd: emits the fixes of one of its receivers, and says what gpsd says is wrong."""

import os
from collections.abc import Callable, Iterable
from typing import Final

from edge_agent.link import Listening, Silence, TcpLink
from edge_agent.nmea import Epoch
from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.gpsd.protocol import WATCH, Report, Session, Trouble
from edge_agent.readers.nmea.fixes import Thinner, capture_of, described
from plumbline.clock import monotonic_ns

#: How a check ends early.
_ENOUGH_FIXES: Final = 2
_COMPLAINTS: Final = 64


class GpsdClient:
    """Reads one receiver of a gpsd (`edge_agent.reader.Reader`)."""

    def __init__(
        self,
        *,
        name: str,
        link: TcpLink,
        receiver: str | None,
        report: Callable[[str, str], None],
        interval_s: float,
        silence_s: float,
        no_fix_s: float,
        estimated: bool,
    ) -> None:
        self._name = name
        self._link = link
        self._receiver = receiver
        self._report = report
        self._thinner = Thinner(interval_s)
        self._silence_s = silence_s
        self._no_fix_s = no_fix_s
        self._estimated = estimated

    async def run(self, emit: Emit) -> None:
        """Watch until cancelled. Raises `ReaderError` where gpsd is gone or has nothing to tell; lets the errors of `emit` pass."""
        now = Listening()
        session, chosen, told = Session(), _Chosen(self._receiver), set[str]()
        silence, without = Silence(self._silence_s, now()), Silence(self._no_fix_s, now())
        async with self._link.opened() as line:
            await line.write(WATCH)
            while True:
                chunk = await line.read()
                for one in [*session.feed(chunk)] if chunk else [*session.flush()]:
                    if isinstance(one, Trouble):
                        self._once(told, f"gpsd {one.what}")
                    elif chosen.is_meant(one.device):
                        silence.heard(now())
                        if self._believes(one.epoch):
                            without.heard(now())
                            await self._send(one.epoch, now(), emit)
                if chosen.several:
                    self._once(told, f"gpsd has several receivers ({chosen.names()}); name the one that is meant by 'device'")
                if silence.due(now()):
                    raise self._silent(session, chosen)
                if without.due(now()):
                    what = f"no fix for {self._no_fix_s:g} s; check the antenna and its view of the sky"
                    self._report(self._name, what)

    async def _send(self, epoch: Epoch, now_s: float, emit: Emit) -> None:
        if self._thinner.passes(epoch, now_s):
            await emit(capture_of(self._name, epoch, monotonic_ns()))

    def _once(self, told: set[str], what: str) -> None:
        """Report `what` once a connection; a gpsd that invents ever new complaints is not listened to for ever."""
        if what not in told and len(told) < _COMPLAINTS:
            told.add(what)
            self._report(self._name, what)

    async def check(self, patience_s: float) -> str:
        """Watch until two fixes came, at most `patience_s` seconds. Raises `ReaderError` where gpsd or its receiver is silent."""
        session, chosen = Session(), _Chosen(self._receiver)
        last, fixes, trouble = None, 0, ""
        async with self._link.opened() as line:
            await line.write(WATCH)
            now = Listening()
            end_s = now() + patience_s
            while fixes < _ENOUGH_FIXES and now() < end_s:
                chunk = await line.read()
                found: Iterable[Report | Trouble] = session.feed(chunk) if chunk else session.flush()
                for one in found:
                    if isinstance(one, Trouble):
                        trouble = one.what
                    elif chosen.is_meant(one.device):
                        last, fixes = one.epoch, fixes + (one.epoch.mode > 1)
        if not session.lines:
            what = f"gpsd {trouble}" if trouble else f"no word from gpsd in {patience_s:g} s"
            raise ReaderError(self._name, what, self._link.advice)
        if last is None:
            raise self._silent(session, chosen)
        several = f"; it has several receivers ({chosen.names()}): name one by 'device'" if chosen.several else ""
        return f"gpsd {session.version} at {self._link.place}: {described(last)}{several}"

    def _believes(self, epoch: Epoch) -> bool:
        return epoch.mode > 1 and (self._estimated or not epoch.estimated)

    def _silent(self, session: Session, chosen: "_Chosen") -> ReaderError:
        if not session.lines:
            return ReaderError(self._name, "gpsd says nothing", self._link.advice)
        has = ", ".join(sorted(session.devices | chosen.heard)) or "none"
        if self._receiver is not None:
            what = f"gpsd reports nothing of {self._receiver} (it has: {has})"
        else:
            what = f"gpsd reports no position (its receivers: {has})"
        return ReaderError(self._name, what, "whether the receiver is plugged in, and DEVICES in /etc/default/gpsd")


class _Chosen:
    """Which of gpsd's receivers is listened to: the one that is named, else the first that is heard."""

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self._first: str | None = None
        self.heard: set[str] = set()

    @property
    def several(self) -> bool:
        """Whether there is a choice that nobody made."""
        return self._wanted is None and len(self.heard) > 1

    def names(self) -> str:
        """The receivers that were heard."""
        return ", ".join(sorted(self.heard))

    def is_meant(self, device: str) -> bool:
        """Whether reports of `device` count. A path in by-id is the same as the one that it leads to."""
        if len(self.heard) < 16:
            self.heard.add(device)
        if self._wanted is not None:
            return device in {self._wanted, os.path.realpath(self._wanted)}
        if self._first is None:
            self._first = device
        return device == self._first
