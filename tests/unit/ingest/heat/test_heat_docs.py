"""The page about heat names every metric that counts, with its limits."""

import re
from pathlib import Path
from typing import get_args

from ingest.heat.limits import METRICS
from plumbline.site import Source

PAGE = (Path(__file__).parents[4] / "docs" / "heat.md").read_text()


def test_the_page_names_the_metrics_and_limits_of_the_table():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\d+) \| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name: (source, float(day), float(night), standard) for name, source, day, night, standard in rows} == METRICS


def test_the_page_names_every_source():
    assert all(f"| `{source}` |" in PAGE for source in get_args(Source))
