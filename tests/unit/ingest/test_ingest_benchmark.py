"""The benchmark of ingest's stages runs and measures what it says."""

from ingest import benchmark


def test_every_stage_has_its_figure():
    figures = benchmark.stages(10, 3, repeats=1)
    assert list(figures) == ["expand", "decode", "check", "points"]
    assert all(figure >= 0 for figure in figures.values())
    assert figures["decode"] > 0
