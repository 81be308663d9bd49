"""InfluxData's own line protocol cases, encoded by ours."""

import json
import re
from pathlib import Path

import pytest

from ingest.series.limits import RefusedError
from ingest.series.line_protocol import LineEncoder
from plumbline.series import Point


def cases(corpus: Path, kind: str) -> list[dict]:
    return [json.loads(line) for line in (corpus / "line_protocol" / f"{kind}.jsonl").read_text().splitlines()]


def to_point(spec: dict) -> Point:
    fields = {}
    for field in spec["fields"]:
        ((kind, value),) = field["value"].items()
        fields[field["key"]] = float(value) if kind == "float" else value
    return Point(spec["name"], {tag["key"]: tag["value"] for tag in spec["tags"]}, fields, spec["time"])


def floats_alike(line: str) -> str:
    """The line with every float in Python's notation, since the corpus leaves notation free."""
    return re.sub(r"(?<==)-?[0-9][0-9.e+-]*(?=[, ])", lambda found: repr(float(found[0])), line)


def sayable(spec: dict) -> bool:
    """Whether a `Point` can carry the case: an empty tag value is no tag to us, so the corpus' refusal of it cannot arise."""
    return all(tag["value"] for tag in spec["tags"])


def test_every_encode_case_gives_the_line_of_the_corpus(corpus):
    encoder = LineEncoder()
    seen = 0
    for case in cases(corpus, "encode"):
        if "result" in case:
            assert floats_alike(encoder.line(to_point(case["point"]))) == floats_alike(case["result"]), case
            seen += 1
    assert seen >= 50


def test_every_encode_case_that_the_corpus_refuses_is_refused_or_has_an_empty_tag(corpus):
    for case in cases(corpus, "encode"):
        if "error" not in case:
            continue
        if sayable(case["point"]):
            with pytest.raises(RefusedError):
                LineEncoder().line(to_point(case["point"]))
        else:
            assert ",something=" not in LineEncoder().line(to_point(case["point"]))


def test_what_the_corpus_decodes_is_encoded_as_it_was_written(corpus):
    """Of the decode cases of one point in ns; other spellings (order of tags, spaces, `T` for true) are what remains."""
    encoder, same, seen = LineEncoder(), 0, 0
    for case in cases(corpus, "decode"):
        text, result = case["text"], case.get("result") or []
        if not isinstance(text, str) or len(result) != 1 or case["precision"] != "1ns":
            continue
        values = [next(iter(field["value"].items())) for field in result[0]["fields"]]
        if any(kind == "uint" or not isinstance(value, str | int | float) for kind, value in values):
            continue
        text, time = text.rstrip("\n "), str(result[0]["time"])
        text = text if text.endswith(f" {time}") else f"{text} {time}"
        seen += 1
        try:
            same += floats_alike(encoder.line(to_point(result[0]))) == floats_alike(text)
        except RefusedError as error:
            assert "'time'" in str(error)  # noqa: PT017 - only that name is refused here
    assert seen > 150
    assert same > seen * 0.8
