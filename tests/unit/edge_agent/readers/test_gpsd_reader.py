"""The gpsd reader against a server that plays gpsd's protocol; against the real one in tests/integration."""

import asyncio
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.reader import Context, Reader, ReaderError
from edge_agent.readers import gpsd
from edge_agent.readers.gpsd.protocol import MAX_LINE, WATCH, Report, Session, Trouble
from plumbline import settings
from plumbline.errors import SettingsError
from tests.kept import HEADER, Kept, Serve, running, tcp_server

FOLDER = Path(gpsd.__file__).parent
HELLO = {"class": "VERSION", "release": "3.22", "proto_major": 3, "proto_minor": 14}


def tpv(second: int, device: str = "/dev/ttyACM0", **more) -> dict:
    time = f"2026-11-10T06:30:{second:02}.000Z"
    return {"class": "TPV", "device": device, "mode": 3, "time": time, "lat": 31.248, "lon": 121.47} | more


def lines(*messages: dict) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)


def reader_of(kept: Kept, **keys) -> Reader:
    return gpsd.build("truck", settings.convert(keys, gpsd.Settings, "test"), Context(report=kept.report))


def telling(data: bytes) -> Serve:
    """A gpsd that says `data` once it was asked to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\n") == WATCH
        writer.write(data)
        await reader.read()

    return serve


@pytest.mark.parametrize("case", sorted(path.name for path in (FOLDER / "testcases").iterdir()))
async def test_case(case: str) -> None:
    folder, kept = FOLDER / "testcases" / case, Kept()
    expected = json.loads((folder / "expected.json").read_text())
    keys = tomllib.loads((folder / "config.toml").read_text())
    async with (
        tcp_server(telling((folder / "input.json").read_bytes())) as address,
        running(reader_of(kept, address=address, **keys), kept),
    ):
        await kept.until(lambda: len(kept.captures) >= len(expected))
    found = []
    for capture, second in zip(kept.captures, kept.seconds(), strict=True):
        fix = capture.event(**HEADER)
        found.append({"second": second} | {key: getattr(fix, key) for key in expected[0] if key != "second"})
    assert found == [pytest.approx(row, abs=1e-3) for row in expected]


def test_the_sample_is_a_configuration() -> None:
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert table.pop("type") == "gpsd"
    gpsd.build(table.pop("name"), settings.convert(table, gpsd.Settings, "sample"), Context())


def test_every_setting_is_documented() -> None:
    text = (FOLDER / "README.md").read_text()
    assert [name for name in gpsd.Settings.__struct_fields__ if f"`{name}`" not in text] == []


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(SettingsError, match="address: must be host:port"):
        reader_of(Kept(), address="localhost")


async def test_the_named_one_of_several_receivers_is_listened_to() -> None:
    told = lines(HELLO, tpv(1, "/dev/a"), tpv(1, "/dev/b", lat=30), tpv(2, "/dev/b"), tpv(2, "/dev/a"), tpv(3, "/dev/b"))
    named, unnamed = Kept(), Kept()
    async with tcp_server(telling(told)) as address:
        async with running(reader_of(named, address=address, device="/dev/b"), named):
            await named.until(lambda: len(named.captures) == 3)
        async with running(reader_of(unnamed, address=address), unnamed):
            await unnamed.until(lambda: len(unnamed.captures) == 2 and bool(unnamed.reports))
    assert (named.seconds(), unnamed.seconds(), named.reports) == ([1, 2, 3], [1, 2], [])
    assert "several receivers (/dev/a, /dev/b); name the one" in unnamed.reports[0]


async def test_a_receiver_that_gpsd_lost_is_reported_and_then_an_error() -> None:
    device = {"class": "DEVICE", "path": "/dev/ttyACM0", "activated": "2026-11-10T06:30:00.000Z"}
    kept = Kept()
    async with tcp_server(telling(lines(HELLO, device, tpv(1), device | {"activated": 0}))) as address:
        with pytest.raises(ReaderError, match=r"gpsd reports no position \(its receivers: /dev/ttyACM0\)"):
            await reader_of(kept, address=address, silence_s=0.5).run(kept.emit)
    assert kept.seconds() == [1]
    assert kept.reports == ["truck: gpsd lost the receiver /dev/ttyACM0; check whether it was unplugged"]


async def test_complaints_and_what_is_no_gpsd_are_reported() -> None:
    kept = Kept()
    told = lines({"class": "ERROR", "message": "Unrecognized request"}) + b"$GPGGA,123519,4807\r\n"
    async with tcp_server(telling(told)) as address, running(reader_of(kept, address=address), kept):
        await kept.until(lambda: len(kept.reports) == 2)
    assert "gpsd complains: Unrecognized request" in kept.reports[0]
    assert "is for the reader 'nmea'" in kept.reports[1]


async def test_a_receiver_without_a_fix_is_reported() -> None:
    kept = Kept()
    async with (
        tcp_server(telling(lines(HELLO, tpv(1, mode=1)))) as address,
        running(reader_of(kept, address=address, no_fix_s=0.1), kept),
    ):
        await kept.until(lambda: bool(kept.reports))
    assert "no fix for 0.1 s; check the antenna" in kept.reports[0]


async def test_a_gpsd_that_ends_is_an_error_and_is_read_again() -> None:
    kept = Kept()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\n")
        writer.write(lines(HELLO, tpv(len(kept.captures) + 1), {"class": "TPV", "device": "/dev/ttyACM0", "mode": 1}))
        count = len(kept.captures)
        await kept.until(lambda: len(kept.captures) > count)

    async with tcp_server(serve) as address:
        reader = reader_of(kept, address=address)
        for _ in range(2):
            with pytest.raises(ReaderError, match="closed by the server"):
                await reader.run(kept.emit)
    assert kept.seconds() == [1, 2]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (lines(HELLO, tpv(1), tpv(2), tpv(3)), r"gpsd 3.22 at 127.0.0.1:\d+: a 3D fix"),
        (lines(HELLO, tpv(1, mode=1)), "no fix; check the antenna"),
    ],
)
async def test_a_check_says_what_gpsd_has(told: bytes, expected: str) -> None:
    async with tcp_server(telling(told)) as address:
        assert re.search(expected, await reader_of(Kept(), address=address).check(0.6))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (b"", "no word from gpsd in 0.3 s"),
        (lines(HELLO, {"class": "DEVICES", "devices": []}), r"gpsd reports no position \(its receivers: none\)"),
        (b"$GPGGA,1\r\n", "is for the reader 'nmea'"),
    ],
)
async def test_a_check_without_a_receiver_fails(told: bytes, message: str) -> None:
    async with tcp_server(telling(told)) as address:
        with pytest.raises(ReaderError, match=message):
            await reader_of(Kept(), address=address).check(0.3)


def epochs(*messages: dict) -> list:
    session = Session()
    return [one.epoch for one in [*session.feed(lines(*messages)), *session.flush()] if isinstance(one, Report)]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2016-12-31T23:59:60.500Z", 1_483_228_800_500_000_000),
        (1_483_228_799.25, 1_483_228_799_250_000_000),
        ("2016-13-31T23:59:59Z", None),
        ("yesterday", None),
        (-1, None),
        (None, None),
    ],
)
def test_times_of_all_protocols_are_read(time: object, expected: int | None) -> None:
    assert epochs(tpv(1, time=time))[0].time_ns == expected


@pytest.mark.parametrize(
    "more",
    [
        {"mode": 0},
        {"mode": 1},
        {"mode": "3"},
        {"mode": True},
        {"lat": None},
        {"lat": 91},
        {"lon": "x"},
        {"mode": [3]},
    ],
)
def test_what_is_no_fix_is_none(more: dict) -> None:
    assert [epoch.mode for epoch in epochs(tpv(1, **more))] == [1]


def test_satellites_are_counted_where_an_old_gpsd_does_not() -> None:
    sky = {"class": "SKY", "device": "/dev/ttyACM0", "satellites": [{"PRN": 1, "used": True}, {"PRN": 2, "used": False}, 7]}
    assert epochs(sky, tpv(1))[0].sats_used == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACE = ["device", "mode", "time", "lat", "lon", "alt", "eph", "epx", "epy", "status", "speed", "track"]
KEYS = st.sampled_from([*PLACE, "hdop", "uSat", "satellites", "devices", "path", "activated", "message"])
CLASSES = st.sampled_from(["TPV", "SKY", "GST", "DEVICE", "DEVICES", "ERROR", "VERSION", "NEW"])


@given(st.lists(st.builds(lambda kind, fields: fields | {"class": kind}, CLASSES, st.dictionaries(KEYS, JSON, max_size=8))))
def test_no_message_makes_it_fail(messages: list[dict]) -> None:
    for epoch in epochs(*messages):
        assert epoch.mode == 1 or (-90 <= epoch.lat <= 90 and -180 <= epoch.lon <= 180)


@given(st.lists(st.binary(max_size=100) | st.just(b'{"class":"TPV"}\n') | st.just(b"[" * 5000), max_size=30))
def test_no_bytes_make_it_fail_or_grow(chunks: list[bytes]) -> None:
    session = Session()
    for chunk in chunks:
        list(session.feed(chunk))
        assert len(session._rest) <= MAX_LINE
    assert all(isinstance(one, Report | Trouble) for one in session.flush())
