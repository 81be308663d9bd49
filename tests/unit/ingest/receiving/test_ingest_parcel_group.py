"""Messages opened together are each what they are alone, whatever is wrong with one of them."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.receiving import parcel
from ingest.receiving.parcel import AHEAD_NS, open_group, open_parcel, wrong_with
from plumbline import codec, topics
from plumbline.errors import CodecError
from plumbline.mqtt import Message
from tests.batches import CLOCK, NOON, SITE, batch, check_in, fix, health, reading, scan, state
from tests.unit.plumbline.mutated_batches import batches

STRICT = msgspec.structs.replace(SITE, id="strict", unknown_devices="set_aside")
SITES = {"yard": SITE, "strict": STRICT}
UNSET = msgspec.structs.replace(CLOCK, quality="free", unset=True)


def message(topic, payload):
    return Message(topic=topic, payload=payload, qos=1, retain=False)


def group(messages):
    return open_group([message(*one) for one in messages], sites=SITES, received_at=NOON)


def said(one):
    """What a parcel says, without whose it is."""
    return one.topic, one.payload, one.received_at, one.header, one.events, one.refused, one.letters


def by_hand(topic, payload):
    """Numbers taken in, and number → reason of those that are not: event by event."""
    try:
        read = codec.decode_batch(payload)
    except CodecError as error:
        return [], [(None, error.reason)]
    head = read.header
    if topic != topics.events(head.site, head.gateway, head.event_class):
        return [], [(None, "misplaced")]
    judged = [(event.seq, wrong_with(event, SITES.get(event.site), NOON)) for event in read.events]
    wrong = [(seq, error.reason) for seq, _, error in read.refused] + [(seq, why[0]) for seq, why in judged if why]
    return [seq for seq, why in judged if why is None], wrong


def changed(event, **fields):
    return msgspec.structs.replace(event, **fields)


good = st.sampled_from(
    [
        batch([reading(1), reading(2), fix(3), health(4)]),
        batch([reading(5, gateway="gw2")]),
        batch([scan(1), check_in(2), state(3)]),
        batch([scan(1, site="strict"), state(2, site="strict")]),
        batch([reading(7, site="strict"), health(8, site="strict")]),
    ]
)
wrong = st.sampled_from(
    [
        batch([scan(1, site="elsewhere")]),
        batch([scan(1, site="strict"), check_in(2, site="strict")]),
        batch([reading(1), changed(reading(2), measurement="heat"), reading(3)]),
        batch([changed(reading(1), clock=UNSET), reading(2)]),
        batch([changed(scan(1), clock=UNSET), scan(2)]),
        batch([changed(scan(1), at=NOON + AHEAD_NS + 1), changed(scan(2), at=NOON + AHEAD_NS)]),
        ("plumbline/v1/yard/other/events/business", batch([scan(1)])[1]),
        ("plumbline/v1/yard/gw/events/telemetry", batch([scan(1)])[1]),
        ("plumbline/v1/yard/gw/presence", batch([scan(1)])[1]),
        ("elsewhere", batch([scan(1)])[1]),
        ("plumbline/v1/yard/gw/events/business", b"{"),
        ("plumbline/v1/yard/gw/events/business", b'{"events":' + b"[" * 60_000),
        ("plumbline/v1/yard/gw/events/business", zlib.compress(b" " * (codec.MAX_BATCH_BYTES + 1))),
        (batch([scan(1)])[0], batch([scan(1)])[1].replace(b'"x1"', b"7")),
    ]
)
mutated = batches().map(lambda data: ("plumbline/v1/yard/gw/events/business", data))
mutated |= batches().map(lambda data: ("plumbline/v1/yard/gw/events/telemetry", data))


@given(st.lists(good | wrong | mutated, max_size=6))
def test_messages_together_are_each_what_they_are_alone(messages):
    together = group(messages)
    alone = [open_parcel(*one, sites=SITES, received_at=NOON, ack=lambda: None) for one in messages]
    assert [said(one)[:4] for one in together] == [said(one)[:4] for one in alone]
    assert [said(one)[4:] for one in together] == [said(one)[4:] for one in alone]


@given(st.lists(good | wrong | mutated, max_size=6))
def test_what_is_taken_in_is_what_nothing_stands_against_event_by_event(messages):
    for one, (topic, payload) in zip(group(messages), messages, strict=True):
        taken, refused = by_hand(topic, payload)
        assert [event.seq for event in one.events] == taken
        assert [(letter.seq, letter.reason) for letter in [*one.refused, *one.letters]] == refused


@given(st.lists(good, min_size=1, max_size=6))
def test_of_good_messages_nothing_is_refused_and_each_acknowledges_its_own(messages):
    told = []

    class Receiver:
        def acknowledge(self, some):
            told.extend(some)

    arrived = [Message(topic=topic, payload=payload, qos=1, retain=False, receiver=Receiver()) for topic, payload in messages]
    opened = open_group(arrived, sites=SITES, received_at=NOON)
    assert not any(one.refused or one.letters for one in opened)
    for one in opened:
        one.ack()
    assert [id(one) for one in told] == [id(one) for one in arrived]


def test_parcels_share_nothing_that_is_changed_later():
    first, second = group([batch([scan(1)]), batch([scan(2)])])
    first.refused.append("letter")
    first.letters.append("letter")
    first.events.clear()
    assert (second.refused, second.letters) == ([], [])
    assert [event.seq for event in second.events] == [2]


def test_a_gateways_own_health_is_no_stranger_where_strangers_are_set_aside():
    opened = group([batch([health(1, site="strict")])])[0]
    assert [event.seq for event in opened.events] == [1]


@pytest.mark.parametrize("count", [3 * parcel._MOST_PLACES])
def test_a_flood_of_topics_is_forgotten(count):
    _, payload = batch([scan(1)])
    for i in range(count):
        parcel._place_of(f"plumbline/v1/s{i}/gw/events/business")
    parcel._place_of("plumbline/v1/" + "s" * 60_000 + "/gw/events/business")
    assert len(parcel._places) <= parcel._MOST_PLACES
    assert all(len(topic) <= parcel._LONGEST_REMEMBERED for topic in parcel._places)
    assert group([("plumbline/v1/yard/gw/events/business", payload)])[0].letters == []
