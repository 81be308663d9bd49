"""Serves the page beside the agent: what happens to it never touches a scan."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import structlog

from edge_agent.channel import Channel
from edge_agent.gs1 import read_scan
from edge_agent.outbox import Outbox, OutboxError
from edge_agent.page.app import RefusedError, TypedCode, create_app
from edge_agent.page.news import News
from edge_agent.page.settings import PageSettings
from edge_agent.reader import Capture
from edge_agent.verdict import Desk, Verdict
from plumbline import clock, serving
from plumbline.backoff import delay_s
from plumbline.event import CLASSES, Scan
from plumbline.linking import check_digit_fits
from plumbline.text import Text

_log = structlog.get_logger(__name__)

#: How often every screen hears how the gateway is, so that it sees a dead connection too.
_STATE_EVERY_S: Final = 4.0
#: How often it is looked whether that has changed.
_LOOK_EVERY_S: Final = 0.5
#: Codes that are typed in a second, from all phones together.
_TYPED_PER_S: Final = 5.0


class Taker(Protocol):
    """Takes a capture over as `Agent.take` does."""

    async def __call__(self, capture: Capture) -> Verdict | None:
        """Keep it; returns the answer. Raises `OutboxError`."""
        ...


class Page:
    """The page of one gateway.

    Args:
        settings: where it listens.
        site: the gateway's site.
        gateway: its name.
        desk: answers scans.
        channel: whether the office is reached.
        outbox: what waits.
        take: takes typed codes over.
        quality: who disciplines the clock.
    """

    def __init__(
        self,
        settings: PageSettings,
        *,
        site: str,
        gateway: str,
        desk: Desk,
        channel: Channel,
        outbox: Outbox,
        take: Taker,
        quality: Callable[[], str] = clock.system_quality,
    ) -> None:
        self._settings = settings
        self._site = site
        self._gateway = gateway
        self._desk = desk
        self._channel = channel
        self._outbox = outbox
        self._take = take
        self._quality = quality
        self._allowance = _TYPED_PER_S
        self._asked_s = time.monotonic()
        self.news = News(self._state)
        self.port = 0
        """The TCP port, once it is open."""
        self.fault: str | None = None
        """Why there is no page now."""
        desk.when_told(self.news.tell)
        desk.when_moved(self.news.say_state)

    def text(self) -> str:
        """Whether it is open, in a few words."""
        if not self._settings.listen:
            return "off"
        return self.fault or f"open on {self._settings.listen}"

    async def run(self) -> None:
        """Serve until cancelled. Where the port cannot be had it is tried again: a gateway without its page still works."""
        if not self._settings.listen:
            return
        failures = 0
        while True:
            try:
                listener = serving.bind(*self._settings.address)
            except OSError as error:
                failures += 1
                self.fault = f"cannot listen on {self._settings.listen} ({error.strerror})"
                pause = delay_s(failures, random.random)
                _log.warning(
                    "page.closed",
                    error=self.fault,
                    check="who listens there, or 'listen' in [page]",
                    next_try_s=round(pause, 1),
                )
                await asyncio.sleep(pause)
                continue
            failures, self.fault = 0, None
            self.port = int(listener.getsockname()[1])
            with listener:
                await self._serve(listener)
            await asyncio.sleep(1)

    async def _serve(self, listener: socket.socket) -> None:
        app = create_app(self.news, self._typed if self._settings.typing else None)
        server = serving.server(app)
        _log.info("page.open", listen=self._settings.listen, port=self.port)
        running = asyncio.create_task(server.serve(sockets=[listener]), name="page-http")
        try:
            told: object = None
            while not running.done():
                await asyncio.wait([running], timeout=_LOOK_EVERY_S)
                now = self.news.state()
                news = [now[key] for key in ("online", "waiting", "fault", "clock")]
                beat = int(time.monotonic() / _STATE_EVERY_S)
                if told != (news, beat):
                    self.news.say_state()
                told = (news, beat)
            if (error := running.exception()) is not None:
                _log.error("page.crashed", check="report it with this trace", exc_info=error)
        except asyncio.CancelledError:
            server.should_exit = True
            for screen in tuple(self.news.screens):
                screen.close()
            await asyncio.wait([running], timeout=serving.GRACE_S + 1)
            running.cancel()
            raise

    def _state(self) -> Mapping[str, Any]:
        index = self._desk.index
        return {
            "site": self._site,
            "gateway": self._gateway,
            "online": self._channel.broker is not None,
            "since_s": round(time.monotonic() - self._channel.changed_s, 1),
            "waiting": sum(self._outbox.stream(name).pending for name in CLASSES),
            "manifest": index
            and {
                "version": index.version,
                "lines": index.lines,
                "age_s": round(max(0.0, time.time() - index.at / 1e9), 1),
                "latest": self._is_latest(),
            },
            "fault": self._desk.fault,
            "clock": self._quality(),
            "typing": self._settings.typing,
        }

    def _is_latest(self) -> bool:
        """Whether the broker that answers now has told its manifest since it answers."""
        taken_s = self._desk.taken_s
        return self._channel.broker is not None and taken_s is not None and taken_s >= self._channel.changed_s

    async def _typed(self, typed: TypedCode) -> Verdict | None:
        now = time.monotonic()
        self._allowance = min(_TYPED_PER_S, self._allowance + (now - self._asked_s) * _TYPED_PER_S)
        self._asked_s = now
        if self._allowance < 1:
            raise RefusedError(429, Text("too many codes in one second; send it again", "提交过快，请重新提交"))
        self._allowance -= 1
        text = typed.code.strip()
        if len(text) == 18 and text.isascii() and text.isdigit() and check_digit_fits(text) and self._desk.knows("00", text):
            text = f"(00){text}"  # as it is printed beside the bars of a logistic label, whose brackets nobody types
        read = read_scan(text.encode(), text, expected=self._desk)
        scan = partial(
            Scan,
            raw=text.encode(),
            text=read.text,
            gs1=read.gs1,
            repaired=read.repaired,
            candidates=read.candidates,
            typed=True,
            person=typed.person,
        )
        try:
            return await self._take(Capture(self._settings.device, scan))
        except OutboxError as error:
            raise RefusedError(507, Text(str(error), f"网关未能保存：{error}")) from None
