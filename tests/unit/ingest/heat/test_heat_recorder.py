"""What a recorder leaves out is in the table already, however events are cut into groups and whichever commits fail."""

from unittest import mock

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest.heat import levels, record
from ingest.heat.levels import Levels
from ingest.heat.presence import PresenceMaker
from ingest.heat.record import Recorder
from ingest.registry.desks import Desks
from plumbline.site import Device, Zone
from tests.batches import NOON, SECOND, SITE, fix, reading, scan

FAR = Zone(
    id="far",
    title_en="Far",
    title_zh="远处",
    kind="work",
    polygon=((121.41, 31.21), (121.4104, 31.21), (121.4104, 31.2104), (121.41, 31.2104)),
)
POST = Device(id="post", title_en="Post", title_zh="立杆", kind="environment", zone="far")
YARD = msgspec.structs.replace(SITE, zones=(*SITE.zones, FAR), devices=(*SITE.devices, POST))
STATIONS = ("node", "post", "walker")


def measured(device, seconds, values):
    return msgspec.structs.replace(reading(1, at=NOON + seconds * SECOND), device=device, values=values)


EVENTS = st.one_of(
    st.builds(
        measured,
        st.sampled_from(STATIONS),
        st.integers(0, 150),
        st.dictionaries(
            st.sampled_from(["noise_db", "noise_dba", "pm10", "pm2_5", "temperature_c"]),
            st.sampled_from([-1.0, 0.0, 0.01, 55.0, 55.001, 60.0, 70.0, 120.0, 1e300]),
            min_size=1,
        ),
    ),
    st.builds(fix, st.integers(1, 100)),
    st.builds(scan, st.integers(1, 100)),
)
GROUPS = st.lists(st.tuples(st.lists(EVENTS, max_size=6), st.booleans()), max_size=8)


@given(GROUPS, st.sampled_from([3, 20_000]))
def test_what_is_committed_is_the_presence_of_all_that_was_committed(groups, most):
    desks, recorder, table = Desks({YARD.id: YARD}), Recorder(), {}
    with mock.patch.object(levels, "MOST", most), mock.patch.object(record, "MOST", most):
        for events, committed in groups:
            new = recorder.new(events, desks)
            if committed:
                for found in new.values():
                    for presence, weight in found.weights.items():
                        table[presence] = max(weight, table.get(presence, 0))
                recorder.remember(new)
    everything = [event for events, committed in groups for event in events if committed]
    assert table == PresenceMaker(YARD).presence(everything).weights


def test_a_station_that_says_nothing_louder_costs_no_row():
    desks, recorder = Desks({YARD.id: YARD}), Recorder()
    first = recorder.new([measured("node", 1, {"noise_db": 60.0, "pm10": 20.0})], desks)
    assert [len(found.weights) for found in first.values()] == [2]
    again = [measured("node", 2, {"noise_db": 61.0})]
    assert recorder.new(again, desks), "what was not committed is not remembered"
    recorder.remember(first)
    assert recorder.new([measured("node", 2, {"noise_db": 60.0, "pm10": 19.0})], desks) == {}
    assert recorder.new(again, desks)


def test_a_station_that_moved_counts_where_it_stands_now():
    recorder = Recorder()
    recorder.remember(recorder.new([measured("node", 1, {"noise_db": 60.0})], Desks({YARD.id: YARD})))
    devices = [msgspec.structs.replace(one, zone="far") if one.id == "node" else one for one in YARD.devices]
    moved = Desks({YARD.id: msgspec.structs.replace(YARD, devices=tuple(devices))})
    assert recorder.new([measured("node", 2, {"noise_db": 59.0})], moved)


def test_values_are_forgotten_before_they_are_too_many(monkeypatch):
    monkeypatch.setattr(levels, "MOST", 10)
    known = Levels()
    for minute in range(100):
        rise = known.rising(["noise_db"], [minute] * 3, ["a", "b", "c"], [{"noise_db": 1.0}] * 3)
        assert len(rise["noise_db", minute]) == 3
        known.settle(rise)
        assert known.rising(["noise_db"], [minute], ["a"], [{"noise_db": 1.0}]) == {}
        assert sum(map(len, known._settled.values())) <= 10
