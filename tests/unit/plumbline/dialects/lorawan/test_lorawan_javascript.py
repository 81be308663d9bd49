"""The makers' scripts in a real QuickJS, in its own process."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("quickjs")

import contextlib
import signal
import threading

from plumbline.dialects.lorawan.codec import CodecError, Engine
from plumbline.dialects.lorawan.codec.javascript import JavaScript
from plumbline.dialects.lorawan.message import Message

UPLINK = Message(kind="uplink", f_port=2, payload=b"\x01\x10", at_ns=1_700_000_000_000_000_000)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def run(engine: Engine, source: str, message: Message = UPLINK):
    return JavaScript(source, {"offset": "0.5"}, engine).decode(message)


@pytest.mark.parametrize(
    "source",
    [
        "function decodeUplink(input) { return {data: {temp: (input.bytes[0] << 8 | input.bytes[1]) / 10, port: input.fPort}}; }",
        "const decodeUplink = ({bytes, fPort}) => ({data: {temp: (bytes[0] << 8 | bytes[1]) / 10, port: fPort}});",
        "exports.decodeUplink = (input) => ({data: {temp: 27.2, port: input.fPort}});",
        "module.exports = {decodeUplink: (input) => ({data: {temp: 27.2, port: input.fPort}})};",
        "function Decoder(bytes, port) { return {temp: (bytes[0] << 8 | bytes[1]) / 10, port: port}; }",
        "function Decode(fPort, bytes, variables) { return {temp: 26.7 + Number(variables.offset), port: fPort}; }",
        (
            "console.log('hello'); function Decoder(b, p) { return {temp: 27.2, port: p}; } "
            "function decodeUplink(input) { return {data: Decoder(input.bytes, input.fPort)}; }"
        ),
    ],
)
def test_every_form_of_script_is_called_in_its_own_way(engine: Engine, source: str) -> None:
    assert run(engine, source).documents == ({"temp": 27.2, "port": 2},)


def test_a_payload_is_not_lost_where_the_process_that_runs_the_script_stands_still(monkeypatch) -> None:
    monkeypatch.setattr("plumbline.dialects.lorawan.codec.engine.ANSWER_S", 0.2)
    engine = Engine()
    source = "function decodeUplink() { return {data: {a: 1}}; }"
    assert run(engine, source).documents == ({"a": 1},)
    assert engine._process is not None
    engine._process.send_signal(signal.SIGSTOP)
    swapped = threading.Timer(1, engine._process.send_signal, [signal.SIGCONT])
    swapped.start()
    assert run(engine, source).documents == ({"a": 1},)
    swapped.join()
    engine.close()


def test_a_script_is_told_when_the_frame_was_received(engine: Engine) -> None:
    source = (
        "function decodeUplink(input) { return {data: {at: input.recvTime.toISOString(), hour: input.recvTime.getHours()}}; }"
    )
    assert run(engine, source).documents == ({"at": "2023-11-14T22:13:20.000Z", "hour": 22},)


def test_errors_and_warnings_of_a_script_are_told(engine: Engine) -> None:
    with pytest.raises(CodecError, match="reports: unknown FPort"):
        run(engine, "function decodeUplink() { return {errors: ['unknown FPort']}; }")
    decoded = run(engine, "function decodeUplink() { return {data: {a: 1}, warnings: ['low battery']}; }")
    assert decoded.warnings == ("the script remarks: low battery",)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("function (", "SyntaxError"),
        ("var x = 1;", "no decodeUplink"),
        ("require('fs');", "require"),
        ("function decodeUplink() { return 3; }", "int instead of an object"),
        ("function decodeUplink() { return {}; }", "no 'data'"),
        ("function decodeUplink() { throw new Error('no such sensor'); }", "no such sensor"),
        ("function decodeUplink() { const o = {}; o.o = o; return {data: o}; }", "circular"),
        ("function decodeUplink() { return decodeUplink() + 1; }", "stack"),
        ("while (true) {}", "cut off"),
        ("function decodeUplink() { while (true) {} }", "cut off"),
        ("function decodeUplink() { return /(a+)+$/.test('a'.repeat(64) + 'b'); }", "cut off"),
        ("function decodeUplink() { const a = []; for (;;) a.push(new Array(1000).fill(1)); }", "cut off"),
        ("function decodeUplink() { return {data: {a: 'x'.repeat(1 << 20)}}; }", "characters"),
        ("function decodeUplink() { let a = 1; for (let i = 0; i < 5000; i++) a = [a]; return {data: {a}}; }", "script"),
    ],
)
def test_a_script_that_fails_says_why_and_the_next_payload_is_read(engine: Engine, source: str, hint: str) -> None:
    with pytest.raises(CodecError, match=hint):
        run(engine, source)
    assert run(engine, "function Decoder(bytes) { return {n: bytes.length}; }").documents == ({"n": 2},)


def test_a_script_that_no_interrupt_reaches_is_ended_with_its_process(engine: Engine) -> None:
    with pytest.raises(CodecError, match="cut off"):
        run(engine, "function decodeUplink() { return {data: {a: Array(1e9).join('x')}}; }")
    assert run(engine, "function Decoder(bytes) { return {n: bytes.length}; }").documents == ({"n": 2},)


def test_a_script_cannot_reach_files_or_the_network(engine: Engine) -> None:
    source = """
    function decodeUplink() {
      const found = ["require", "process", "std", "os", "fetch", "XMLHttpRequest", "load", "setTimeout"]
        .filter((name) => typeof globalThis[name] !== "undefined");
      return {data: {found: found.length}};
    }"""
    assert run(engine, source).documents == ({"found": 0},)


def test_scripts_do_not_see_each_other(engine: Engine) -> None:
    run(engine, "var shared = 7; JSON.stringify = null; function Decoder() { return {a: 1}; }")
    source = "function Decoder() { return {kind: typeof shared}; }"
    assert run(engine, source).documents == ({"kind": "undefined"},)


def test_a_script_that_is_cut_off_each_time_rests_in_between(engine: Engine) -> None:
    codec = JavaScript("function decodeUplink(i) { if (i.fPort === 2) while (true) {} return {data: {a: 1}}; }", {}, engine)
    told: list[str] = []
    for _ in range(5):
        with pytest.raises(CodecError) as failed:
            codec.decode(UPLINK)
        told.append(str(failed.value))
    assert ["rests" in one for one in told] == [False, False, False, True, True]
    assert codec.decode(Message(kind="uplink", f_port=3, payload=b"")).documents == ({"a": 1},)


@settings(max_examples=50)
@given(st.text(max_size=60) | st.sampled_from(["\ud800", "\0", "return", "'" * 9, "/*", "`${"]), st.binary(max_size=20))
def test_no_source_and_no_payload_make_it_raise_anything_else(source: str, payload: bytes) -> None:
    with contextlib.suppress(CodecError):
        JavaScript(source, {}, _shared()).decode(Message(kind="uplink", f_port=1, payload=payload))


_engines: list[Engine] = []


def _shared() -> Engine:
    if not _engines:
        _engines.append(Engine())
    return _engines[0]
