"""A broker of one's own for a single machine: Mosquitto as a child process where it is installed, else amqtt in-process."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import structlog

from plumbline import child
from plumbline.errors import MqttError
from plumbline.mqtt import Version
from plumbline.patience import Patience

_log = structlog.get_logger()
#: From a gateway's memory card on a busy day.
_START_TIMEOUT_S: Final = 60.0


class OwnBroker(NamedTuple):
    """A running broker: where it listens and what it speaks."""

    url: str
    version: Version
    kind: Literal["mosquitto", "amqtt"]

    @property
    def share(self) -> str | None:
        """The name of ingest's shared subscription; amqtt has none (MQTT 3.1.1)."""
        return "ingest" if self.version == "5" else None


def find_mosquitto() -> str | None:
    """The Mosquitto program; Debian keeps it in /usr/sbin, which is not on everybody's PATH."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@contextlib.asynccontextmanager
async def own_broker(
    *, folder: Path, host: str, port: int, prefer: Literal["mosquitto", "amqtt"] = "mosquitto"
) -> AsyncGenerator[OwnBroker]:
    """Run a broker for the length of the block; its data lives in `folder`.

    Raises `MqttError` where the port is taken or the broker does not come up, with what to do.
    """
    _check_free(host, port)
    folder.mkdir(parents=True, exist_ok=True)
    program = find_mosquitto() if prefer == "mosquitto" else None
    if program is None:
        async with _amqtt(host, port) as broker:
            yield broker
    else:
        async with _mosquitto(program, folder, host, port) as broker:
            yield broker


@contextlib.asynccontextmanager
async def _mosquitto(program: str, folder: Path, host: str, port: int) -> AsyncGenerator[OwnBroker]:
    settings = folder / "mosquitto.conf"
    lines = [
        f"listener {port} {host}",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder.resolve()}/",
        "autosave_interval 10",
        "max_queued_messages 100000",
        "max_queued_bytes 268435456",
        "max_inflight_messages 256",
        "set_tcp_nodelay true",
        "log_type error",
        "log_type warning",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # else it drops to a user that may not write the folder
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    log = folder / "mosquitto.log"

    async def ready(process: asyncio.subprocess.Process) -> None:
        await _wait_for(host, port, process, log)

    async with child.kept(program, "-c", str(settings), log=log, name="mosquitto", ready=ready):
        yield OwnBroker(f"mqtt://{host}:{port}", "5", "mosquitto")


async def _wait_for(host: str, port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    try:
        async with Patience(_START_TIMEOUT_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(host, port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise MqttError(f"mosquitto does not answer on {host}:{port}; read {log}") from None
    said = log.read_text(encoding="utf-8", errors="replace")[-300:].strip()
    raise MqttError(f"mosquitto ended at once with code {process.returncode}: {said or 'no message'}; read {log}")


@contextlib.asynccontextmanager
async def _amqtt(host: str, port: int) -> AsyncGenerator[OwnBroker]:
    from amqtt.broker import Broker  # noqa: PLC0415 - a heavy package that only this fallback needs

    _log.warning(
        "mosquitto is not installed: using the built-in broker, which is slower and forgets its queue when it stops",
        advice="apt-get install mosquitto",
    )
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield OwnBroker(f"mqtt://{host}:{port}", "3.1.1", "amqtt")
    finally:
        await broker.shutdown()


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise MqttError(
                f"port {port} on {host} cannot be used ({error.strerror}); stop what listens there or choose --broker-port"
            ) from None
