"""The line reader at its links: a TCP server, a pseudo-terminal, the profiles of scales."""

import asyncio
import json
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.reader import Context, Reader, ReaderError
from edge_agent.readers import line
from plumbline import profile, settings
from plumbline.errors import SettingsError
from plumbline.event import Reading
from tests.kept import Kept, Terminal, running, saying, tcp_server

FOLDER = Path(line.__file__).parent
PROFILES = profile.load_all(Path(__file__).parents[4] / "firmware_configs")
WEIGHT = {"weight_kg": {"unit": "kg", "title_en": "", "title_zh": ""}}


def values(kept: Kept) -> list[dict[str, float]]:
    return [event.values for event in kept.events() if isinstance(event, Reading)]


def declared(*patterns: str, metrics: dict = WEIGHT, **shape) -> dict:
    return {"line": {"patterns": list(patterns), **shape}, "metrics": metrics, "measurement": "scale"}


def reader_of(kept: Kept, data: Path = Path(), **keys) -> Reader:
    context = Context(report=kept.report, profiles=PROFILES, data=data)
    return line.build("scale", settings.convert(keys, line.Settings, "test"), context)


@pytest.mark.parametrize("size", [1, 4096])
@pytest.mark.parametrize("case", sorted(path.name for path in (FOLDER / "testcases").iterdir()))
async def test_case(case: str, size: int, tmp_path: Path) -> None:
    folder, kept = FOLDER / "testcases" / case, Kept()
    expected = json.loads((folder / "expected.json").read_text())
    keys = tomllib.loads((folder / "config.toml").read_text())

    def complete() -> bool:
        return len(kept.captures) >= len(expected["events"]) and len(kept.reports) >= len(expected["reports"])

    async with (
        tcp_server(saying((folder / "input.txt").read_bytes(), size)) as address,
        running(reader_of(kept, tmp_path, address=address, **keys), kept),
    ):
        await kept.until(complete)
    for event, wanted in zip(kept.events(), expected["events"], strict=True):
        found = {key: getattr(event, key) for key in wanted}
        assert found == wanted | ({"values": pytest.approx(wanted["values"])} if "values" in wanted else {})
    for report, part in zip(kept.reports, expected["reports"], strict=True):
        assert part in report


def test_the_sample_is_a_configuration() -> None:
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert table.pop("type") == "line"
    line.build(table.pop("name"), settings.convert(table, line.Settings, "sample"), Context())


def test_every_setting_is_documented() -> None:
    text = (FOLDER / "README.md").read_text()
    names = [*line.Settings.__struct_fields__, *profile.LineShape.__struct_fields__, *profile.LineCheck.__struct_fields__]
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", [one.id for one in PROFILES.values() if one.line])
def test_a_profile_with_a_line_makes_a_reader(name: str) -> None:
    reader_of(Kept(), port="/dev/x", profile=name)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "port, address: exactly one must be given, found none"),
        ({"port": "/dev/x"}, "a 'line' table is missing"),
        ({"port": "/dev/x", "profile": "serial-scanner"}, "profile 'serial-scanner' has no 'line' table"),
        (
            {"port": "/dev/x", **declared("{weight} kg")},
            r"metrics.weight_kg: no pattern has a number {weight_kg}; there are: weight",
        ),
        ({"port": "/dev/x", **declared("{weight_kg}{status:word}")}, "nothing uses the place {status}"),
        ({"port": "/dev/x", **declared("{weight_kg} kg {")}, "a single '{'"),
        (
            {"port": "/dev/x", **declared("{weight_kg}", send_when={"status": ["ST"]})},
            "send_when.status: no pattern has a word",
        ),
        ({"port": "/dev/x", **declared("{weight_kg}", counters={"bags": {}})}, "counters.bags: there is no such metric"),
        (
            {"port": "/dev/x", **declared("{weight_kg}", units={"Pfd": "pound"})},
            "units: Pfd = 'pound' can become the unit of no metric",
        ),
        ({"port": "/dev/x", **declared("{weight_kg}", start="→")}, "line.start: '→' is not ASCII"),
        ({"port": "/dev/x", **declared("{weight_kg}", decimal=",", thousands=",")}, "must differ"),
    ],
)
def test_wrong_settings_name_their_key(keys, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        reader_of(Kept(), **keys)


async def test_a_mettler_scale_is_asked_and_only_stable_weights_are_sent() -> None:
    kept, asked = Kept(), []
    answers = [b"S D     100.43 g\r\n", b"S S     100.00 g\r\n", b"S +\r\n", b"S I\r\n", b"ES\r\n", b"S S     -1.500 kg\r\n"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            asked.append(await reader.readuntil(b"\r\n"))
            writer.write(answer)
        await reader.read()

    shape = json.loads(json.dumps(_table(PROFILES["mt-sics"].line))) | {"every_s": 0.05}
    async with (
        tcp_server(serve) as address,
        running(reader_of(kept, address=address, profile="mt-sics", line=shape), kept),
    ):
        await kept.until(lambda: len(kept.captures) == 2)
    assert asked == [b"SI\r\n"] * 6
    assert values(kept) == [{"weight_kg": 0.1}, {"weight_kg": -1.5}]
    assert "overload" in kept.reports[0]


def _table(shape) -> dict:
    return {key: getattr(shape, key) for key in shape.__struct_fields__ if key not in {"check", "state"}}


async def test_a_device_that_does_not_answer_is_reported_with_what_it_was_asked() -> None:
    async with tcp_server(saying(b"")) as address:
        keys = declared("{weight_kg}", request="P\r\n", every_s=0.05)
        with pytest.raises(ReaderError, match=r"scale: no line for 0.2 s although asked with 'P\\r\\n'"):
            await reader_of(kept := Kept(), address=address, silence_s=0.2, **keys).run(kept.emit)


async def test_the_end_of_a_line_at_the_opening_of_a_port_is_no_value() -> None:
    kept, terminal = Kept(), Terminal()
    async with running(reader_of(kept, port=terminal.path, **declared("{weight_kg} kg")), kept):
        while len(kept.captures) < 4:
            terminal.send(b"5.0 kg\r\n125.0 kg\r\n12")  # all the time, so that the port is opened in the middle of it
            with suppress(TimeoutError):
                await asyncio.wait_for(kept.until(lambda: len(kept.captures) > 3), 0.02)
    terminal.unplug()
    assert values(kept)[0] == {"weight_kg": 125.0}


async def test_a_device_that_was_unplugged_is_read_again_under_the_same_path(tmp_path: Path) -> None:
    kept, by_id = Kept(), tmp_path / "usb-scale-if00"
    reader = reader_of(kept, port=str(by_id), **declared("W {weight_kg} kg"))
    for _ in range(2):
        terminal = Terminal()
        by_id.unlink(missing_ok=True)
        by_id.symlink_to(terminal.path)
        kept.captures.clear()
        async with running(reader, kept) as task:
            while not kept.captures:
                terminal.send(b"W 12.5 kg\r\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(kept.until(lambda: bool(kept.captures)), 0.05)
            terminal.unplug()
            with pytest.raises(ReaderError, match="whether the device was unplugged"):
                await task


async def test_a_flood_of_garbage_is_told_once_and_loses_no_line() -> None:
    kept = Kept()
    garbage = (b"\x80\x81$*" * 500 + b"\r\n") * 50
    async with (
        tcp_server(saying(garbage + b"1 kg\r\n" + garbage + b"2 kg\r\n")) as address,
        running(reader_of(kept, address=address, **declared("{weight_kg} kg")), kept),
    ):
        await kept.until(lambda: len(kept.captures) == 2)
    assert values(kept) == [{"weight_kg": 1.0}, {"weight_kg": 2.0}]
    assert len(kept.reports) == 1
    assert "without an end of line" in kept.reports[0] or "at most 256 are read" in kept.reports[0]


async def test_totals_go_on_after_the_agent_was_restarted(tmp_path: Path) -> None:
    kept = Kept()
    bags = {"bags": {"unit": "1", "title_en": "", "title_zh": ""}}
    keys = declared("N {bags}", metrics=bags, counters={"bags": {}})
    for said, count in ((b"N 5\r\nN 9\r\n", 2), (b"N 2\r\nN 2\r\n", 3)):
        async with tcp_server(saying(said)) as address, running(reader_of(kept, tmp_path, address=address, **keys), kept):
            await kept.until(lambda count=count: len(kept.captures) == count)
    assert values(kept) == [{"bags": 5.0}, {"bags": 9.0}, {"bags": 11.0}]


async def test_a_totals_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "scale.totals.json").write_bytes(b"\xff{")
    kept, bags = Kept(), {"bags": {"unit": "1", "title_en": "", "title_zh": ""}}
    async with tcp_server(saying(b"N 5\r\n")) as address:
        keys = declared("N {bags}", metrics=bags, counters={"bags": {}})
        async with running(reader_of(kept, tmp_path, address=address, **keys), kept):
            await kept.until(lambda: bool(kept.captures))
    assert "cannot read the totals" in kept.reports[0]


async def test_a_check_shows_what_it_understood() -> None:
    async with tcp_server(saying(b"ST,GS,+ 1.0kg\r\nST,GS,+ 2.0kg\r\nST,GS,+ 2.5kg\r\n")) as address:
        said = await reader_of(Kept(), address=address, profile="continuous-scale").check(20)
    assert said == f"{address}: 3 lines, the last 'ST,GS,+ 2.5kg': Gross weight 2.5 kg"


@pytest.mark.parametrize(
    ("said", "silence_s", "message"),
    [
        (b"", 5, "no line for 0.3 s"),
        (b"hello\r\n", None, "it sent 'hello', which fits no pattern"),
        (b"hello", None, None),
        (b"", None, None),
    ],
)
async def test_a_check_of_what_cannot_be_understood_fails(said: bytes, silence_s, message: str | None) -> None:
    keys = {} if silence_s is None else {"silence_s": silence_s}
    async with tcp_server(saying(said)) as address:
        reader = reader_of(Kept(), address=address, profile="continuous-scale", **keys)
        if message is None:
            assert "it said nothing in 0.3 s" in await reader.check(0.3)
            return
        with pytest.raises(ReaderError, match=message) as failed:
            await reader.check(0.3)
        assert str(failed.value).count("; check ") == 1
