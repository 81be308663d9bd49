"""A letter is shown with its mistake marked, whatever its bytes are."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import codec
from plumbline.command.letter_view import place_of, text_of, view
from plumbline.errors import CodecError
from tests.batches import batch, reading, scan


def refusal(payload):
    with pytest.raises(CodecError) as error:
        codec.decode_event(payload)
    return error.value.detail


def marked(payload, detail):
    return [line for line in view(payload, detail) if "◄──" in line]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b'"text":"x1"', b'"text":7', '  "text": 7,   ◄── Expected `str`, got `int`'),
        (b'"mono":1', b'"mono":-1', '    "mono": -1   ◄── Expected `int` >= 0'),
        (b'"device":"scanner",', b"", "{   ◄── Object missing required field `device`"),
    ],
)
def test_the_line_with_the_mistake_is_marked(old, new, line):
    payload = codec.encode(scan(1))
    assert old in payload
    spoilt = payload.replace(old, new)
    assert marked(spoilt, "plumbline/v1/yard/gw/events/business #1: " + refusal(spoilt)) == [line]


def test_a_mistake_in_one_of_many_values_marks_the_table():
    spoilt = codec.encode(reading(1)).replace(b"60.5", b'"loud"')
    assert marked(spoilt, refusal(spoilt)) == ['  "values": {   ◄── Expected `float`, got `str`']


def test_text_that_is_no_json_is_shown_around_the_byte_that_is_wrong():
    payload = codec.encode(scan(1)).replace(b',"text"', b';"text"')
    first, second = view(payload, refusal(payload))
    assert first[second.index("▲")] == ";"
    assert second.endswith(f"of {len(payload)}")
    assert list(view(b'{"cut', "Input data was truncated")) == ['{"cut']


def test_bytes_that_are_no_text_are_shown_in_hexadecimal_beside_text():
    lines = list(view(b"\x02plumb\xff" + bytes(10_000), "not_json"))
    assert lines[0].startswith("00000000  02 70 6c 75 6d 62 ff 00")
    assert lines[0].endswith(".plumb..........")
    assert "7959 more bytes" in lines[-1]
    assert len(list(view(b"\xff" * 10_000, "", every=True))) == 625


def test_a_compressed_batch_is_shown_as_its_json():
    _, payload = batch([scan(1)])
    assert json.loads("\n".join(view(zlib.compress(payload), ""))) == json.loads(payload)
    assert text_of(zlib.compress(payload)) == payload.decode()


@given(st.binary(max_size=400), st.text(max_size=80))
def test_anything_can_be_shown(payload, detail):
    assert "\x1b" not in "".join(view(payload, detail))


@pytest.mark.parametrize("payload", [b"[" * 900 + b"]" * 900, b"[" * 100_000, b'{"a":"\x1b[31m\xc2\x9b"}', b""])
def test_hostile_bytes_reach_no_terminal_and_exhaust_nothing(payload):
    shown = "\n".join(view(payload, "at `$[0]`"))
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_a_place_is_a_path_into_the_json():
    assert place_of("Expected `str` - at `$.events[3].clock.boot`") == (("events", 3, "clock", "boot"), "Expected `str`")
    assert place_of("a damaged zlib stream") == (None, "")
