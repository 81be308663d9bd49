"""What the benchmark sends is what gateways send, and its ready-made lines are the same points."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ingest.projection.points import PointMaker
from ingest.series.line_protocol import LineEncoder
from plumbline import codec, ranges, site, topics
from plumbline.bench.ingest.load import SITE, Load
from plumbline.compression import is_compressed

NOW = 1_790_000_000_000_000_000


def decoded(load):
    return [(message, codec.decode_batch(message.payload)) for message in load.messages()]


def test_every_event_is_byte_for_byte_what_the_codec_writes():
    load = Load(events=400, now=NOW, compress=False)
    for message, batch in decoded(load):
        events = b",".join(codec.encode(event) for event in batch.events)
        assert message.payload.endswith(b',"events":[%b]}' % events)


@given(st.integers(1, 700), st.sampled_from([1, 7, 50, 100]), st.integers(1, 5))
@settings(max_examples=30)
def test_all_numbers_come_once_and_in_order_whatever_the_sizes(events, per_message, gateways):
    load = Load(events=events, per_message=per_message, gateways=gateways, now=NOW)
    taken: dict[str, list[int]] = {}
    for message, batch in decoded(load):
        assert not batch.refused
        assert message.topic == topics.events(SITE, batch.header.gateway, "telemetry")
        assert message.events == len(batch.events) == ranges.count(batch.header.ranges)
        taken.setdefault(batch.header.gateway, []).extend(event.seq for event in batch.events)
    assert sum(map(len, taken.values())) == events
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in taken.values())


def test_a_station_measures_once_a_second_and_never_in_the_future():
    times: dict[str, list[int]] = {}
    for _, batch in decoded(Load(events=1000, gateways=2, now=NOW)):
        for event in batch.events:
            times.setdefault(event.device, []).append(event.at)
    assert len(times) == 100
    assert all(later - earlier == 10**9 for each in times.values() for earlier, later in pairwise(each))
    assert max(map(max, times.values())) < NOW


def test_values_have_one_or_two_decimals_and_no_two_events_an_id():
    events = [event for _, batch in decoded(Load(events=1000, now=NOW)) for event in batch.events]
    assert len({event.id for event in events}) == 1000
    assert all(round(value, 2) == value for event in events for value in event.values.values())
    assert len({tuple(event.values.values()) for event in events}) > 500


def test_batches_are_compressed_as_the_agent_does_it_and_single_events_are_not():
    assert all(is_compressed(message.payload) for message in Load(events=500, now=NOW).messages())
    assert not any(is_compressed(message.payload) for message in Load(events=20, per_message=1, now=NOW).messages())


def test_the_ready_made_lines_are_the_points_that_ingest_makes_of_the_events(tmp_path):
    load = Load(events=1000, now=NOW)
    (tmp_path / "bench.toml").write_text(load.site_file())
    maker, encoder = PointMaker(site.load(tmp_path / "bench.toml")), LineEncoder(portable=True)
    ours = [line for _, batch in decoded(load) for line in encoder.encode(maker.points(batch.events)).lines]
    assert sorted(map(parts_of, ours)) == sorted(
        parts_of(line.decode()) for body in load.bodies(range(4)) for line in body.split(b"\n")
    )


def parts_of(line: str) -> tuple:
    head, fields, at = line.split(" ")
    return (
        sorted(head.split(",")),
        sorted((name, float(value)) for name, value in (f.split("=") for f in fields.split(","))),
        at,
    )


@pytest.mark.parametrize("connections", [1, 2])
def test_the_bodies_of_all_connections_together_are_all_points_5000_at_a_time(connections):
    load = Load(events=22_000, now=NOW)
    shares = [list(load.bodies(range(4)[number::connections])) for number in range(connections)]
    sizes = [[body.count(b"\n") + 1 for body in share] for share in shares]
    assert sum(map(sum, sizes)) == 22_000
    assert all(size == 5000 for share in sizes for size in share[:-1])
