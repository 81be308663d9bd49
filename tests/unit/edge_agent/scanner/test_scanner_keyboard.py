"""What a wedge scanner's keys come to: layouts, control characters, accents, Alt codes, lost keys, typing hands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.scanner.framing import Fault, Frame
from edge_agent.scanner.keyboard import Keyboard
from edge_agent.scanner.keystrokes import Key, Keystrokes, Lost
from edge_agent.scanner.layouts import LAYOUTS
from plumbline import profile
from plumbline.profile import Framing
from tests.scanner_model import LEFT_ALT, LEFT_SHIFT, alt_code, tap, type_text

ASCII = "".join(map(chr, range(0x20, 0x7F)))


def typed(strokes, **table) -> bytes:
    keyboard = Keyboard(profile.Keyboard(**table))
    return b"".join(keyboard.press(code, value)[0] for code, value in strokes) + keyboard.settle()


def cutter(framing: Framing | None = None, *, slowest_key_ms: int = 60, idle_timeout_s: float = 0.25, **table) -> Keystrokes:
    return Keystrokes(
        profile.Keyboard(**table),
        framing or Framing(suffix="\r"),
        loose=framing is None,
        idle_timeout_s=idle_timeout_s,
        slowest_key_ms=slowest_key_ms,
    )


def play(strokes, keystrokes: Keystrokes, *, step_ms: float = 2, start_ms: float = 0) -> list[Frame | Fault]:
    return [
        item
        for i, (code, value) in enumerate(strokes)
        for item in keystrokes.feed(Key(round((start_ms + i * step_ms) * 1000), code, value))
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dead_keys", [True, False])
def test_each_layout_types_all_of_ascii_and_group_separators(layout, dead_keys):
    text = ASCII + "\x1dA\x1eB\x04C"
    assert typed(type_text(text, layout, dead_keys=dead_keys), layout=layout, dead_keys=dead_keys) == text.encode()


@given(st.sampled_from(sorted(LAYOUTS)), st.text(st.sampled_from(ASCII + "éäñ€中钢\x1d\x04"), max_size=30), st.booleans(),
       st.sampled_from(["windows", "bytes", "gbk"]))  # fmt: skip
def test_what_a_scanner_types_is_what_is_read(layout, text, dead_keys, alt_codes):
    strokes = type_text(text, layout, dead_keys=True, alt_codes=alt_codes)
    assert typed(strokes, layout=layout, dead_keys=True, alt_codes=alt_codes) == text.encode()


@given(st.sampled_from(sorted(LAYOUTS)), st.lists(st.tuples(st.integers(0, 767), st.integers(-1, 3)), max_size=300))
def test_any_keys_in_any_order_type_something_and_never_fail(layout, strokes):
    keystrokes = cutter(layout=layout)
    for item in play(strokes, keystrokes):
        assert isinstance(item, Fault) or item.content
    list(keystrokes.silence(5.0))
    assert not keystrokes.unfinished


def test_a_scanner_set_to_another_layout_mangles_what_the_card_asks_for():
    assert typed(type_text("PO-2041/10 yz", "de"), layout="us") == b"PO/2041&10 zy"


@pytest.mark.parametrize(
    ("strokes", "layout", "expected"),
    [
        (tap(26), "fr", "^"),
        ([*tap(26), *tap(18)], "fr", "ê"),
        ([*tap(26), *tap(57)], "fr", "^"),
        ([*tap(26), *tap(26)], "fr", "^^"),
        ([*tap(13), *tap(25)], "de", "´p"),
        (tap(27, 29), "de", "\x1d"),
        (tap(10, 29, 100), "de", "\x1d"),
        (tap(16, 29, LEFT_ALT), "de", "@"),
        (alt_code("029"), "fr", "\x1d"),
        (alt_code("29"), "us", "\x1d"),
        (alt_code("0233"), "us", "é"),
        (alt_code("130"), "us", "é"),
        (alt_code("20013"), "us", "中"),
        (tap(66), "us", "\ue042"),
        ([*tap(58), *tap(30), *tap(2), *tap(58), *tap(30)], "us", "A1a"),
        ([*tap(58), *tap(30, LEFT_SHIFT)], "us", "a"),
        ([*tap(71), *tap(83), *tap(82)], "us", "7.0"),
    ],
)
def test_accents_control_characters_alt_codes_and_caps_lock(strokes, layout, expected):
    assert typed(strokes, layout=layout) == expected.encode()


def test_enter_tab_or_silence_ends_a_label_of_an_unknown_scanner_and_a_burst_is_several():
    keystrokes = cutter()
    assert play(type_text("One\rTWO\tthree", "us"), keystrokes) == [Frame(b"One"), Frame(b"TWO")]
    assert list(keystrokes.silence(0.25)) == [Frame(b"three")]


def test_silence_is_told_by_the_times_of_the_events_however_late_they_are_read():
    keystrokes = cutter()
    first = play(type_text("ONE1", "us"), keystrokes)
    second = play(type_text("TWO2\r", "us"), keystrokes, start_ms=1000)
    assert [*first, *second] == [Frame(b"ONE1"), Frame(b"TWO2")]


def test_what_a_hand_types_is_no_label_but_counted_in_one_report_without_its_content():
    keystrokes = cutter()
    assert play(type_text("secret\r", "us"), keystrokes, step_ms=75) == []
    assert list(keystrokes.silence(0.25)) == []
    [fault] = keystrokes.silence(2.5)
    assert "typed by hand" in fault.what
    assert "secret" not in fault.what
    assert not keystrokes.unfinished


def test_a_hand_is_a_scanner_where_the_setting_says_so():
    assert play(type_text("ab\r", "us"), cutter(slowest_key_ms=0), step_ms=100) == [Frame(b"ab")]


def test_a_scanner_that_pauses_between_packets_is_still_a_scanner():
    keystrokes = cutter()
    found = play(type_text("PL1:PO-2041", "us"), keystrokes)
    found += play(type_text("/10/3\r", "us"), keystrokes, start_ms=200)
    assert found == [Frame(b"PL1:PO-2041/10/3")]


def test_a_label_from_which_key_events_got_lost_is_dropped_and_the_next_one_read():
    keystrokes = cutter()
    play(type_text("ABC", "us"), keystrokes)
    [fault] = keystrokes.lost(Lost(frozenset({LEFT_SHIFT})))
    assert "lost" in fault.what
    assert play(type_text("F\r", "us"), keystrokes, start_ms=20) == []
    assert play(type_text("next\r", "us"), keystrokes, start_ms=60) == [Frame(b"next")]


def test_after_lost_events_and_a_silence_the_next_label_counts():
    keystrokes = cutter()
    list(keystrokes.lost(Lost(frozenset())))
    assert keystrokes.unfinished
    assert list(keystrokes.silence(0.25)) == []
    assert play(type_text("next\r", "us"), keystrokes) == [Frame(b"next")]


TEXTS = st.text(st.sampled_from("abAB12/"), min_size=2, max_size=8)


@given(TEXTS, TEXTS, st.data())
def test_a_lost_event_of_a_modifier_never_makes_a_wrong_label(first, second, data):
    strokes = type_text(f"{first}\r{second}\r", "us")
    modifiers = [i for i, (code, _) in enumerate(strokes) if code == LEFT_SHIFT]
    if not modifiers:
        return
    gone = data.draw(st.sampled_from(modifiers))
    keystrokes = cutter()
    found = play([*strokes[:gone], *strokes[gone + 1 :]], keystrokes)
    found += keystrokes.silence(5.0)
    labels = [item.content.decode() for item in found if isinstance(item, Frame)]
    assert set(labels) <= {first, second}
    assert len(labels) == 2 or any(isinstance(item, Fault) for item in found)


def test_unplugged_in_the_middle_of_a_label_it_is_reported_and_no_label():
    keystrokes = cutter()
    play(type_text("HALF", "us"), keystrokes)
    assert ["middle of a label" in fault.what for fault in keystrokes.cut_off()] == [True]


@given(st.integers(20, 5000))
def test_a_key_that_never_stops_costs_bounded_memory(count):
    keystrokes = cutter(Framing(suffix="\r", max_bytes=16))
    found = play([stroke for _ in range(count) for stroke in tap(30)], keystrokes)
    assert len([item for item in found if isinstance(item, Fault)]) == 1
    assert len(keystrokes._frames._buffer) <= 17
