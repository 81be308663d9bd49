"""GS1's own engine, its linters and biip's parameter sets: the same verdicts and the same application identifiers.

And the corpus' valid labels without their separators: repaired where one reading alone is right, never wrongly.
"""

import json
import re
import runpy
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.gs1 import Ambiguous, Gs1Error, check_digit, identifiers, normalise_gtin, parse, read_scan, repair
from edge_agent.gs1.linters import LINTERS
from edge_agent.gs1.readings import Reading

ROOT = Path(__file__).parents[2]
#: An empty text is valid plain data to one entry point of the engine and an invalid scan to another: it is no scan.
MEANT = {("raw", ""), ("uri", "")}


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
    wrong = [case for case in cases(corpus, "linters") if (LINTERS[case["linter"]](case["input"]) is None) != case["ok"]]
    say(f"gs1 linters: {len(cases(corpus, 'linters')) - len(wrong)} right, {len(wrong)} wrong")
    assert not wrong, wrong[:5]


def test_the_table_is_the_dictionarys(corpus: Path) -> None:
    dictionary = json.loads((corpus / "gs1/syntax_dictionary.json").read_text())
    script = runpy.run_path(str(ROOT / "scripts/build_gs1_identifiers.py"))
    assert (ROOT / "edge_agent/gs1/identifiers.txt").read_text() == script["render"](dictionary)
    assert set(identifiers()) == set(dictionary)
    linters = {linter for entry in dictionary.values() for part in entry["spec"] for linter in part.split(",")[1:]}
    assert linters <= set(LINTERS)


def labels(corpus: Path) -> list[Reading]:
    """Every label of two element strings or more that is valid for a label reader."""
    valid = []
    for case in cases(corpus, "syntax_engine") + cases(corpus, "generated_by_engine"):
        expected = case.get("expected_without_requisites", case["expected"])
        if expected["ok"] and len(expected["ais"]) > 1 and not case.get("permit_unknown_ais"):
            valid.append(tuple((ai, value) for ai, value in expected["ais"]))
    return valid


def outcome(label: Reading, *, symbology: str | None = "]C1") -> str:
    try:
        found = repair("".join(ai + value for ai, value in label), symbology=symbology)
    except Gs1Error:
        return "refused"
    if not isinstance(found, Ambiguous):
        return "right" if found.elements == label else "wrong"
    candidates = [candidate.elements for candidate in found.candidates]
    if label not in candidates:
        return "ambiguous without the right one"
    return "ambiguous, the right one first" if candidates[0] == label else "ambiguous with the right one"


def test_labels_without_separators_are_repaired_or_ambiguous_but_never_wrong(corpus: Path, say: Callable[[str], None]) -> None:
    counts = Counter(map(outcome, labels(corpus)))
    total = counts.total()
    say(f"gs1 without separators, {total} labels: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
    assert counts["wrong"] == 0
    assert counts["right"] >= 0.54 * total
    assert counts["refused"] + counts["ambiguous without the right one"] <= 0.005 * total
    assert counts["ambiguous, the right one first"] >= 0.35 * total


def test_a_scan_of_a_label_without_separators_is_never_misread_silently(corpus: Path, say: Callable[[str], None]) -> None:
    silent = []
    for label in labels(corpus):
        text = "".join(ai + value for ai, value in label)
        for separators in ("unknown", "lost"):
            content = read_scan(text.encode(), text, "]d2", separators=separators)
            if content.gs1 != label and not content.candidates:
                silent.append((label, content))
    say(f"gs1 without separators, as scans: {len(silent)} of {2 * len(labels(corpus))} misread or lost")
    assert not silent, silent[:3]


@pytest.mark.parametrize("mark", ["|", "^", "{GS}", " ", "\u241d"])
def test_labels_with_replaced_separators_are_read(corpus: Path, mark: str, say: Callable[[str], None]) -> None:
    wrong = []
    for label in labels(corpus):
        text = mark.join(ai + value for ai, value in label)
        try:
            found = repair(text, symbology="]C1")
        except Gs1Error as error:
            wrong.append((text, error))
            continue
        if isinstance(found, Ambiguous) or found.elements != label:
            wrong.append((text, found))
    say(f"gs1 with {mark!r} for separators: {len(labels(corpus)) - len(wrong)} right, {len(wrong)} not")
    assert not wrong, wrong[:3]


def test_what_biip_reads_reads_the_same(corpus: Path, say: Callable[[str], None]) -> None:
    """Biip lets wrong check digits, impossible dates and unknown codes pass, which GS1's engine does not: nor do we."""
    counts: Counter[str] = Counter()
    wrong = []
    for case in cases(corpus, "biip"):
        question = BIIP.get(case["test"])
        if question is None:
            continue
        try:
            verdict = "right" if question(case["params"]) else "wrong"
        except Gs1Error as error:
            verdict = "stricter" if re.search(r"check digit|the date has no|no GTIN|no country code", str(error)) else "wrong"
        counts[verdict] += 1
        if verdict == "wrong":
            wrong.append(case)
    say("gs1 biip: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    assert not wrong, wrong[:5]
    assert counts["right"] > 30


def link(params: dict) -> bool:
    read = parse(params["value"], permit_zero_suppressed_gtin=True)
    return params["expected"] == "".join(f"({ai}){value}" for ai, value in read.elements)


def message(value: str) -> str:
    return "".join(f"({ai}){found}" for ai, found in parse(value).elements)


def first_value(value: str) -> str:
    """The value of the first element string, as a symbol would hold it."""
    return parse(f"]C1{value}").elements[0][1]


def refused(params: dict) -> bool:
    try:
        return not parse(params["value"]).elements
    except Gs1Error:
        return True


def everything(params: dict) -> bool:
    """What biip takes for a GTIN, an SSCC or a message; a lone number of another length may be anybody's."""
    expected, value = params["expected"], params["value"]
    read = parse(value, permit_zero_suppressed_gtin=True)
    gtin, sscc, whole = expected.get("gtin"), expected.get("sscc"), expected.get("gs1_message")
    if not read.elements and read.plain_gtin is None:
        return value.isdigit()
    return (
        (gtin is None or read.gtin == gtin["value"].zfill(14))
        and (sscc is None or read.sscc == sscc["value"])
        and (
            whole is None
            or not read.elements
            or [found for _, found in read.elements] == [each["value"] for each in whole["element_strings"]]
        )
    )


BIIP: dict[str, Callable[[dict], bool]] = {
    "tests/gtin/test_encode.py::test_as_gtin_14": lambda p: normalise_gtin(p["value"]) == p["expected"],
    "tests/test_checksums.py::test_gs1_standard_check_digit": lambda p: check_digit(p["value"]) == str(p["expected"]),
    "tests/test_gs1_messages.py::test_get_element_string_by_ai": lambda p: parse(p["value"]).get(p["ai"]) == p["expected"],
    "tests/test_gs1_messages.py::test_as_hri": lambda p: message(p["value"]) == p["expected"],
    "tests/test_gs1_messages.py::test_parse_ignores_redundant_separator_chars": lambda p: (
        message(p["value"]) == p["expected_hri"]
    ),
    "tests/test_gs1_messages.py::test_parse_fails_if_unparsed_data_left": refused,
    "tests/test_gs1_messages.py::test_parse_hri_fails_if_ai_is_unknown": refused,
    "tests/test_gs1_messages.py::test_parse_hri_fails_if_not_starting_with_parenthesis": refused,
    "tests/test_gs1_element_strings.py::test_extract": lambda p: first_value(p["value"]) == p["expected"]["value"],
    "tests/test_gs1_element_strings.py::test_extract_variable_measures": lambda p: first_value(p["value"]) == p["value"][4:],
    "tests/test_gs1_element_strings.py::test_extract_amount_payable": lambda p: first_value(p["value"]) == p["value"][4:],
    "tests/test_gs1_element_strings.py::test_extract_date_and_datetime": lambda p: p["value"].endswith(first_value(p["value"])),
    "tests/test_gs1_digital_link_uris.py::test_parse_error": refused,
    "tests/test_gs1_digital_link_uris.py::test_as_gs1_message": link,
    "tests/test_parse.py::test_parse": everything,
}
