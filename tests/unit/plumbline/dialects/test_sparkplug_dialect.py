"""Edge nodes' births, data and deaths, and what a listener may conclude from them."""

import pytest

from plumbline.dialects import make
from plumbline.dialects.memory import Memory
from tests.unit.plumbline.dialects.said_events import hear, values_of
from tests.unit.plumbline.dialects.sparkplug_schema import encoded

AT = 1_790_000_000_000
NODE = "spBv1.0/site/{}/crane"
DEVICE = "spBv1.0/site/{}/crane/hoist"
BIRTH = encoded(
    {"name": "bdSeq", "datatype": 8, "long_value": 3},
    {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": False},
    {"name": "Wind/Speed", "alias": 1, "datatype": 9, "float_value": 5.5, "unit": "m/s"},
    {"name": "Tilt", "alias": 2, "datatype": 2, "int_value": 0xFFFF, "unit": "°"},
    timestamp=AT,
    seq=0,
)


@pytest.fixture
def sparkplug():
    return make({"dialect": "sparkplug", "metrics": {"load_t": {**T, "path": "Load"}}}, {}, "d")


T = {"unit": "t", "title_en": "Load", "title_zh": "荷载"}


def test_a_birth_teaches_names_and_types_that_data_then_only_number(sparkplug):
    events, troubles = hear(sparkplug, NODE.format("NBIRTH"), BIRTH)
    assert troubles == []
    assert values_of(events) == {"wind_speed": 5.5, "tilt": -1.0}
    assert {(event["device"], event["at_ns"]) for event in events} == {("site.crane", AT * 10**6)}
    data = encoded({"alias": 1, "timestamp": AT + 5, "float_value": 6.5}, {"alias": 2, "int_value": 5}, timestamp=AT + 9, seq=1)
    events, troubles = hear(sparkplug, NODE.format("NDATA"), data)
    assert troubles == []
    assert [(event["at_ns"], event["values"]) for event in events] == [
        ((AT + 5) * 10**6, {"wind_speed": 6.5}),
        ((AT + 9) * 10**6, {"tilt": 5.0}),
    ]


def test_devices_behind_a_node_are_devices_of_their_own(sparkplug):
    hear(sparkplug, NODE.format("NBIRTH"), BIRTH)
    born = encoded({"name": "Load", "alias": 1, "datatype": 10, "double_value": 2.5}, timestamp=AT, seq=1)
    events, _ = hear(sparkplug, DEVICE.format("DBIRTH"), born)
    assert [(event["device"], event["values"]) for event in events] == [("site.crane.hoist", {"load_t": 2.5})]
    data = encoded({"alias": 1, "double_value": 3.5}, timestamp=AT, seq=2)
    assert values_of(hear(sparkplug, DEVICE.format("DDATA"), data)[0]) == {"load_t": 3.5}


def test_data_before_any_birth_uses_what_has_a_name_and_says_once_what_is_missing(sparkplug):
    data = encoded({"name": "Load", "datatype": 10, "double_value": 1.0}, {"alias": 7, "int_value": 1}, timestamp=AT, seq=9)
    events, troubles = hear(sparkplug, NODE.format("NDATA"), data)
    assert values_of(events) == {"load_t": 1.0}
    assert ["no birth of its node" in troubles[0], "1 metrics have a number" in troubles[1]] == [True, True]
    assert all("Rebirth" in trouble for trouble in troubles)
    assert hear(sparkplug, NODE.format("NDATA"), data)[1] == []


def test_missing_messages_are_noticed_across_node_and_devices(sparkplug):
    hear(sparkplug, NODE.format("NBIRTH"), BIRTH)
    assert hear(sparkplug, DEVICE.format("DDATA"), encoded(seq=1))[1] == []
    assert hear(sparkplug, NODE.format("NDATA"), encoded(seq=2))[1] == []
    [trouble] = hear(sparkplug, NODE.format("NDATA"), encoded(seq=5))[1]
    assert "2 messages are missing before number 5" in trouble
    for seq in [*range(6, 256), 0, 1]:
        assert hear(sparkplug, NODE.format("NDATA"), encoded(seq=seq))[1] == []


def test_a_death_is_trouble_and_an_old_will_is_not(sparkplug):
    hear(sparkplug, NODE.format("NBIRTH"), BIRTH)
    assert hear(sparkplug, NODE.format("NDEATH"), encoded({"name": "bdSeq", "datatype": 8, "long_value": 2})) == ([], [])
    events, [trouble] = hear(sparkplug, NODE.format("NDEATH"), encoded({"name": "bdSeq", "datatype": 8, "long_value": 3}))
    assert events == []
    assert trouble.startswith("site.crane: is offline (NDEATH)")
    assert "is offline (DDEATH)" in hear(sparkplug, DEVICE.format("DDEATH"), encoded(timestamp=AT, seq=3))[1][0]


def test_nulls_templates_and_bad_quality_are_no_values(sparkplug):
    birth = encoded(
        {"name": "Load", "datatype": 10, "is_null": True},
        {"name": "Table", "datatype": 16, "dataset_value": {"num_of_columns": 1}},
        {"name": "Kind", "datatype": 19, "template_value": {"version": "1"}},
        {"name": "Wind", "datatype": 9, "float_value": 3, "unit": "m/s", "quality": 500},
        {"name": "Odd", "datatype": 3, "int_value": 4},
        timestamp=AT,
        seq=0,
    )
    events, troubles = hear(sparkplug, NODE.format("NBIRTH"), birth)
    assert events == []
    for part in ("Table: is a DataSet", "Kind: is a template", "quality is 500", "not declared: 'Odd'"):
        assert part in str(troubles)
    assert hear(sparkplug, NODE.format("NBIRTH"), birth)[1] == []


def test_a_machines_state_is_one_of_its_metrics():
    own = {"hoist": {"state": {"state": "Mode", "words": {"2": "working", "0": "off"}}}}
    heard = make({"dialect": "sparkplug", "names": {"site/crane/hoist": "hoist"}, "own": own}, {}, "d")
    data = encoded({"name": "Mode", "datatype": 3, "int_value": 2}, timestamp=AT, seq=0)
    assert hear(heard, DEVICE.format("DBIRTH"), data)[0] == [
        {"kind": "state", "device": "hoist", "state": "working", "at_ns": AT * 10**6}
    ]


def test_a_clock_that_was_never_set_is_reported_once_and_the_value_counts(sparkplug):
    data = encoded({"name": "Load", "datatype": 10, "double_value": 1.0}, timestamp=5, seq=0)
    events, troubles = hear(sparkplug, NODE.format("NBIRTH"), data)
    assert "at_ns" not in events[0]
    assert "the time of arrival is taken" in troubles[0]


def test_nodes_and_metrics_without_end_do_not_fill_the_memory(sparkplug):
    for i in range(1500):
        metrics = [{"name": f"m{i}-{k}", "alias": k, "datatype": 3, "int_value": k} for k in range(12)]
        hear(sparkplug, f"spBv1.0/g/NBIRTH/n{i}", encoded(*metrics, timestamp=AT, seq=0))
    kept = [one for one in (*vars(sparkplug).values(), *vars(sparkplug._family).values()) if isinstance(one, Memory)]
    assert all(len(one) <= 16_384 for one in kept)
    assert len(sparkplug._nodes) == 1024


def test_two_metrics_that_would_get_one_name_are_not_mixed(sparkplug):
    data = encoded(
        {"name": "Motor/Speed", "datatype": 9, "float_value": 1, "unit": "rpm"},
        {"name": "motor speed", "datatype": 9, "float_value": 2, "unit": "rpm"},
        timestamp=AT,
        seq=0,
    )
    events, [trouble] = hear(sparkplug, NODE.format("NBIRTH"), data)
    assert values_of(events) == {"motor_speed": 1.0}
    assert "'motor speed' would be named motor_speed" in trouble


def test_a_value_of_another_type_than_was_born_is_nobodys(sparkplug):
    hear(sparkplug, NODE.format("NBIRTH"), BIRTH)
    events, [trouble] = hear(sparkplug, NODE.format("NDATA"), encoded({"alias": 1, "string_value": "x"}, timestamp=AT, seq=1))
    assert events == []
    assert "Wind/Speed: its value is not of the type that its birth told" in trouble
