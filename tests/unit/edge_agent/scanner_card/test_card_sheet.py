"""The printed card: every code on it reads back as what the learner expects."""

import re

import numpy as np
import pytest

from edge_agent.decode import decode
from edge_agent.scanner_card.probes import END, MARK, PROBES
from edge_agent.scanner_card.words import WORDS

sheet = pytest.importorskip("edge_agent.scanner_card.sheet", reason="the extra 'labels' is not installed")


@pytest.mark.parametrize("probe", PROBES.values(), ids=lambda probe: f"{probe.number}-{probe.format}")
def test_every_code_reads_back_with_the_identifier_that_the_learner_expects(probe):
    dark = sheet.modules(probe)
    if dark.shape[0] == 1:
        dark = np.repeat(dark, 40, axis=0)
    picture = np.where(np.kron(np.pad(dark, 12), np.ones((4, 4), dtype=bool)), 0, 255).astype(np.uint8)
    [symbol] = decode(np.dstack([picture] * 3), budget_ms=3000)
    assert symbol.text.removeprefix("0" if probe.format == "UPCA" else "") == probe.text
    assert symbol.identifier == probe.identifier
    assert (symbol.gs1 is not None) >= probe.gs1


@pytest.mark.parametrize("language", WORDS)
def test_the_card_is_one_sheet_of_a4(language, tmp_path):
    sheet.draw(str(tmp_path / "card.pdf"), language)
    data = (tmp_path / "card.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert re.findall(rb"/MediaBox \[ 0 0 595\.\d+ 841\.\d+ \]", data)
    assert b"/Count 1 " in data


def test_the_card_is_drawn_the_same_each_time(tmp_path):
    for name in "ab":
        sheet.draw(str(tmp_path / name), "zh")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_code_stands_on_the_sheet_once_in_the_order_of_its_number():
    assert [number for row in sheet._ROWS for number, _ in row] == sorted(PROBES)
    assert all(abs(sum(share for _, share in row) - 1) < 1e-9 for row in sheet._ROWS)


def test_the_marks_tell_the_codes_apart():
    for probe in PROBES.values():
        if probe.purpose not in {"retail", "short"}:
            assert f"{MARK}{probe.number:02}" in probe.text
            assert probe.text.upper().count(END) == 1
