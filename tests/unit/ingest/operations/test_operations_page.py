"""docs/operations.md names every metric and every warning, and none that there is not; so do the alerts."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from ingest.direct.metrics import DirectMetrics
from ingest.operations.metrics import Metrics
from ingest.operations.standing import Standing

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def metrics() -> set[str]:
    told = Metrics()
    DirectMetrics(told.registry)
    nothing = SimpleNamespace()
    Standing(engine=nothing, stop=nothing, metrics=told, patience=nothing, still_since=lambda _key: None)
    families = {family.name + ("_total" if family.type == "counter" else "") for family in told.registry.collect()}
    return {name for name in families if name.startswith("plumbline_")} | {"plumbline_ingest_lag_seconds"}


def test_every_metric_is_in_the_table_and_every_one_in_the_table_exists():
    assert set(re.findall(r"^\| `(plumbline_\w+)`", PAGE, re.MULTILINE)) == metrics()


def test_alerts_speak_of_metrics_that_exist_and_each_has_its_remedy():
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        for name in re.findall(r"plumbline_\w+", rule["expr"]):
            assert name.removesuffix("_bucket") in metrics(), rule["alert"]
        assert f"| `{rule['alert']}` |" in PAGE
    assert set(re.findall(r"^\| `(Ingest\w+)`", PAGE, re.MULTILINE)) == {rule["alert"] for rule in rules}


def warnings() -> dict[str, str]:
    """What ingest logs at level warning and error, and where."""
    said: dict[str, str] = {}
    for path in [*(ROOT / "ingest").rglob("*.py"), ROOT / "plumbline" / "command" / "ingest.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"warning", "error"}:
                first = node.args[0] if node.args else None
                if getattr(node.func.value, "id", "") == "_log" and isinstance(first, ast.Constant):
                    said[str(first.value)] = path.name
    return said


@pytest.mark.parametrize("line", sorted(warnings()))
def test_what_is_logged_as_a_warning_is_explained(line):
    assert f"`{line}`" in PAGE, f"{line} ({warnings()[line]}): say in docs/operations.md what it means and what to do"
