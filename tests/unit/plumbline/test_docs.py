"""The generated pages are what the code says, and the schema accepts exactly what the codec writes."""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import jsonschema
from hypothesis import given

from plumbline import codec, command, topics
from plumbline.cli import COMMANDS
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


def test_every_topic_stands_on_its_page():
    page = docs.topics_page()
    makers = [make for _, make in inspect.getmembers(topics, inspect.isfunction) if make.__annotations__.get("return") is str]
    placeholders = {"site": "{site}", "gateway": "{gateway}", "event_class": "{class}", "share": "ingest"}
    made = [make(*(placeholders[name] for name in inspect.signature(make).parameters)) for make in makers]
    assert made
    assert [topic for topic in made if f"`{topic}`" not in page] == []


def test_every_command_module_is_listed_so_that_the_page_tells_of_it():
    found = [importlib.import_module(f"{command.__name__}.{one.name}") for one in pkgutil.iter_modules(command.__path__)]
    assert {module.__name__ for module in found if hasattr(module, "app")} == {entry.module for entry in COMMANDS.values()}


@given(events)
def test_the_schema_accepts_every_event_that_the_codec_writes(event):
    VALIDATOR.validate(json.loads(codec.encode(event)))
