"""The page of linking tells every part of a score and every state of a unit, and its example is an order's line."""

import json
import re
from pathlib import Path
from typing import get_args

from tracking_service.document.order import LineDocument
from tracking_service.linking.delivered import UnitState
from tracking_service.linking.question import PartName

PAGE = (Path(__file__).parents[3] / "docs" / "linking.md").read_text(encoding="utf-8")


def test_the_page_tells_every_part_and_state():
    told = {name for row in re.findall(r"^\| (`[a-z_`, ]+) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert {*get_args(PartName), *get_args(UnitState)} <= told


def test_its_example_is_a_line_with_packs():
    example = re.search(r'^    (\{"line": "10".*?\]\})$', PAGE, re.MULTILINE | re.DOTALL)
    line = LineDocument.model_validate(json.loads(example[1]))
    assert [pack.quantity for pack in line.packs] == [12, 144]
