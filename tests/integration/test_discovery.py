"""What `plumbline edge devices` sees: pseudo-terminals, a real broker, a real Modbus server, cameras by their names."""

import asyncio
import contextlib
import itertools
import json
import os
import pty
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus import ModbusDeviceIdentification
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer
from rich.console import Console

from edge_agent import config
from edge_agent.discovery import Places, Seen, look_around
from edge_agent.discovery.proposal import proposed
from edge_agent.nmea.sentence import checksum_of
from plumbline.address import Address
from plumbline.command import edge_devices
from plumbline.mqtt import Connection
from tests.modbus_servers import PymodbusServer
from tests.servers import Mosquitto, answers, free_port, plumbline, running, wait_until
from tests.unit.plumbline.dialects.lorawan.lorawan_messages import loriot

PATIENCE_S = 1.2
FIX = "GNGGA,0630{:02}.00,3114.8800,N,12128.4200,E,1,09,0.9,12.3,M,8.3,M,,"


@contextmanager
def speaking(*contents: bytes) -> Iterator[str]:
    """A pseudo-terminal that says `contents` again and again, at whatever speed it is opened."""
    master, slave = pty.openpty()
    silence = threading.Event()

    def speak() -> None:
        for content in itertools.cycle(contents):
            if silence.wait(0.02):
                return
            with contextlib.suppress(OSError):
                os.write(master, content)

    thread = threading.Thread(target=speak)
    os.set_blocking(master, False)
    if contents:
        thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        silence.set()
        if contents:
            thread.join()
        os.close(master)
        os.close(slave)


def dev_with(folder: Path, links: dict[str, str]) -> Path:
    """A /dev whose entries point to pseudo-terminals."""
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    folder.mkdir(exist_ok=True)
    return folder


async def looked(places: Places, patience_s: float = PATIENCE_S) -> list[Seen]:
    return [seen async for seen in look_around(places, patience_s)]


def nowhere(tmp_path: Path, **places: object) -> Places:
    """Places in which there is nothing but what is named."""
    empty = {"brokers": (), "dev": tmp_path / "dev", "sys": tmp_path / "sys", "gpsd_port": free_port()}
    return Places(**(empty | places))


def loaded(tmp_path: Path, seen: list[Seen]) -> config.Config:
    """The configuration that is proposed, read as the agent reads it."""
    path = tmp_path / "gateway.toml"
    text = proposed(seen, site="s", gateway="g", server="mqtt://127.0.0.1:1883")
    path.write_text(text.replace(str(tmp_path / "dev"), "/dev"))
    return config.load(path)


async def test_a_receiver_is_known_by_what_it_says_and_a_scanner_by_its_name(tmp_path):
    cycle = [FIX.format(second).encode() for second in range(60)]
    sentences = [b"$%s*%02X\r\n" % (body, checksum_of(body)) for body in cycle]
    by_id = "serial/by-id/usb-"
    with (
        speaking(*sentences) as receiver,
        speaking() as scanner,
        speaking(b"S S     12.34 kg\r\n") as scale,
        speaking() as bus,
    ):
        links = {
            f"{by_id}FTDI_FT232R_USB_UART_A50285BI-if00-port0": receiver,
            f"{by_id}Honeywell_Imaging_3320g_1234-if00": scanner,
            f"{by_id}Prolific_Scale-if00": scale,
            f"{by_id}1a86_USB_Serial-if00-port0": bus,
        }
        seen = await looked(nowhere(tmp_path, dev=dev_with(tmp_path / "dev", links)), 3.0)
    said = {Path(one.where).name.partition("_")[0].removeprefix("usb-"): one for one in seen}
    assert said["FTDI"].sure == "certain"
    assert "NMEA sentences at 9600 baud, a fix" in said["FTDI"].what
    assert (said["Honeywell"].sure, said["Honeywell"].reader["type"]) == ("likely", "serial_scanner")
    assert "'S S     12.34 kg'" in said["Prolific"].what
    assert (said["1a86"].sure, dict(said["1a86"].reader)) == ("unknown", {})
    assert "--modbus" in said["1a86"].todo
    readers = {entry.name: entry.type for entry in loaded(tmp_path, seen).readers}
    assert readers == {"ftdi-ft232r-usb-uart-a50285bi": "nmea", "honeywell-imaging-3320g-1234": "serial_scanner"}
    assert "# to do: declare pattern and metrics" in (tmp_path / "gateway.toml").read_text()


async def test_a_port_that_is_in_use_is_said_so_and_not_disturbed(tmp_path):
    with speaking() as port:
        dev = dev_with(tmp_path / "dev", {"serial/by-id/usb-u-blox_AG-if00": port})
        script = (
            "import serial, sys; s = serial.Serial(sys.argv[1], exclusive=True); print('open', flush=True); sys.stdin.read()"
        )
        owner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, port, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert await owner.stdout.readline() == b"open\n"
        [seen] = await looked(nowhere(tmp_path, dev=dev))
        await owner.communicate(b"")
    assert "satellite receiver u-blox_AG (it cannot be opened: another program has it open)" in seen.what
    assert "stop what uses it" in seen.todo


async def test_a_broker_is_listened_to_and_what_speaks_there_is_sorted(mosquitto, tmp_path, unique_name):
    device = unique_name("pump")
    async with Connection(address=Address.parse(mosquitto.url), client_id=unique_name("talker")) as talker:
        await talker.publish(f"shed/{device}/x", b'{"load": {"t": 3.5}, "name": "p"}', qos=1, retain=True)
        await talker.publish(
            f"tele/{device}/SENSOR", b'{"Time": "2026-11-10T06:30:00", "AM2301": {"Temperature": 21.5}}', qos=1, retain=True
        )
        seen = await looked(nowhere(tmp_path, brokers=(mosquitto.url,)))
        await talker.publish(f"shed/{device}/x", b"", qos=1, retain=True)
        await talker.publish(f"tele/{device}/SENSOR", b"", qos=1, retain=True)
    [unknown] = [one for one in seen if device in one.where]
    assert "JSON with load.t" in unknown.what
    [tasmota] = [one for one in seen if one.what.startswith("tasmota")]
    assert f"{device} (reading)" in tasmota.what
    [entry] = loaded(tmp_path, seen).readers
    assert entry.type == "mqtt"


async def test_esphome_nodes_and_loriot_are_known_wherever_they_publish(tmp_path):
    node = {"dev_cla": "temperature", "unit_of_meas": "°F", "stat_t": "esphome/slab-1/sensor/slab/state"}
    said = {
        "homeassistant/sensor/slab-1/slab/config": json.dumps(node),
        "esphome/slab-1/sensor/slab/state": "64.4",
        "cabin/sensor/humidity/state": "55",
        "zigbee2mqtt/bridge/devices": "[]",
        "zigbee2mqtt/noise-1": '{"noise": 61.5}',
        "lora/out": json.dumps(loriot()),
        "shed/pump": '{"mode": "auto", "running": true}',
        "shed/level": "3.5",
    }
    with running(Mosquitto(tmp_path / "broker")) as broker:
        async with Connection(address=Address.parse(broker.url), client_id="talker") as talker:
            for topic, payload in said.items():
                await talker.publish(topic, payload.encode(), qos=1, retain=True)
            seen = await looked(nowhere(tmp_path, brokers=(broker.url,)))
    [entry] = loaded(tmp_path, seen).readers  # which refuses entries that take the same messages
    tables = {table["dialect"]: table for table in entry.settings.devices}
    assert tables["esphome"]["prefixes"] == ["cabin", "esphome/+"]
    assert tables["lorawan"]["topics"] == ["lora/out"]
    assert "zigbee2mqtt" in tables
    what = {one.where.partition(": ")[2]: one.what for one in seen}
    assert what["shed/pump"] == "JSON with mode, running"
    assert what["shed/level"] == "one value, such as '3.5'"
    assert not any("homeassistant" in where for where in what)


async def test_no_broker_says_what_to_do(tmp_path):
    [seen] = await looked(nowhere(tmp_path, brokers=(f"mqtt://127.0.0.1:{free_port()}",)))
    assert "no broker" in seen.what
    assert "--broker" in seen.todo


async def test_modbus_units_are_found_only_where_asked(tmp_path):
    port = free_port()

    def unit():
        return ModbusDeviceContext(hr=ModbusSequentialDataBlock(1, [7] * 100))

    identity = ModbusDeviceIdentification(info_name={"VendorName": "Eastron", "ProductCode": "SDM630"})
    server = ModbusTcpServer(
        ModbusServerContext(devices={3: unit(), 9: unit()}, single=False), identity=identity, address=("127.0.0.1", port)
    )
    serving = asyncio.create_task(server.serve_forever())
    try:
        await asyncio.to_thread(wait_until, lambda: answers(port), "the Modbus server")
        assert await looked(nowhere(tmp_path)) == []
        [seen] = await looked(nowhere(tmp_path, modbus=(f"127.0.0.1:{port}",)))
    finally:
        await server.shutdown()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    assert seen.what.startswith("Modbus TCP: unit 3 (Eastron SDM630), unit 9")
    assert [one["unit"] for one in seen.reader["slaves"]] == [3, 9]
    assert loaded(tmp_path, [seen, seen]).readers == ()  # incomplete: it stands as a comment
    assert '# device = "meter-9-2"' in (tmp_path / "gateway.toml").read_text()


async def test_a_modbus_device_that_answers_to_every_unit_number_is_one(tmp_path):
    server = PymodbusServer(tmp_path / "pymodbus")
    with running(server):
        [seen] = await looked(nowhere(tmp_path, modbus=(f"127.0.0.1:{server.port}",)))
    assert "that answers to every unit number" in seen.what
    assert [one["unit"] for one in seen.reader["slaves"]] == [1]


async def test_a_scanner_is_known_by_its_labels_with_separators_too(tmp_path):
    with speaking(b"]C1010950600013435210AB\x1d21S1\r\n") as scanner:
        links = {"serial/by-id/usb-Honeywell_Imaging_3320g_1234-if00": scanner}
        [seen] = await looked(nowhere(tmp_path, dev=dev_with(tmp_path / "dev", links)))
    assert "scans at 9600 baud, such as ']C1010950600013435210AB" in seen.what
    assert (seen.sure, seen.reader["baudrate"]) == ("certain", 9600)


def test_the_table_of_the_command_shows_each_place_whole():
    port = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
    console = Console(record=True, width=80)
    console.print(edge_devices.table([Seen(port, "a thing", "likely", {}, "something to do")]))
    assert port in "".join(line.split("  ")[0].strip() for line in console.export_text().splitlines())


async def test_cameras_and_typing_scanners_are_known_by_their_names(tmp_path):
    for node, index in (("video0", "0"), ("video1", "1")):
        folder = tmp_path / "sys/class/video4linux" / node
        folder.mkdir(parents=True)
        (folder / "index").write_text(index)
        (folder / "name").write_text("HD Pro Webcam C920\n")
    links = {
        "v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0": "/dev/video0",
        "input/by-id/usb-Symbol_Technologies_Bar_Code_Scanner_S-event-kbd": "/dev/null",
        "input/by-id/usb-Dell_Keyboard-event-kbd": "/dev/null",
    }
    seen = await looked(nowhere(tmp_path, dev=dev_with(tmp_path / "dev", links)))
    kinds = {one.reader.get("type"): one for one in seen}
    assert set(kinds) == {"camera", "wedge_scanner", None}
    assert kinds["camera"].what == "camera HD Pro Webcam C920"
    assert kinds["camera"].where.endswith("usb-046d_HD_Pro_Webcam_C920-video-index0")
    assert "Dell_Keyboard" in kinds[None].what
    assert {entry.type for entry in loaded(tmp_path, seen).readers} == {"camera", "wedge_scanner"}


async def test_gpsd_is_asked_which_receivers_it_has(tmp_path):
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"class":"VERSION","release":"3.22"}\r\n{"class":"DEVICES","devices":[{"path":"/dev/ttyACM0"}]}\r\n')
        await writer.drain()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        [seen] = await looked(nowhere(tmp_path, gpsd_port=port))
    assert (seen.what, seen.sure) == ("gpsd with /dev/ttyACM0", "certain")


def test_the_command_proposes_a_configuration_and_never_overwrites_one(tmp_path):
    path = tmp_path / "gateway.toml"
    arguments = ["edge", "devices", "--patience", "1", "--broker", f"mqtt://127.0.0.1:{free_port()}", "--write", str(path)]
    done = subprocess.run(plumbline(*arguments), capture_output=True, text=True, check=True)
    assert "no broker" in done.stdout
    assert tomllib.loads(path.read_text())["gateway"] == "gw-1"
    again = subprocess.run(plumbline(*arguments), capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "File exists" in again.stderr or "exists" in again.stderr


def test_the_command_speaks_json(tmp_path):
    arguments = ["edge", "devices", "--patience", "1", "--broker", f"mqtt://127.0.0.1:{free_port()}", "--json"]
    done = subprocess.run(plumbline(*arguments), capture_output=True, text=True, check=True)
    assert any("no broker" in one["what"] for one in json.loads(done.stdout))


@pytest.mark.parametrize("text", ['quote " and \\ backslash', "tab\tline\n", "中文"])
def test_any_text_survives_in_a_proposal(tmp_path, text):
    seen = [Seen("x", "a thing", "certain", {"type": "nmea", "name": "r", "port": text})]
    assert tomllib.loads(proposed(seen, site="s", gateway="g", server="mqtt://h"))["reader"][0]["port"] == text
