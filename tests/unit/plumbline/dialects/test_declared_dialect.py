"""What a device's JSON becomes as it is declared."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects import make
from plumbline.dialects.declaration import Declaration
from plumbline.dialects.document import FieldError, at, decode
from plumbline.dialects.mapping import events
from plumbline.errors import SettingsError
from plumbline.profile import CheckInFields, FixFields, Metric, StateFields
from tests.unit.plumbline.dialects.said_events import hear, values_of, written

METRICS = {
    "dust": Metric(unit="ug/m3", title_en="D", title_zh="尘", path="pm.fine", minimum=0, maximum=1000),
    "temperature": Metric(unit="Cel", title_en="T", title_zh="温", path="t", scale=0.1, offset=-40),
}


def declared(**shape: object) -> Declaration:
    values = {"measurement": None, "metrics": {}, "state": None, "check_in": None, "fix": None, **shape}
    return Declaration(topic="d/+", **values)


EVERYTHING = declared(
    measurement="environment", metrics=METRICS, state=StateFields(), check_in=CheckInFields(), fix=FixFields()
)


def read(declaration: Declaration, document: object) -> tuple[list[dict], list[str]]:
    """The fields of each event as the codec writes them, and the complaints."""
    kept, complaints = [], []
    for found in events(declaration, decode(json.dumps(document).encode())):
        if isinstance(found, FieldError):
            complaints.append(str(found))
            continue
        fields = written(found, "d", None)
        kept.append({key: value for key, value in fields.items() if key != "device"})
    return kept, complaints


def test_metrics_are_scaled_and_keep_their_names():
    kept, complaints = read(declared(measurement="environment", metrics=METRICS), {"pm": {"fine": 12}, "t": 583})
    assert kept == [
        {"kind": "reading", "measurement": "environment", "values": {"dust": 12.0, "temperature": pytest.approx(18.3)}}
    ]
    assert complaints == []


def test_an_implausible_value_is_reported_and_the_others_go_out():
    kept, [complaint] = read(declared(measurement="environment", metrics=METRICS), {"pm": {"fine": 99999}, "t": 583})
    assert list(kept[0]["values"]) == ["temperature"]
    assert "pm.fine: 99999 ug/m3 is not plausible (0 to 1000)" in complaint


@pytest.mark.parametrize("value", ["12", [], {}, 10**400, 10**4000])
def test_what_is_no_number_is_reported(value):
    kept, [complaint] = read(declared(measurement="environment", metrics=METRICS), {"t": value})
    assert kept == []
    assert complaint.startswith("t: ")
    assert len(complaint) < 200


def test_truth_values_are_0_and_1():
    assert read(declared(measurement="environment", metrics=METRICS), {"pm": {"fine": True}})[0][0]["values"] == {"dust": 1.0}


def test_null_and_absent_mean_that_the_device_does_not_know():
    assert read(declared(measurement="environment", metrics=METRICS), {"t": None}) == ([], [])


def test_a_state_speaks_the_machines_own_words():
    fields = StateFields(state="status.mode", words={"2": "working", "true": "idle"}, code="status.error")
    assert read(declared(state=fields), {"status": {"mode": 2, "error": "E17"}})[0] == [
        {"kind": "state", "state": "working", "code": "E17"}
    ]
    assert read(declared(state=fields), {"status": {"mode": True}})[0] == [{"kind": "state", "state": "idle"}]
    [complaint] = read(declared(state=fields), {"status": {"mode": "asleep"}})[1]
    assert "'asleep' is none of 2, true, off, idle, working, fault" in complaint


def test_a_check_in_says_who_where_and_which_way():
    document = {"person": "W-0173", "place": "gate", "direction": "in", "role": "steel fixer"}
    [event], [] = read(declared(check_in=CheckInFields()), document)
    assert event == {"kind": "check_in", "method": "badge", **document}
    [event], [] = read(declared(check_in=CheckInFields(fixed_place="gate", fixed_direction="out")), {"person": 17})
    assert (event["person"], event["place"], event["direction"]) == ("17", "gate", "out")
    assert read(declared(check_in=CheckInFields()), {"place": "gate", "direction": "in"}) == ([], ["person: is missing"])


def test_a_fix_has_its_position_and_what_else_is_true():
    [event], [complaint] = read(declared(fix=FixFields()), {"lat": 31.2, "lon": 121.5, "accuracy_m": 4, "speed_mps": -7})
    assert event == {"kind": "fix", "lat": 31.2, "lon": 121.5, "mode": 2, "accuracy_m": 4.0}
    assert "speed_mps: -7 is outside" in complaint


@pytest.mark.parametrize(
    ("lat", "lon", "expected"), [(91, 0, "nowhere"), (0, 181, "nowhere"), (0, 0, "without a fix"), ("x", 1, "not a number")]
)
def test_a_position_that_cannot_be_is_reported(lat, lon, expected):
    kept, [complaint] = read(declared(fix=FixFields()), {"lat": lat, "lon": lon})
    assert kept == []
    assert expected in complaint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["pm", "fine", "t", "state", "person", "place"]) | st.text(), inner)
    ),
)


@given(
    st.dictionaries(st.sampled_from(["pm", "t", "state", "code", "person", "place", "direction", "lat", "lon", "alt_m"]), JSON)
    | JSON
)
def test_any_document_gives_events_that_the_codec_takes_or_short_complaints(document):
    _, complaints = read(EVERYTHING, document)
    assert all(len(complaint) < 400 for complaint in complaints)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_an_error(payload):
    with suppress(FieldError):
        decode(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"NaN",
        b'{"t": NaN}',
        b'{"t": Infinity}',
        b'{"t": 1e999}',
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b"\xff\xfe",
        b"{} {}",
    ],
)
def test_hostile_json_is_refused_with_a_reason(payload):
    with pytest.raises(FieldError, match="not JSON"):
        decode(payload)


@pytest.mark.parametrize("payload", [b'{"t": 1}\0', b'\xef\xbb\xbf{"t": 1}', b'\xef\xbb\xbf{"t": 1}\r\n\0\0'])
def test_the_nul_of_c_and_a_byte_order_mark_do_no_harm(payload):
    assert decode(payload) == {"t": 1}
    for form, content in (("text", b"\xef\xbb\xbf21.5\0"), ("csv", b"21.5,x\0"), ("csv", b'"21.5","x"\r\n\0')):
        dialect = make(table(payload=form, metrics={"t": {**CELSIUS, "path": "" if form == "text" else "0"}}), {}, "d")
        assert values_of(hear(dialect, "d/x", content)[0]) == {"t": 21.5}


@given(JSON, st.text(".abz019") | st.sampled_from(["pm.fine", "0.0", "²", "t.999999999999"]))
def test_a_path_into_any_document_finds_something_or_nothing(document, path):
    at(document, path)


def test_a_path_goes_through_objects_and_lists():
    document = {"meters": [{"power": 7}], "a.b": 1}
    assert [at(document, path) for path in ("meters.0.power", "meters.1.power", "meters.x", "a.b", "")] == [
        7,
        None,
        None,
        1,
        document,
    ]


CELSIUS = {"unit": "Cel", "title_en": "T", "title_zh": "温"}


def table(**more: object) -> dict:
    return {"topic": "d/+", "measurement": "environment", "metrics": {"t": {**CELSIUS, "path": "t"}}, **more}


def test_a_message_that_is_one_value_is_read_by_the_empty_path():
    dialect = make(table(payload="text", metrics={"t": {**CELSIUS, "path": ""}}), {}, "d")
    assert values_of(hear(dialect, "d/x", b" 21.5\n")[0]) == {"t": 21.5}
    assert hear(dialect, "d/x", b"unknown") == ([], ["x: holds none of the declared values"])
    assert hear(dialect, "d/x", b"warm") == ([], ["x: the message: 'warm' is not a number"])
    assert hear(dialect, "d/x", b"\xff") == ([], ["x: is not text in UTF-8"])


def test_a_state_may_be_the_whole_message():
    dialect = make({"topic": "d/+", "payload": "text", "state": {"state": "", "words": {"RUN": "working"}}}, {}, "d")
    assert hear(dialect, "d/x", b"RUN")[0] == [{"kind": "state", "device": "x", "state": "working"}]
    assert "the message: 'HALT' is none of RUN" in hear(dialect, "d/x", b"HALT")[1][0]


def test_values_side_by_side_have_their_place_as_path():
    dialect = make(table(payload="csv", separator=";", metrics={"t": {**CELSIUS, "path": "1"}}), {}, "d")
    assert values_of(hear(dialect, "d/x", b"7; 21.5;on")[0]) == {"t": 21.5}


def test_a_number_may_be_a_text_only_where_that_is_declared():
    assert hear(make(table(), {}, "d"), "d/x", {"t": "21.5"}) == ([], ["x: t: '21.5' is not a number"])
    assert values_of(hear(make(table(numbers_as_text=True), {}, "d"), "d/x", {"t": "21.5"})[0]) == {"t": 21.5}


def test_each_record_of_a_list_has_its_own_time_and_device():
    dialect = make(table(each="rows", device_path="id", at={"path": "at"}, names={"门": "door"}), {}, "d")
    rows = [{"id": "a", "t": 1, "at": 1790000000}, {"id": "门", "t": 2, "at": "2026-11-20T08:00:00+08:00"}, {"t": 3}, 4]
    events, troubles = hear(dialect, "d/x", {"rows": rows})
    assert [(event["device"], event["at_ns"]) for event in events] == [
        ("a", 1790000000 * 10**9),
        ("door", 1795132800 * 10**9),
    ]
    assert troubles == [": id does not name a device"] * 2
    assert hear(dialect, "d/x", {"rows": 3})[1] == ["x: each: 3 stands at 'rows' where a list belongs"]


def test_a_time_without_a_zone_is_reported_unless_one_is_declared():
    events, [trouble] = hear(make(table(at={"path": "at"}), {}, "d"), "d/x", {"t": 1, "at": "2026-11-20T08:00:00"})
    assert "at_ns" not in events[0]
    assert "has no zone; the time of arrival is taken; see 'at'" in trouble
    shanghai = make(table(at={"path": "at", "zone": "Asia/Shanghai"}), {}, "d")
    assert hear(shanghai, "d/x", {"t": 1, "at": "2026-11-20T08:00:00"})[0][0]["at_ns"] == 1795132800 * 10**9
    with pytest.raises(SettingsError, match=r"at\.zone: there is no zone 'Mars/Olympus'"):
        make(table(at={"path": "at", "zone": "Mars/Olympus"}), {}, "d")


def test_a_device_whose_name_is_none_gets_one_of_its_own_and_that_is_said_once():
    dialect = make(table(), {}, "d")
    [event], [trouble] = hear(dialect, "d/门 1", {"t": 1})
    assert event["device"].startswith("1-")
    assert "give it a name of your own under 'names'" in trouble
    assert hear(dialect, "d/门 1", {"t": 1})[1] == []
    assert hear(dialect, "d/", {"t": 1}) == ([], [": level 1 does not name a device"])
