"""The fleet's table: what is wrong with a gateway, the worst first, readable in a narrow and a wide terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from plumbline.command.fleet_view import Known, by_trouble, drawn

NOW = 1_700_000_000_000_000_000
MINUTE = 60_000_000_000


def gateway(**known):
    return Known(**({"site": "s", "gateway": "g", "online": True, "since": NOW - MINUTE, "last_seen": NOW} | known))


@pytest.mark.parametrize(
    ("known", "level", "what"),
    [
        ({"online": False, "since": NOW - 180 * MINUTE}, "bad", "offline for 3 h"),
        ({"online": None}, "look", "never said that it is there"),
        ({"last_seen": NOW - 10 * MINUTE}, "look", "online, but nothing heard for 10 min"),
        ({"values": {"oldest_waiting_s": 7200.0}}, "look", "behind: its oldest event waits for 2 h"),
        ({"values": {"disk_full": 1.0}}, "bad", "its disk is full"),
        ({"values": {"disk_free_bytes": 3e8}}, "look", "its disk has 300 MB left"),
        ({"values": {"temperature_celsius": 85.2}}, "look", "hot: 85 °C"),
        ({"values": {"clock_disciplined": 0.0}}, "look", "nobody sets its clock"),
        ({"readers": {"gate": "gate: gone; check the cable"}}, "bad", "gate: gone; check the cable"),
        ({"readers": {"bus": "ok; meter-3: silent (since 14:02 UTC)"}}, "look", "bus: meter-3: silent (since 14:02 UTC)"),
        ({"version": 6, "seen": 7, "state": "rolled_back", "reason": "why"}, "look", "configuration 7 rolled back: why"),
        ({"version": 7, "seen": 7, "state": "on_probation"}, "note", "configuration 7 on probation"),
        ({"version": 6, "seen": 6, "state": "applied", "desired": 7}, "note", "configuration 7 not taken yet"),
    ],
)
def test_each_trouble_has_its_words(known, level, what):
    assert list(gateway(**known).troubles(NOW)) == [(level, what)]


def test_a_gateway_that_is_well_has_no_trouble():
    values = {"oldest_waiting_s": 1.0, "disk_free_bytes": 9e9, "disk_full": 0.0, "clock_disciplined": 1.0}
    assert not gateway(values=values, readers={"a": "ok"}, version=1, seen=1, state="applied", desired=1).troubles(NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 applied", (7, 7, "applied", "")),
        ("6 rolled_back (of 7): no server: none", (6, 7, "rolled_back", "no server: none")),
        ("nonsense", (None, None, None, "")),
    ],
)
def test_what_health_says_of_the_configuration_is_read(text, expected):
    known = gateway()
    known.take_text(text)
    assert (known.version, known.seen, known.state, known.reason) == expected


def test_who_needs_a_person_first_stands_first():
    well, hot = gateway(gateway="a"), gateway(gateway="b", values={"temperature_celsius": 90.0})
    gone = gateway(gateway="c", online=False)
    worse = gateway(gateway="d", online=False, values={"disk_full": 1.0})
    assert [one.gateway for one in by_trouble([well, hot, gone, worse], NOW)] == ["d", "c", "b", "a"]


words = st.text(max_size=40)


@given(
    st.lists(
        st.builds(
            Known,
            site=words,
            gateway=words,
            online=st.none() | st.booleans(),
            since=st.none() | st.integers(0, NOW),
            last_seen=st.none() | st.integers(0, 2 * NOW),
            agent=st.none() | words,
            values=st.dictionaries(
                st.sampled_from(["oldest_waiting_s", "disk_free_bytes", "temperature_celsius", "clock_disciplined"]),
                st.floats(allow_nan=False, allow_infinity=False),
            ),
            readers=st.dictionaries(words, words, max_size=3),
            texts=st.dictionaries(words, words, max_size=3),
        ),
        max_size=5,
    ),
    st.integers(20, 300),
)
def test_whatever_gateways_say_the_table_is_drawn(fleet, width):
    out = io.StringIO()
    Console(file=out, width=width).print(drawn(fleet, NOW, width))
    assert out.getvalue()
    for one in fleet:
        assert one.as_json(NOW)["troubles"] is not None


@pytest.mark.parametrize("width", [80, 100, 160])
def test_what_is_wrong_can_be_read_in_any_terminal_and_no_name_is_cut(width):
    values = {"disk_free_bytes": 78.6e9, "clock_disciplined": 0.0, "queue_business_events": 1200.0, "oldest_waiting_s": 4.0}
    fleet = [gateway(site="harbour-east", gateway=name, agent="0.1.0", values=values) for name in ("gw-gate", "gw-yard")]
    out = io.StringIO()
    Console(file=out, width=width).print(drawn(fleet, NOW, width))
    for name in ("gw-gate", "gw-yard"):
        line = next(line for line in out.getvalue().splitlines() if name in line)
        assert line.lstrip().startswith(f"harbour-east/{name} ")
        assert "! nobody sets its clock" in line
        assert "…" not in line
    assert ("78.6 GB" in out.getvalue()) is (width >= 160), "figures go first"
