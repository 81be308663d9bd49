"""`plumbline edge check` on devices that work, on those that do not, and on a gateway whose agent runs."""

import asyncio
import json
import os
import socket
import subprocess

import pytest

from edge_agent import config
from edge_agent.examination import Finding, examine
from plumbline.demo.devices import SerialDevice, sentence
from plumbline.errors import SettingsError
from plumbline.lock import exclusive
from tests.servers import free_port, plumbline

WIDE = os.environ | {"COLUMNS": "250"}
HEAD = 'site = "s"\ngateway = "g"\n[server]\nbrokers = ["{}"]\n[page]\nlisten = ""\n'


def written(tmp_path, broker, *readers):
    path = tmp_path / "gateway.toml"
    path.write_text(HEAD.format(broker) + "".join(f"[[reader]]\n{reader}\n" for reader in readers))
    return path


async def found(path, patience_s=1.0) -> dict[str, Finding]:
    return {one.what: one async for one in examine(config.load(path), patience_s=patience_s)}


@pytest.fixture
async def receiver(tmp_path):
    """A receiver with a fix on a serial port."""
    device = SerialDevice(tmp_path / "tty-receiver")

    async def speak() -> None:
        for second in range(10_000):
            time = f"{second // 3600 % 24:02}{second // 60 % 60:02}{second % 60:02}.00"
            device.send(sentence(f"GNGGA,{time},3114.8800,N,12128.4200,E,1,09,0.9,12.3,M,8.3,M,,"))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(speak())
    yield device.port
    task.cancel()
    device.close()


async def test_each_device_is_tried_and_says_what_it_did_or_what_to_check(mosquitto, tmp_path, receiver):
    path = written(
        tmp_path,
        mosquitto.url,
        f'type = "nmea"\nname = "crane"\nport = "{receiver}"',
        f'type = "serial_scanner"\nname = "gate"\nport = "{tmp_path}/nothing-here"',
        f'type = "modbus"\nname = "meters"\naddress = "127.0.0.1:{free_port()}"\n[[reader.slaves]]\ndevice = "m"\nprofile = "eastron-sdm630"',
    )
    seen = await found(path, patience_s=10.0)
    assert seen["crane"].verdict == "ok"
    assert "9 satellites" in seen["crane"].text
    assert seen["gate"].verdict == "failed"
    assert f"{tmp_path}/nothing-here" in seen["gate"].text
    assert "plugged in" in seen["gate"].text
    assert seen["meters"].verdict == "failed"
    assert "cannot open" in seen["meters"].text
    assert "check that the device is on" in seen["meters"].text
    assert seen["disk"].verdict == "ok"
    assert seen[f"broker {mosquitto.url}"].text.startswith("connected in")
    assert sorted(one.place for one in seen.values()) == list(range(6))
    assert not (tmp_path / "data").exists(), "a check leaves nothing behind"


async def test_a_broker_that_is_away_is_a_failure_that_says_that_events_wait(tmp_path):
    seen = await found(written(tmp_path, f"mqtt://127.0.0.1:{free_port()}"))
    [broker] = [one for one in seen.values() if one.kind == "server"]
    assert broker.verdict == "failed"
    assert "events wait on the gateway's disk" in broker.text


async def test_a_device_that_the_running_agent_may_hold_is_no_failure(tmp_path):
    path = written(tmp_path, "mqtt://127.0.0.1", f'type = "serial_scanner"\nname = "gate"\nport = "{tmp_path}/nothing-here"')
    with exclusive(tmp_path / "data", "agent"):
        seen = await found(path)
    assert seen["gate"].verdict == "warning"
    assert "the agent is running and may hold it" in seen["gate"].text


def test_the_command_prints_a_table_and_its_exit_code_tells_whether_all_works(tmp_path):
    path = written(
        tmp_path, f"mqtt://u:secret@127.0.0.1:{free_port()}", f'type = "nmea"\nname = "crane"\nport = "{tmp_path}/x"'
    )
    arguments = ["edge", "check", "--patience", "0.5", "--config", str(path)]
    done = subprocess.run(plumbline(*arguments), capture_output=True, text=True, check=False, env=WIDE)
    assert done.returncode == 1
    assert "✗ fails" in done.stdout
    assert "2 of 4 do not work" in done.stdout
    assert "secret" not in done.stdout
    as_json = subprocess.run(plumbline(*arguments, "--json"), capture_output=True, text=True, check=False)
    assert {one["what"]: one["verdict"] for one in json.loads(as_json.stdout)}["crane"] == "failed"
    assert "secret" not in as_json.stdout


async def test_a_page_whose_port_somebody_holds_is_told_before_the_agent_runs(tmp_path):
    def at(port: int):
        path = written(tmp_path, "mqtt://127.0.0.1")
        path.write_text(path.read_text().replace('listen = ""', f'listen = "127.0.0.1:{port}"'))
        return path

    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        page = (await found(at(port)))["page"]
        assert page.verdict == "warning"
        assert f"127.0.0.1:{port}" in page.text
        assert "check who listens there" in page.text
        with exclusive(tmp_path / "data", "agent"):
            assert (await found(at(port)))["page"].verdict == "ok", "the agent that runs holds its own"
    assert (await found(at(port)))["page"].verdict == "ok"


def test_a_mistake_that_settings_tell_themselves_names_its_table(tmp_path):
    path = written(tmp_path, "mqtt://127.0.0.1")
    path.write_text(path.read_text().replace('listen = ""', 'listen = "8090"'))
    with pytest.raises(SettingsError, match=r"page: '8090' is no address and port"):
        config.load(path)
