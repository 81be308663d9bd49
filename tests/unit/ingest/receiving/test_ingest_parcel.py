"""Opening a message never fails: whatever is wrong becomes a letter with its reason."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.operations.presence import PRESENCE
from ingest.receiving.parcel import open_parcel
from ingest.receiving.retained import read
from plumbline import codec, compression
from plumbline.delivery import Presence
from tests.batches import NOON, SITE, batch, reading, scan

SITES = {"yard": SITE}


def opened(topic, payload, sites=SITES):
    return open_parcel(topic, payload, sites=sites, received_at=NOON, ack=lambda: None)


@given(st.text(max_size=40) | st.just("plumbline/v1/yard/gw/events/business"), st.binary(max_size=300))
def test_any_bytes_on_any_topic_become_letters(topic, payload):
    parcel = opened(topic, payload)
    assert parcel.header is None
    assert len(parcel.letters) == 1
    assert topic in parcel.letters[0].detail


def test_a_batch_on_another_gateways_topic_is_misplaced_and_counts_nowhere():
    _, payload = batch([scan(1)])
    for topic in ("plumbline/v1/yard/other/events/business", "plumbline/v1/yard/gw/events/telemetry", "elsewhere"):
        parcel = opened(topic, payload)
        assert parcel.header is None
        assert parcel.letters[0].reason == "misplaced"


def test_a_compressed_batch_is_taken_and_a_damaged_one_keeps_its_own_bytes():
    topic, payload = batch([reading(n) for n in range(1, 11)])
    small = compression.compressed(payload)
    assert compression.is_compressed(small)
    assert opened(topic, small).events == opened(topic, payload).events
    letter = opened(topic, small[:-1]).letters[0]
    assert (letter.reason, letter.payload) == ("not_json", small[:-1])


def test_events_of_an_unknown_site_keep_their_number_and_can_be_decoded_again():
    parcel = opened(*batch([scan(1), scan(2)]), sites={})
    assert parcel.events == []
    assert [(letter.seq, letter.reason) for letter in parcel.refused] == [(1, "unknown_site"), (2, "unknown_site")]
    assert codec.decode_event(parcel.refused[1].payload) == scan(2)


def test_one_bad_event_does_not_take_the_others_with_it():
    topic, payload = batch([scan(1), scan(2), scan(3)])
    parcel = opened(topic, payload.replace(b'"x2"', b"77"))
    assert [event.seq for event in parcel.events] == [1, 3]
    assert [(letter.seq, letter.reason) for letter in parcel.refused] == [(2, "invalid")]


@pytest.mark.parametrize("name", [b"heat", b"rollup", b"environment_1m", b"x_15m", b"x_1h"])
def test_a_reading_may_not_call_itself_like_what_is_computed_here(name):
    topic, payload = batch([reading(1), reading(2)])
    parcel = opened(topic, payload.replace(b'"environment"', b'"' + name + b'"', 1))
    assert [event.seq for event in parcel.events] == [2]
    assert parcel.refused[0].reason == "reserved_name"


def test_a_clock_more_than_a_day_ahead_does_not_become_the_newest_state_until_that_day():
    day_ns = 86_400 * 10**9
    ahead = msgspec.structs.replace(scan(1), at=NOON + day_ns + 1)
    parcel = opened(*batch([ahead, msgspec.structs.replace(scan(2), at=NOON + day_ns)]))
    assert [event.seq for event in parcel.events] == [2]
    assert [(letter.seq, letter.reason) for letter in parcel.refused] == [(1, "clock_ahead")]


@given(st.binary(max_size=200))
def test_any_bytes_as_presence_become_a_letter(payload):
    assert not isinstance(read(PRESENCE, "plumbline/v1/yard/gw/presence", payload), Presence)


def test_presence_that_speaks_for_another_gateway_is_misplaced():
    said = codec.encode(Presence(site="yard", gateway="gw", online=True, at=1))
    assert isinstance(read(PRESENCE, "plumbline/v1/yard/gw/presence", said), Presence)
    assert read(PRESENCE, "plumbline/v1/yard/other/presence", said).reason == "misplaced"
