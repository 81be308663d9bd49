"""What `plumbline edge check` finds: the gateway's clock, disk and page, the brokers, and each device of the configuration."""

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from edge_agent import timekeeper
from edge_agent.config import Config, ReaderEntry
from edge_agent.expected import Expected
from edge_agent.reader import Context, ReaderError
from plumbline import clock
from plumbline.address import Address
from plumbline.errors import MqttError, SettingsError
from plumbline.lock import LockedError, exclusive
from plumbline.mqtt import Connection
from plumbline.patience import Patience

Verdict = Literal["ok", "warning", "failed"]

#: What a check may take beyond its patience, to open and to close its device.
_GRACE_S: Final = 15.0
_CONNECT_S: Final = 5.0
#: Below this a gateway that is offline for days fills its disk.
_LITTLE_BYTES: Final = 500 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    place: int
    """Its line, from 0: findings come as they are ready."""
    what: str
    """What was looked at: `clock`, `disk`, `broker mqtt://…`, or a reader's name."""
    kind: str
    """`gateway`, `server`, or the reader's type."""
    verdict: Verdict
    text: str
    """What it did, or what is wrong and what to check."""


async def examine(config: Config, *, patience_s: float) -> AsyncIterator[Finding]:
    """Look at everything at once; the findings come as they are ready. Changes nothing on any device."""
    context = Context(profiles=config.profiles, base=config.path.parent, data=config.data)
    trials: list[tuple[str, str, Callable[[], Awaitable[tuple[Verdict, str]]]]] = [
        ("clock", "gateway", lambda: _clock(config)),
        ("disk", "gateway", lambda: asyncio.to_thread(_disk, config.data)),
    ]
    if (file := config.expected) is not None:
        trials.append(("expected", "gateway", lambda: asyncio.to_thread(_expected, file)))
    for url in config.server.brokers:
        address = Address.parse(url)
        trials.append((f"broker {address}", "server", lambda address=address: _broker(config, address)))
    running = _running(config.data)
    if config.page.listen:
        trials.append(("page", "gateway", lambda: _page(config, running)))
    trials += [
        (entry.name, entry.type, lambda entry=entry: _device(entry, context, patience_s, running)) for entry in config.readers
    ]

    async def look(place: int) -> Finding:
        what, kind, trial = trials[place]
        verdict, text = await trial()
        return Finding(place, what, kind, verdict, text)

    tasks = [asyncio.create_task(look(i), name=f"check-{what}") for i, (what, _, _) in enumerate(trials)]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _expected(file: Path) -> tuple[Verdict, str]:
    expected = Expected(file)
    return ("ok", f"{expected.count} values in {file}") if expected.fault is None else ("failed", expected.fault)


async def _clock(config: Config) -> tuple[Verdict, str]:
    said = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    passed_ns = await asyncio.to_thread(timekeeper.passed_ns, config.data)
    if await asyncio.to_thread(clock.system_quality) == "ntp":
        return "ok", f"{said}, kept by a time server"
    receivers = " or ".join(entry.name for entry in config.readers if entry.type in timekeeper.RECEIVERS)
    if time.time_ns() < passed_ns - clock.UNSET_NS:
        wrong = f"{said} is not set: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(passed_ns / 1e9))} has passed already"
        remedy = f"a fix of {receivers} sets it" if receivers else "install chrony or systemd-timesyncd, or connect a receiver"
        return "warning", f"{wrong}; events are marked and corrected once the time is known: {remedy}"
    if receivers:
        return "ok", f"{said}; no time server, so events follow {receivers} once it has a fix"
    return "warning", f"{said}, and nobody vouches for it: events are marked so; install chrony or systemd-timesyncd"


def _disk(data: Path) -> tuple[Verdict, str]:
    """Write and force to disk as the outbox will."""
    near = next(folder for folder in (data, *data.parents) if folder.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=near, prefix=".check-") as file:
            begin = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            sync_ms = (time.perf_counter() - begin) * 1e3
        free = shutil.disk_usage(near).free
    except OSError as error:
        return "failed", f"{data} cannot be written ({error.strerror}); check who owns {near}, and that its disk is not full"
    said = f"{data}: {free / 1e9:.1f} GB free, a forced write takes {sync_ms:.1f} ms"
    return ("warning", f"{said}; make room, an outage of days needs it") if free < _LITTLE_BYTES else ("ok", said)


async def _page(config: Config, agent: str | None) -> tuple[Verdict, str]:
    """Whether its port can be had."""
    host, port = config.page.address
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen()
    except OSError as error:
        said = f"cannot listen on {config.page.listen} ({error.strerror})"
        if agent is not None:
            return "ok", f"{said}: {agent} is running and holds it"
        return "warning", f"{said}; check who listens there, or 'listen' in [page]; scans are kept and answered without it"
    return "ok", f"{config.page.listen} can be had; a phone shows there what each scan is answered"


async def _broker(config: Config, address: Address) -> tuple[Verdict, str]:
    begin = time.perf_counter()
    try:
        async with Connection(
            address=address,
            client_id=f"{config.gateway}-check-{secrets.token_hex(3)}",
            version=config.server.version,
            connect_timeout_s=_CONNECT_S,
        ):
            return "ok", f"connected in {(time.perf_counter() - begin) * 1e3:.0f} ms (MQTT {config.server.version})"
    except MqttError as error:
        return "failed", f"{error}; meanwhile events wait on the gateway's disk"


async def _device(entry: ReaderEntry, context: Context, patience_s: float, agent: str | None) -> tuple[Verdict, str]:
    own = replace(context, data=context.data / "readers" / entry.name)
    try:
        async with Patience(patience_s + _GRACE_S):
            return "ok", await entry.build(entry.name, entry.settings, own).check(patience_s)
    except (ReaderError, SettingsError) as error:
        said = str(error).removeprefix(f"{entry.name}: ")
        # A port that the running agent holds is no fault of the device.
        return ("warning", f"{said} ({agent} is running and may hold it: its log tells more)") if agent else ("failed", said)
    except TimeoutError:
        return "failed", f"did not come back within {patience_s + _GRACE_S:.0f} s; unplug it and plug it in again"
    except Exception as error:  # noqa: BLE001 - one reader's mistake must not hide what the others found
        return "failed", f"{type(error).__name__}: {error}; this is a mistake in the reader: report it"


def _running(data: Path) -> str | None:
    """Whether an agent uses this configuration now."""
    if not (data / "agent.lock").exists():
        return None
    try:
        with exclusive(data, "agent"):
            return None
    except LockedError as error:
        return "the agent" if "another agent" in str(error) else None
