"""The measurement of scan → answer runs, and its manifest is the one it says."""

from edge_agent.verdict import benchmark
from edge_agent.verdict.index import index_of


def test_a_few_scans_are_measured_over_the_wire_without_a_server(tmp_path):
    figures = benchmark.measure(tmp_path / "bench", 10)
    assert figures["scans"] == 10
    assert sum(figures["answers"].values()) == 10
    assert set(figures["answers"]) == {"good", "warn", "bad"}
    assert 0 < figures["answer_ms"]["p50"] <= figures["answer_ms"]["highest"]


def test_the_manifest_has_what_a_large_site_has():
    index = index_of(benchmark.expected(200))
    assert index.lines == 200
    assert ("PO-50~51", f"item:{benchmark.gtin(51)}/OLD19") in index.pieces
    assert ("PO-50~51", f"item:{benchmark.gtin(51)}/OLD20") not in index.pieces
    assert index.knows("00", benchmark.sscc(7))
