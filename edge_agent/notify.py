"""What the agent tells systemd: that it is ready, how it is, and that it lives (sd_notify(3)).

Without systemd (no `NOTIFY_SOCKET`) all of it does nothing.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from plumbline.patience import Patience

_log = structlog.get_logger(__name__)

_LONGEST: Final = 200


class Notify:
    """The datagram socket that `NOTIFY_SOCKET` names."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_s = _watchdog_s(environment)
        """Within this time systemd wants to hear `alive`; `None`: it does not watch."""

    def ready(self, status: str) -> None:
        """Start-up, or a reload, is over."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """A line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def alive(self, status: str) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The same process is about to begin anew."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=taking a new configuration")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        text = "\n".join(line.replace("\n", " ")[:_LONGEST] for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
                way.sendto(text.encode(), self._address)
        except OSError as error:  # systemd is busy or gone: the agent's work does not depend on it
            _log.debug("notify", error=str(error))


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    meant = environment.get("WATCHDOG_PID")
    period = environment.get("WATCHDOG_USEC", "")
    if not period.isdigit() or int(period) == 0 or (meant is not None and meant != str(os.getpid())):
        return None
    return int(period) / 1e6


async def feed(
    notify: Notify, *, lives: Callable[[], Awaitable[bool]], status: Callable[[], str], otherwise_s: float = 20.0
) -> None:
    """Feed the watchdog for as long as `lives` answers yes in time; tell the status, with or without a watchdog.

    `lives` must go through everything that has to be alive. That this task runs proves the event loop.
    """
    every_s = notify.watchdog_s / 3 if notify.watchdog_s is not None else otherwise_s
    while True:
        try:
            async with Patience(every_s):
                alive = await lives()
        except TimeoutError:
            alive = False
        if alive:
            notify.alive(status())
        else:
            _log.error("agent.watchdog", check="which part hangs: the outbox's disk, or the supervisor; systemd restarts us")
        await asyncio.sleep(every_s)
