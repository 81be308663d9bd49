"""Hypothesis strategies for events; shared by every test that needs a believable or a nasty one."""

from hypothesis import strategies as st

from plumbline import event
from plumbline.ids import new_event_id

names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,20}\Z")
# JSON has no lone surrogates; everything else may stand in a barcode
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
nanoseconds = st.integers(0, 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
clocks = st.builds(
    event.ClockReading,
    quality=st.sampled_from(["ntp", "gps", "free"]),
    boot=texts,
    mono=nanoseconds,
    original=st.none() | nanoseconds,
)
headers = {
    "id": st.builds(new_event_id, nanoseconds),
    "site": names,
    "gateway": names,
    "device": names,
    "at": nanoseconds,
    "clock": clocks,
    "epoch": names,
    "seq": st.integers(1, 2**63 - 1),
}
values = st.dictionaries(names, floats, min_size=1, max_size=8)
element_strings = st.lists(st.tuples(texts, texts), max_size=5).map(tuple)
positions = {"lat": st.floats(-90, 90), "lon": st.floats(-180, 180)}
events = st.one_of(
    st.builds(
        event.Scan,
        **headers,
        raw=st.binary(max_size=100),
        text=texts,
        symbology=st.none() | texts,
        format=st.none() | texts,
        gs1=st.none() | element_strings,
        photo=st.none() | texts,
    ),
    st.builds(event.Fix, **headers, **positions, mode=st.sampled_from([2, 3]), speed_mps=st.none() | floats),
    st.builds(
        event.CheckIn,
        **headers,
        person=texts,
        place=texts,
        method=st.sampled_from(["badge", "qr", "gps", "manual"]),
        direction=st.sampled_from(["in", "out"]),
    ),
    st.builds(event.Reading, **headers, measurement=names, values=values),
    st.builds(event.State, **headers, state=st.sampled_from(["off", "idle", "working", "fault"]), code=st.none() | texts),
    st.builds(event.Inspection, **headers, check=texts, result=st.sampled_from(["passed", "failed", "conditional"])),
    st.builds(event.Health, **headers, values=values, readers=st.dictionaries(names, texts, max_size=5)),
)
