"""The generated pages are what the code says, and the schema accepts exactly what the codec writes."""

import json
from pathlib import Path

import jsonschema
from hypothesis import given

from plumbline import codec
from plumbline.command import docs
from plumbline.event import KINDS
from tests.unit.plumbline.strategies import events

DOCS = Path(__file__).parents[3] / "docs"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(docs.event_schema()))


def test_every_generated_page_is_up_to_date():
    for name, make in docs.PAGES.items():
        assert (DOCS / name).read_text(encoding="utf-8") == make(), f"run 'plumbline docs': {name}"


def test_every_kind_has_its_chapter():
    page = docs.event_page()
    assert all(f"## `{kind}`" in page for kind in KINDS)


@given(events)
def test_the_schema_accepts_every_event_that_the_codec_writes(event):
    VALIDATOR.validate(json.loads(codec.encode(event)))
