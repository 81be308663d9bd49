"""A storm of dead letters is a few lines in the log, and each names what it is about."""

import pytest
import structlog

from ingest.operations.refusals import MINUTE_S, Refusals
from ingest.receiving.parcel import Letter
from plumbline import codec
from plumbline.delivery import StreamKey
from tests.batches import scan


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as lines:
        yield lines


def letter(seq: int, reason: str = "invalid") -> Letter:
    event = scan(seq)
    stream = StreamKey("yard", "gw", "e1", "business")
    return Letter("plumbline/v1/yard/gw/events/business", reason, "what is wrong", codec.encode(event), stream, seq)


def test_a_storm_is_its_first_letter_and_a_count_a_minute(lines):
    now = 0.0
    refusals = Refusals(lambda: now)
    refusals.tell([letter(n) for n in range(1, 10_001)])
    refusals.tell([letter(1, "unknown_site")])
    assert [(line["event"], line["reason"]) for line in lines] == [("dead letter", "invalid"), ("dead letter", "unknown_site")]
    refusals.summarise()
    assert len(lines) == 2
    now = MINUTE_S
    refusals.summarise()
    assert (lines[2]["event"], lines[2]["count"], lines[2]["last_seq"]) == ("dead letters, more of the same", 9_999, 10_000)
    refusals.summarise(every=True)
    assert len(lines) == 3
    refusals.tell([letter(5)])
    assert len(lines) == 4


def test_a_letter_is_told_with_everything_that_is_known_of_its_event(lines):
    Refusals().tell([letter(7), Letter("nonsense", "not_json", "no", b"\xff")])
    first, second = lines
    wanted = {"site": "yard", "gateway": "gw", "epoch": "e1", "event_class": "business", "seq": 7, "event_id": scan(7).id}
    assert wanted.items() <= first.items()
    assert "site" not in second
    assert second["topic"] == "nonsense"


def test_reasons_that_nobody_foresaw_do_not_fill_the_memory(lines):
    refusals = Refusals(lambda: 0.0)
    refusals.tell([letter(1, f"reason-{n}") for n in range(1000)])
    assert len(lines) == 200


@pytest.mark.parametrize(
    ("letter", "whose"),
    [
        (letter(1), ("yard", "gw")),
        (Letter("plumbline/v1/yard/gw-2/events/business", "not_json", "", b"{"), ("yard", "gw-2")),
        (Letter("tele/plug/SENSOR", "undecodable", "", b"{", place=("yard", "direct-tasmota")), ("yard", "direct-tasmota")),
        (Letter("tele/plug/SENSOR", "undecodable", "", b"{"), (None, None)),
        (Letter("plumbline/v1/" + "y" * 65 + "/gw/events/business", "not_json", "", b"{"), (None, None)),
        (Letter("plumbline/v1/ya\0rd/gw/events/business", "not_json", "", b"{"), (None, None)),
    ],
)
def test_a_letter_belongs_to_whoever_publishes_on_its_topic_where_it_says_nothing_itself(lines, letter, whose):
    assert letter.whose == whose
    Refusals().tell([letter])
    assert (lines[0].get("site"), lines[0].get("gateway")) == whose
