"""The built-in broker: Mosquitto as a child where it is installed, amqtt in-process where it is not."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from plumbline import broker
from plumbline.address import Address
from plumbline.errors import MqttError
from plumbline.mqtt import Connection, keep_connected
from tests.servers import free_port


@pytest.mark.usefixtures("spoken_by")
@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_messages_go_through_either_broker(tmp_path, kind):
    async with broker.own_broker(folder=tmp_path, host="127.0.0.1", port=free_port(), prefer=kind) as own:
        assert own.kind == kind
        async with Connection(address=Address.parse(own.url), client_id="c", version=own.version) as client:
            await client.subscribe("t/#")
            await client.publish("t/1", b"x")
            message = await anext(client.messages())
            message.ack()
            assert message.payload == b"x"


async def test_a_taken_port_is_named_with_what_to_do(tmp_path):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(MqttError, match=rf"port {port} on 127\.0\.0\.1 cannot be used .*--broker-port"):
        async with broker.own_broker(folder=tmp_path, host="127.0.0.1", port=port):
            pass
    server.close()


async def test_a_mosquitto_that_cannot_start_shows_its_own_words(tmp_path, monkeypatch):
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho 'Error: no such thing' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(broker, "find_mosquitto", lambda: str(program))
    with pytest.raises(MqttError, match="code 3: Error: no such thing"):
        async with broker.own_broker(folder=tmp_path, host="127.0.0.1", port=free_port()):
            pass


async def test_a_mosquitto_that_is_killed_comes_back_at_the_same_address(tmp_path):
    port, others = free_port(), mosquittos()
    async with broker.own_broker(folder=tmp_path, host="127.0.0.1", port=port, prefer="mosquitto") as own:
        (child,) = mosquittos() - others
        async with Connection(address=Address.parse(own.url), client_id="c") as client:
            os.kill(child, signal.SIGKILL)
            with pytest.raises(MqttError):
                await anext(client.messages())
        again = asyncio.Event()

        async def session(connection):
            await connection.subscribe("t")
            again.set()

        await keep_connected(
            lambda: Connection(address=Address.parse(own.url), client_id="c"), session, on_failure=lambda _error, _wait_s: None
        )
        assert again.is_set()
    assert mosquittos() <= others


def mosquittos():
    """The process ids of this process's mosquittos; other tests' servers may be among them."""
    parents = (Path("/proc") / str(os.getpid()) / "task").glob("*/children")
    children = [int(child) for listed in parents for child in listed.read_text().split()]
    return {child for child in children if b"mosquitto" in command_line(child)}


def command_line(pid):
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
        return b""
