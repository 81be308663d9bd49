"""From bytes to documents: Cayenne LPP, declared fields, what the server decoded."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects.lorawan.codec import CodecError
from plumbline.dialects.lorawan.codec.cayenne import Cayenne
from plumbline.dialects.lorawan.codec.decoded import ByServer
from plumbline.dialects.lorawan.codec.fields import DeclaredFields
from plumbline.dialects.lorawan.message import Message
from plumbline.profile.lorawan import Field, Frame, LorawanCodec


def uplink(payload: str, port: int | None = 1) -> Message:
    return Message(kind="uplink", f_port=port, payload=bytes.fromhex(payload))


def frames(*tables: dict[str, Any]) -> DeclaredFields:
    return DeclaredFields([msgspec.convert(one, Frame) for one in tables])


def one(payload: str, *, order: str = "big", **field: Any) -> Any:
    (document,) = frames({"fields": {"x": field}, "order": order}).decode(uplink(payload)).documents
    return document.get("x")


def test_cayenne_names_each_value_by_type_and_channel() -> None:
    assert Cayenne().decode(uplink("03670110056700ff")).documents == ({"temperature_3": 27.2, "temperature_5": 25.5},)
    assert Cayenne().decode(uplink("06710 4d2fb2e0000".replace(" ", ""))).documents == (
        {"accelerometer_6": {"x": 1.234, "y": -1.234, "z": 0}},
    )
    assert Cayenne().decode(uplink("018806765ff2960a0003e8")).documents == (
        {"gps_1": {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10}},
    )
    assert Cayenne().decode(uplink("016821027302340300ff")).documents == (
        {"relative_humidity_1": 16.5, "barometric_pressure_2": 56.4, "digital_in_3": 255},
    )


def test_cayenne_keeps_what_stands_before_an_unknown_type() -> None:
    decoded = Cayenne().decode(uplink("0367011001fa00"))
    assert decoded.documents == ({"temperature_3": 27.2},)
    assert "byte 4" in decoded.warnings[0]
    with pytest.raises(CodecError, match="no value of Cayenne"):
        Cayenne().decode(uplink("01fa00"))


@pytest.mark.parametrize(
    ("payload", "field", "value"),
    [
        ("ff", {"type": "u8"}, 255),
        ("ff", {"type": "i8"}, -1),
        ("00ff38", {"type": "i16", "at": 1, "scale": 0.01}, -2),
        ("1901", {"type": "i16", "order": "little", "scale": 0.1}, 28.1),
        ("010203", {"type": "u24"}, 0x010203),
        ("010203", {"type": "i24", "order": "little"}, 0x030201),
        ("b340", {"type": "f16", "order": "little"}, 2.349609375),
        ("41ae6666", {"type": "f32"}, 21.799999237060547),
        ("7fc00000", {"type": "f32"}, None),
        ("409a0086", {"type": "u32", "order": "words"}, 0x0086409A),
        ("1234", {"type": "bcd2"}, 1234),
        ("123a", {"type": "bcd2"}, None),
        ("ce29", {"type": "u16", "bits": [0, 14], "scale": 0.001}, 3.625),
        ("ce29", {"type": "u16", "bits": [14, 2]}, 3),
        ("7fff", {"type": "i16", "unknown": [32767]}, None),
        ("80e1", {"type": "u16", "zero": 32768, "scale": 0.1}, 22.5),
        ("02", {"type": "u8", "polynomial": [1, 0, 0.5]}, 3),
        ("64a0", {"type": "u16", "scale": 175 / 65535, "add": -45}, pytest.approx(23.787670710307466)),
        ("aabb01", {"type": "u8", "at": -1}, 1),
    ],
)
def test_a_field_is_read_as_declared(payload: str, field: dict[str, Any], value: Any) -> None:
    assert one(payload, **field) == value


def test_frames_are_chosen_by_port_length_and_content() -> None:
    codec = frames(
        {"ports": [2], "bytes": [3], "fields": {"all": {"type": "u8"}}},
        {"ports": [2], "when": [{"at": 1, "mask": 0x0F, "equals": [1, 3]}], "fields": {"temp": {"type": "u8", "at": 2}}},
    )
    assert codec.decode(uplink("07f114", 2)).documents == ({"all": 7, "temp": 20},)
    assert codec.decode(uplink("07f214", 2)).documents == ({"all": 7},)
    assert codec.decode(uplink("07f31415", 2)).documents == ({"temp": 20},)
    for payload, port in (("07f114", 3), ("07f21415", 2), ("", 2)):
        with pytest.raises(CodecError, match="no declared frame fits"):
            codec.decode(uplink(payload, port))


TAGGED = {
    "layout": "tagged",
    "order": "little",
    "groups": [
        {"tag": "0175", "bytes": 1, "fields": {"battery": {}}},
        {"tag": "??67", "bytes": 2, "fields": {"temperature": {"type": "i16", "scale": 0.1}}},
        {"tag": "ff0b", "bytes": 1},
        {"tag": "20ce", "bytes": -1},
    ],
}


def test_tagged_groups_are_read_one_after_another_and_history_is_passed_over() -> None:
    decoded = frames(TAGGED).decode(uplink("01755cff0bff0367340120ce00112233445566"))
    assert decoded.documents == ({"battery": 92, "temperature": 30.8},)
    assert decoded.warnings == ()


def test_a_group_that_nobody_declared_ends_the_reading_and_is_named() -> None:
    decoded = frames(TAGGED).decode(uplink("01755c0468650367 3401".replace(" ", "")))
    assert decoded.documents == ({"battery": 92},)
    assert "0468 at byte 3" in decoded.warnings[0]
    assert "ends within" in frames(TAGGED).decode(uplink("01755c036734")).warnings[0]


def test_flagged_groups_are_there_where_their_bit_is() -> None:
    codec = frames(
        {
            "layout": "flagged",
            "start": 3,
            "fields": {"id": {"type": "u16", "at": 1}},
            "groups": [
                {"bytes": 2, "fields": {"level": {"type": "u16", "zero": 32768}}},
                {"bytes": 2, "fields": {"battery": {"type": "u16", "scale": 0.001}}},
            ],
        }
    )
    assert codec.decode(uplink("020abc0003800f0c60")).documents == ({"id": 0x0ABC, "level": 15, "battery": 3.168},)
    assert codec.decode(uplink("020abc00020c60")).documents == ({"id": 0x0ABC, "battery": 3.168},)
    assert "bit 2" in codec.decode(uplink("020abc00060c600000")).warnings[0]


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        ({"fields": {}}, "there are none"),
        ({"layout": "tagged"}, "groups"),
        ({"layout": "tagged", "groups": [{"tag": "01", "bytes": 1}, {"tag": "0175", "bytes": 1}]}, "one length"),
        ({"layout": "flagged", "groups": [{"tag": "01", "bytes": 1}]}, "without tags"),
        ({"fields": {"x": {"type": "i16", "bits": [0, 4]}}}, "bits"),
        ({"fields": {"x": {"type": "u8", "bits": [4, 5]}}}, "bits"),
        ({"layout": "tagged", "groups": [{"tag": "01", "bytes": 1, "fields": {"x": {"type": "u16"}}}]}, "not within"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(table: dict[str, Any], hint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=hint):
        msgspec.convert(table, Frame)


def test_frames_belong_to_their_codec() -> None:
    with pytest.raises(msgspec.ValidationError, match="frames"):
        msgspec.convert({"codec": "fields"}, LorawanCodec)
    with pytest.raises(msgspec.ValidationError, match="script"):
        msgspec.convert({"codec": "javascript", "script": "../codec.js"}, LorawanCodec)


def test_what_the_server_decoded_is_taken_and_its_absence_told() -> None:
    assert ByServer("decoded").decode(Message(kind="uplink", decoded={"a": 1})).documents == ({"a": 1},)
    assert ByServer("normalized").decode(Message(kind="uplink", normalized=({"air": {}},))).documents == ({"air": {}},)
    with pytest.raises(CodecError, match="no decoded values beside 01 on port 3"):
        ByServer("decoded").decode(uplink("01", 3))


@given(st.binary(max_size=64), st.integers(0, 255))
def test_no_payload_makes_a_codec_raise_anything_else(payload: bytes, port: int) -> None:
    fields = {
        "a": Field(type="f64", at=-8),
        "b": Field(type="u64", bits=(3, 40), polynomial=(1, 2, 1e300)),
        "c": Field(type="f16", order="words"),
    }
    flagged = {"layout": "flagged", "start": 1, "groups": [{"bytes": i} for i in range(8)]}
    message = Message(kind="uplink", f_port=port, payload=payload)
    for codec in (Cayenne(), frames(TAGGED), frames(flagged), DeclaredFields([Frame(fields=fields)]), ByServer("decoded")):
        with contextlib.suppress(CodecError):
            codec.decode(message)
