"""What a scanner sends for the card's codes becomes a profile that reads any label of that scanner, or is refused."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.scanner.code_ids import MAKERS
from edge_agent.scanner.framing import Frame, Frames
from edge_agent.scanner.keyboard import Keyboard
from edge_agent.scanner.label import Labels
from edge_agent.scanner_card.learning import Learnt, learn, learn_keys
from edge_agent.scanner_card.probes import PROBES
from tests.scanner_model import type_text

GS = "\x1d"
#: Ids that these scanners have and the makers' tables here lack.
UNLISTED = {"datalogic-us": {"Dm": "]d"}, "datalogic-eu": {"(Q": "]Q", "(D": "]d"}}


@dataclass(frozen=True)
class Scanner:
    """A model of a scanner: what it adds and what it mangles."""

    prefix: str = ""
    suffix: str = "\r"
    ids: str = "none"
    separator: str = GS
    swapped: bool = False
    encoding: str = "utf-8"
    layout: str | None = None
    dead_keys: bool = True

    def says(self, text: str, identifier: str) -> str:
        said = f"{self.prefix}{self.id_of(identifier)}{text.replace(GS, self.separator)}{self.suffix}"
        return said.swapcase() if self.swapped else said

    def id_of(self, identifier: str) -> str:
        if self.ids == "none":
            return ""
        if self.ids == "aim":
            return identifier
        table = {**MAKERS[self.ids], **UNLISTED.get(self.ids, {})}
        return next(
            (id_ for id_, aim in table.items() if aim == identifier),
            next((id_ for id_, aim in table.items() if aim == identifier[:2]), ""),
        )

    def sends(self, text: str, identifier: str) -> bytes:
        return self.says(text, identifier).encode(self.encoding)

    def types(self, text: str, identifier: str) -> list[tuple[int, int]]:
        return type_text(self.says(text, identifier), self.layout or "us", dead_keys=self.dead_keys)

    def learnt(self, order=None, *, one_shot: bool = False) -> Learnt:
        probes = [PROBES[number] for number in order or PROBES]
        if self.layout is not None:
            return learn_keys([self.types(probe.text, probe.identifier) for probe in probes])
        shots = [self.sends(probe.text, probe.identifier) for probe in probes]
        return learn([b"".join(shots)] if one_shot else shots)

    def read_by(self, learnt: Learnt, text: str, identifier: str):
        """The label as the reader with the learnt profile makes it."""
        if self.layout is not None:
            assert learnt.keyboard is not None
            keyboard = Keyboard(learnt.keyboard)
            strokes = self.types(text, identifier)
            data = b"".join(keyboard.press(code, value)[0] for code, value in strokes) + keyboard.settle()
        else:
            data = self.sends(text, identifier)
        frames = Frames(learnt.framing)
        items = [*frames.feed(data), *frames.silence()]
        assert [type(item) for item in items] == [Frame], items
        return Labels(learnt.framing).read(items[0].content)[0].keywords


SERIAL = st.builds(
    Scanner,
    prefix=st.sampled_from(["", "\x02", "##", "S-", "(x)", "PL"]),
    suffix=st.sampled_from(["", "\r", "\r\n", "\x03", "\t", "*\n"]),
    ids=st.sampled_from(["none", "aim", "honeywell", "zebra", "datalogic-us", "datalogic-eu"]),
    separator=st.sampled_from([GS, "", "~", "|", "^", "{GS}", "<GS>", "]"]),
    swapped=st.booleans(),
    encoding=st.sampled_from(["utf-8", "gb18030"]),
)
WEDGE = st.builds(
    Scanner,
    prefix=st.sampled_from(["", "##", "q-"]),
    suffix=st.sampled_from(["", "\r", "\t"]),
    ids=st.sampled_from(["none", "aim", "honeywell", "zebra", "datalogic-us", "datalogic-eu"]),
    separator=st.sampled_from([GS, "", "~", "|"]),
    swapped=st.booleans(),
    layout=st.sampled_from(["us", "uk", "de", "fr", "es", "it"]),
    dead_keys=st.booleans(),
)
LABELS = st.text(st.sampled_from("".join(map(chr, range(0x21, 0x7F)))), min_size=1, max_size=24)
ORDERS = st.permutations(sorted(PROBES))
SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def holds(scanner: Scanner, learnt: Learnt, label: str) -> None:
    assert learnt.missing == ()
    assert learnt.lost == (), learnt.lost
    for identifier in ("]C0", "]A0", "]Q1", "]d1"):
        read = scanner.read_by(learnt, label, identifier)
        assert read["text"] == label
        if scanner.ids == "aim":
            assert read["symbology"] == identifier
    text = f"010950600013435210LOT{GS}21A1"
    for identifier in ("]C1", "]d2", "]Q3"):
        read = scanner.read_by(learnt, text, identifier)
        if scanner.separator:
            assert read["gs1"] == (("01", "09506000134352"), ("10", "LOT"), ("21", "A1"))
    assert (learnt.framing.group_separator == "") == (scanner.separator == "")


@SLOW
@given(SERIAL, LABELS, ORDERS)
def test_the_learnt_profile_of_any_serial_scanner_reads_any_label(scanner, label, order):
    holds(scanner, scanner.learnt(order), label)


@SLOW
@given(WEDGE, LABELS, ORDERS)
def test_the_learnt_profile_of_any_wedge_reads_any_label(scanner, label, order):
    holds(scanner, scanner.learnt(order), label)


@SLOW
@given(SERIAL.filter(lambda scanner: scanner.suffix != ""), LABELS, ORDERS)
def test_a_recording_without_its_silences_tells_as_much(scanner, label, order):
    holds(scanner, scanner.learnt(order, one_shot=True), label)


@pytest.mark.parametrize("ids", ["datalogic-us", "datalogic-eu"])
def test_ids_that_a_makers_table_lacks_are_learnt_from_the_card(ids):
    scanner = Scanner(ids=ids)
    assert scanner.learnt().framing.code_id == ids
    holds(scanner, scanner.learnt(), "PL1:A/1")


@pytest.mark.parametrize("layout", ["de", "fr", "es"])
@pytest.mark.parametrize("dead_keys", [True, False])
def test_accents_typed_as_dead_keys_are_told_from_plain_ones(layout, dead_keys):
    scanner = Scanner(layout=layout, dead_keys=dead_keys)
    learnt = scanner.learnt()
    assert learnt.keyboard is not None
    assert learnt.keyboard.dead_keys == dead_keys
    holds(scanner, learnt, "^o`a~N")


def mangled(change) -> Learnt:
    return learn([change(f"{probe.identifier}{probe.text}\r").encode() for probe in PROBES.values()])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (str.upper, "'a1' and 'A1' cannot be told apart"),
        (str.lower, "'a1' and 'A1' cannot be told apart"),
        (lambda said: said.replace("~", ""), "drops ~"),
        (lambda said: said.replace("@", '"'), 'same for " @'),
        (lambda said: said.replace(GS, ","), "sends ',' for FNC1"),
        (lambda said: said.replace(GS, "\r"), "sends its suffix for FNC1"),
        (lambda said: said if len(said) < 256 else f"{said[:255]}\r", "long codes are cut off"),
        (lambda said: said.replace("4012345678901", "401234567890"), "check digit"),
        (lambda said: said.removeprefix("]A0"), "does not name every symbology"),
    ],
)
def test_a_scanner_that_loses_what_labels_need_gets_no_profile(change, words):
    assert any(words in finding.text for finding in mangled(change).lost), mangled(change).findings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said.replace("钢筋验收", "????"), "Chinese text is lost"),
        (lambda said: said.replace("\x1e", ""), "control characters are lost"),
        (lambda said: said.replace(GS, ""), "drops FNC1"),
    ],
)
def test_what_labels_can_do_without_is_told_and_the_profile_learnt(change, words):
    learnt = mangled(change)
    assert learnt.lost == ()
    assert any(words in finding.text for finding in learnt.findings if finding.verdict == "mind")


def test_exchanged_characters_are_put_right_where_none_is_lost():
    exchange = str.maketrans({"@": '"', '"': "@", "#": "£", "~": "¬"})
    learnt = mangled(lambda said: said.translate(exchange))
    assert learnt.lost == ()
    assert learnt.framing.characters == {'"': "@", "@": '"', "£": "#", "¬": "~"}


def test_codes_still_needed_are_named_and_scans_of_other_things_are_counted():
    scanner = Scanner()
    shots = [scanner.sends(PROBES[number].text, "") for number in (1, 3)]
    learnt = learn([*shots, b"9506000134352\r", b"SHIP7-LABEL-OF-SOMETHING-ELSE\r"])
    assert learnt.heard == {1, 3}
    assert [probe.number for probe in learnt.missing] == [2, 4, 5, 6, 7, 9, 10, 11, 14]
    assert learnt.strange == 2


def test_codes_scanned_twice_change_nothing():
    scanner = Scanner(ids="aim", suffix="\r\n")
    assert scanner.learnt([*PROBES, *PROBES]).framing == scanner.learnt().framing


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_are_heard_without_failing(shots):
    assert learn(shots).missing


@given(st.lists(st.lists(st.tuples(st.integers(0, 767), st.integers(0, 2)), max_size=40), max_size=4))
@settings(max_examples=20)
def test_any_keys_are_heard_without_failing(shots):
    assert learn_keys(shots).missing
