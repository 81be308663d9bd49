"""An answer is found among any other bytes, and nothing else is ever taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.readers.modbus.frame import Refusal, Request, encoded, listener
from tests.modbus_servers import checksum

REQUEST = Request(unit=3, table="holding", address=0x1234, count=2)
BITS = Request(unit=3, table="coil", address=10, count=10)
NOISE = st.binary(max_size=300)


def rtu(body: bytes) -> bytes:
    return body + checksum(body)


def tcp(transaction: int, body: bytes) -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body


GOOD = bytes((3, 3, 4, 0xAB, 0xCD, 0x00, 0x01))


def test_requests_are_those_of_the_standard():
    """Modbus over Serial Line 1.02 and the messaging guide for TCP 1.0b, byte for byte."""
    assert encoded("rtu", REQUEST, 9) == rtu(bytes.fromhex("030312340002"))
    assert encoded("tcp", REQUEST, 0xBEEF) == bytes.fromhex("beef00000006030312340002")
    functions = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
    for table, code in functions.items():
        assert encoded("tcp", Request(1, table, 0, 1), 1)[7] == code
        assert Request(1, table, 0, 1).function == code


@given(NOISE, NOISE, st.integers(1, 320))
def test_an_rtu_answer_is_found_between_any_bytes_in_any_pieces(before, after, size):
    stream = before + rtu(GOOD) + after
    ear = listener("rtu", REQUEST, 0)
    found = [answer for i in range(0, len(stream), size) if (answer := ear.feed(stream[i : i + size])) is not None]
    assert [0xABCD, 1] in found


@given(NOISE, st.integers(1, 400))
def test_a_tcp_answer_is_found_between_any_bytes_in_any_pieces(before, size):
    stream = before + tcp(77, GOOD)
    ear = listener("tcp", REQUEST, 77)
    found = [answer for i in range(0, len(stream), size) if (answer := ear.feed(stream[i : i + size])) is not None]
    assert [0xABCD, 1] in found


@given(st.binary(max_size=1000))
def test_noise_never_raises(noise):
    for framing in ("rtu", "tcp"):
        ear = listener(framing, REQUEST, 77)
        ear.feed(noise)
        assert (ear.heard() is None) == (not noise)


@pytest.mark.parametrize(
    "stream",
    [
        rtu(bytes((4, *GOOD[1:]))), rtu(bytes((3, 4, *GOOD[2:]))), rtu(bytes((3, 3, 2, 1, 2))), rtu(bytes((3, 3, 6, 1, 2, 3, 4, 5, 6))),
        rtu(GOOD)[:-1] + b"\x00", rtu(GOOD)[:-1], rtu(bytes((3, 0x84, 2))), encoded("rtu", REQUEST, 0),
        rtu(bytes((3, 3, 3, 1, 2, 3))), rtu(bytes((3, 3))),
    ],
    ids=["unit", "function", "shorter", "longer", "checksum", "cut", "refused-function", "echo", "odd", "empty"],
)  # fmt: skip
def test_what_is_no_answer_on_rtu(stream):
    assert listener("rtu", REQUEST, 0).feed(stream) is None


@pytest.mark.parametrize(
    "stream",
    [tcp(76, GOOD), tcp(77, bytes((4, *GOOD[1:]))), tcp(77, bytes((3, 4, *GOOD[2:]))), tcp(77, GOOD[:-1]), tcp(77, GOOD)[:-1],
     b"\0\x4d\0\1" + tcp(77, GOOD)[4:], tcp(77, bytes((3, 3, 2, 1, 2)))],
    ids=["stale", "unit", "function", "short", "cut", "protocol", "fewer"],
)  # fmt: skip
def test_what_is_no_answer_on_tcp(stream):
    assert listener("tcp", REQUEST, 77).feed(stream) is None


def test_refusals_are_answers():
    assert listener("rtu", REQUEST, 0).feed(b"\x00" + rtu(bytes((3, 0x83, 2)))) == Refusal(2)
    assert listener("tcp", REQUEST, 5).feed(tcp(5, bytes((3, 0x83, 11)))) == Refusal(11)


def test_bits_come_lowest_first_and_as_many_as_were_asked_for():
    assert listener("rtu", BITS, 0).feed(rtu(bytes((3, 1, 2, 0b0000_0101, 0b0000_0010)))) == [1, 0, 1, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("framing", "stream", "said"),
    [
        ("rtu", rtu(bytes((9, *GOOD[1:]))), "slave 9 answers instead"),
        ("rtu", rtu(GOOD)[:-1] + b"\x00", "wrong checksum"),
        ("rtu", b"\xf0" * 12, "12 bytes come that are no answer"),
        ("tcp", tcp(77, bytes((255, *GOOD[1:]))), "it answers as unit 255"),
        ("tcp", tcp(76, GOOD), "it answers too late"),
        ("tcp", b"SSH-2.0-dropbear\r\n", "18 bytes come that are no Modbus TCP"),
    ],
)
def test_what_came_instead_is_told(framing, stream, said):
    ear = listener(framing, REQUEST, 77)
    assert ear.heard() is None
    assert ear.feed(stream) is None
    assert said in ear.heard()[0]
