"""Every value of the Modbus corpus, decoded and read through a server, and every register of its maps."""

import asyncio
import json
import math
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.modbus import point_of, value_of
from edge_agent.reader import Capture, Context
from edge_agent.readers import modbus
from plumbline import settings
from plumbline.measure import measured
from plumbline.profile import Metric, ModbusShape, Register
from tests.modbus_servers import PymodbusServer
from tests.servers import running

CORPUS = Path(os.environ.get("PLUMBLINE_CORPUS", "../shared/corpus")) / "modbus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}; set PLUMBLINE_CORPUS")

ROWS = [json.loads(line) for line in (CORPUS / "decode.jsonl").read_text().splitlines()] if CORPUS.is_dir() else []
#: Lengths of Go's integers, to which that program casts its results.
_GO = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64, "int8": -8, "int16": -16, "int32": -32, "int64": -64}


def declared(row: dict) -> tuple[Register, ModbusShape, Metric]:
    """The row's declaration in our words."""
    kind = (row.get("dataType") or row.get("dataTypeIn") or "bit").lower().removesuffix("-ieee")
    order = row.get("byteOrder", "AB")
    if row["registers_hex"] in {"00", "01"}:
        table: dict = {"address": 0, "table": "coil", "type": "bit"}
    else:
        table = {"address": 0, "type": kind, "order": order}
        if kind in {"string", "fixed", "ufixed"}:
            table["length"] = len(row["registers_hex"]) // 4
        if kind == "bit":
            table["bit"] = row["bit"]
    metric = Metric(unit="1", title_en="x", title_zh="x", scale=row.get("scale", 1.0))
    return settings.convert(table, Register, "row"), ModbusShape(), metric


def wire(row: dict) -> list[int]:
    """The contents of the registers; the rows of one test give those of little-endian devices highest byte first."""
    content = bytes.fromhex(row["registers_hex"])
    if len(content) == 1:
        return [content[0] & 1]
    if row["test"].endswith("TestRequestTypesHoldingDCBA") and row.get("dataTypeIn") != "STRING":
        content = content[::-1]
    return [int.from_bytes(content[i : i + 2], "big") for i in range(0, len(content), 2)]


def cast(value: float | str, row: dict) -> float | str | bool:
    """To the type of that program's answer: integers lose their fraction and wrap around."""
    kind = row["go_type"]
    if kind == "bool":
        return bool(value)
    if bits := _GO.get(kind):
        whole = math.trunc(value)
        return whole % (1 << bits) if bits > 0 else (whole + (1 << -bits - 1)) % (1 << -bits) - (1 << -bits - 1)
    if kind == "float64":
        return float(value)
    return struct.unpack("f", struct.pack("f", value))[0] if kind == "float32" else value


def agrees(row: dict) -> bool:
    register, shape, metric = declared(row)
    point = point_of(register, shape)
    value = value_of(point, {point.table: dict(enumerate(wire(row)))})
    assert value is not None
    if not isinstance(value, str) and "scale" in row:
        value = measured(metric, value)
    expected = row["value"]
    if row["go_type"] == "float32":
        expected = struct.unpack("f", struct.pack("f", expected))[0]
    return cast(value, row) == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['test'].split(':')[1]}-{row['name']}")
def test_every_value_of_the_corpus_is_decoded(row: dict) -> None:
    assert agrees(row)


def test_the_figures_are_told(say: Callable[[str], None]) -> None:
    right = sum(map(agrees, ROWS))
    registers = sum(len(shape["registers"]) for _, shape in DEVICES)
    say(
        f"modbus: {right} of {len(ROWS)} values decoded; {registers} registers of {len(DEVICES)} devices' maps read from a server"
    )
    assert right == len(ROWS)


def declarations() -> Iterator[tuple[str, ModbusShape]]:
    """Every device of the corpus: those of mbmd by function and length, those of evcc by table and decode."""
    for meter in json.loads((CORPUS / "register_maps/mbmd_meters.json").read_text()):
        table = "holding" if meter["function"] == ["ReadHoldingReg"] else "input"
        kind = "float32" if any("Ieee754" in name for name in meter["transform"]) else "uint32"
        places = sorted({one["address"] for one in meter["registers"] if one["measurement"] != "ReadLen"})
        registers = {f"at_{place}": {"address": place, "type": kind if place % 2 == 0 else "uint16"} for place in places}
        yield meter["device"], {"table": table, "registers": registers}
    for template in json.loads((CORPUS / "register_maps/evcc_templates.json").read_text()):
        registers = {}
        for one in template["registers"]:
            if (one["type"] or "holding").startswith("write"):
                continue  # nothing is ever written to a device
            decode = (one["decode"] or "uint16").split("}}")[-1] if "{{" not in (one["decode"] or "") else "int32s"
            kind = decode.removesuffix("nan").removesuffix("nans").removesuffix("s")
            order = "CDAB" if decode.removesuffix("nan").endswith("s") else "ABCD"
            absent = [1 << (int(kind[-2:]) - 1)] if "nan" in decode and kind.startswith("int") else []
            table = "coil" if one["type"] == "coil" else one["type"] or "holding"
            registers[f"{table}_{one['address']}"] = {
                "address": one["address"], "table": table, "type": kind, "order": order, "absent": absent,
            }  # fmt: skip
        if registers:
            yield template["template"], {"registers": registers}


DEVICES = list(declarations()) if CORPUS.is_dir() else []


@asynccontextmanager
async def captured(table: dict):
    """The first readings of a device; reports fail the test."""
    readings: dict[str, float] = {}
    reports: list[str] = []
    changed = asyncio.Event()

    async def emit(capture: Capture) -> None:
        readings.update(capture.event.keywords["values"])
        changed.set()

    reader = modbus.build(
        "bus", settings.convert(table, modbus.Settings, "test"), Context(report=lambda _, what: reports.append(what))
    )
    task = asyncio.create_task(reader.run(emit), name="reader")
    try:
        yield readings, reports, changed
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PymodbusServer]:
    with running(PymodbusServer(tmp_path_factory.mktemp("pymodbus"))) as one:
        yield one


@pytest.mark.parametrize(("name", "shape"), DEVICES, ids=[name for name, _ in DEVICES])
async def test_every_register_map_is_declared_and_read_from_a_server(name: str, shape: dict, server: PymodbusServer) -> None:
    """Each register holds its own address, so that one read from the wrong place is seen."""
    metrics = {key: {"unit": "1", "title_en": key, "title_zh": key} for key in shape["registers"]}
    registers = {key: {"table": shape.get("table", "holding"), **one} for key, one in shape["registers"].items()}
    slave = {"device": "one", "measurement": "equipment", "every_s": 3600, "metrics": metrics, "registers": registers}
    async with captured({"address": f"127.0.0.1:{server.port}", "slaves": [slave]}) as (readings, reports, changed):
        expected = {key: read(one) for key, one in registers.items()}
        while len(readings) < sum(value is not None for value in expected.values()):
            changed.clear()
            await asyncio.wait_for(changed.wait(), 120)
    assert reports == []
    assert readings == {key: float(value) for key, value in expected.items() if value is not None}


def read(declared: dict) -> float | str | None:
    """What a register holds whose words are their addresses."""
    point = point_of(settings.convert(declared, Register, "map"), ModbusShape())
    bits = point.table in {"coil", "discrete"}
    words = {place: place & 1 if bits else place for place in range(point.address, point.end)}
    return value_of(point, {point.table: words})
