"""Times and ids of what direct devices say."""

from contextlib import suppress
from functools import partial

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.direct.stamp import Stamper, digest, event_id
from plumbline.capture import Capture
from plumbline.errors import CodecError
from plumbline.event import CheckIn, Reading

NOW = 1_790_000_000_000_000_000


def stamper(quality="ntp"):
    return Stamper("yard", "direct-x", quality=lambda: quality)


def reading(at_ns=None, value=1.0, device="d"):
    return Capture(device, partial(Reading, measurement="m", values={"v": value}), at_ns, "ntp")


def stamped(one, capture, *, received_at=NOW, payload=b"p"):
    one.begin("t", payload, received_at)
    return one.complete(capture)


def test_a_message_that_is_read_again_says_the_same():
    for capture in (reading(), reading(NOW - 5)):
        assert stamped(stamper(), capture) == stamped(stamper(), capture)


def test_what_a_device_told_of_an_instant_has_one_id_however_often_it_says_so():
    first = stamped(stamper(), reading(NOW - 5))
    later = stamped(stamper(), reading(NOW - 5), received_at=NOW + 10**9, payload=b"p and more")
    assert (first.id, first.at) == (later.id, later.at) == (first.id, NOW - 5)


def test_the_same_said_again_without_a_time_is_another_event():
    first, later = stamped(stamper(), reading()), stamped(stamper(), reading(), received_at=NOW + 10**9)
    assert first.id != later.id
    assert (first.at, later.at) == (NOW, NOW + 10**9)


def test_what_a_device_tells_twice_of_one_instant_comes_once():
    one = stamper()
    assert stamped(one, reading(NOW - 5)) is not None
    assert stamped(one, reading(NOW - 5)) is None


def test_a_told_time_that_cannot_be_gives_way_to_that_of_the_receipt_where_somebody_sets_our_clock():
    assert stamped(stamper(), reading(NOW + 3600 * 10**9)).at == NOW
    assert stamped(stamper("free"), reading(NOW + 3600 * 10**9)).at == NOW + 3600 * 10**9


def test_the_clock_says_who_vouches_for_it():
    assert stamped(stamper("free"), reading()).clock.quality == "free"
    assert stamped(stamper(), reading()).clock.quality == "ntp"


@given(st.integers(0, 2**63 - 1), st.binary())
def test_an_id_is_a_uuid_of_version_7_and_of_its_time(at_ns, content):
    one = event_id(at_ns, content)
    assert one == event_id(at_ns, content)
    assert int(one.replace("-", "")[:12], 16) == at_ns // 1_000_000 & 0xFFFF_FFFF_FFFF
    assert one[14] == "7"
    assert one[19] in "89ab"


@given(st.text(), st.binary(), st.text(), st.binary())
def test_no_two_messages_share_a_digest(topic, payload, other_topic, other_payload):
    same = digest(topic, payload) == digest(other_topic, other_payload)
    assert same == ((topic, payload) == (other_topic, other_payload)) or "\0" in topic + other_topic


@example("", "\ud800", 0.0, None)
@given(
    st.text(st.characters(), max_size=300),
    st.text(st.characters(), max_size=300),
    st.floats(),
    st.one_of(st.none(), st.integers(0, 2**63 - 1)),
)
def test_whatever_a_dialect_says_becomes_an_event_or_is_refused(text, device, value, at_ns):
    one = stamper()
    for event in (
        partial(CheckIn, person=text, place="gate", method="badge", direction="in"),
        partial(Reading, measurement="m", values={"v": value}),
    ):
        one.begin("t", b"", NOW)
        with suppress(CodecError):
            one.complete(Capture(device, event, at_ns, "ntp"))
