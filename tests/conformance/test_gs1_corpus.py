"""GS1's own engine, its linters and biip's parameter sets: the same verdicts and the same application identifiers."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.gs1 import Gs1Error, check_digit, identifiers, normalise_gtin, parse
from edge_agent.gs1.linters import LINTERS

ROOT = Path(__file__).parents[2]
#: Differences that are meant: the engine takes text without FNC1 for no GS1 data, and an empty text for valid. A label
#: reader meets scanners that keep FNC1 to themselves, and refuses an empty scan.
MEANT = {("raw", ""), ("raw", "991234"), ("uri", "")}
#: These two ask a service for company prefixes, which a gateway without internet does not have.
ONLINE = {("gcppos2", "I1234567")}


def cases(corpus: Path, name: str) -> list[dict]:
    with (corpus / "gs1" / name / "cases.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("requisites", [False, True], ids=["label reader", "full rules"])
@pytest.mark.parametrize("name", ["syntax_engine", "generated_by_engine"])
def test_every_verdict_and_every_identifier_is_the_engines(
    corpus: Path, name: str, requisites: bool, say: Callable[[str], None]
) -> None:
    wrong, right = [], 0
    for case in cases(corpus, name):
        expected = case["expected"] if requisites else case.get("expected_without_requisites", case["expected"])
        options = {key: case[key] for key in ("permit_unknown_ais", "permit_zero_suppressed_gtin") if key in case}
        try:
            found = [list(element) for element in parse(case["input"], requisites=requisites, **options).elements]
        except Gs1Error:
            found = None
        if found == (expected["ais"] if expected["ok"] else None):
            right += 1
        elif (case["kind"], case["input"]) not in MEANT:
            wrong.append((case, found))
    say(f"gs1 {name}, {'full' if requisites else 'label-reader'} rules: {right} right, {len(wrong)} wrong")
    assert not wrong, wrong[:5]


def test_every_linter_agrees(corpus: Path, say: Callable[[str], None]) -> None:
    wrong, right = [], 0
    for case in cases(corpus, "linters"):
        if (LINTERS[case["linter"]](case["input"]) is None) == case["ok"]:
            right += 1
        elif (case["linter"], case["input"]) not in ONLINE:
            wrong.append(case)
    say(f"gs1 linters: {right} right, {len(wrong)} wrong")
    assert not wrong, wrong[:5]


def test_the_table_is_the_dictionarys(corpus: Path) -> None:
    dictionary = json.loads((corpus / "gs1/syntax_dictionary.json").read_text())
    script = runpy.run_path(str(ROOT / "scripts/build_gs1_identifiers.py"))
    assert (ROOT / "edge_agent/gs1/identifiers.txt").read_text() == script["render"](dictionary)
    assert set(identifiers()) == set(dictionary)


def test_what_biip_reads_reads_the_same(corpus: Path, say: Callable[[str], None]) -> None:
    count = 0
    for case in cases(corpus, "biip"):
        test, params = case["test"].partition("::")[2], case["params"]
        if test == "test_as_gtin_14" and case["test"].startswith("tests/gtin"):
            assert normalise_gtin(params["value"]) == params["expected"]
        elif test == "test_gs1_standard_check_digit":
            assert check_digit(params["value"]) == str(params["expected"])
        elif test == "test_get_element_string_by_ai":
            assert parse(params["value"]).get(params["ai"]) == params["expected"]
        elif test == "test_as_hri" and "gs1_messages" in case["test"]:
            assert "".join(f"({ai}){value}" for ai, value in parse(params["value"]).elements) == params["expected"]
        else:
            continue
        count += 1
    say(f"gs1 biip: {count} right")
    assert count > 10
