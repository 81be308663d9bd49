"""Geofences on real tracks, driven and walked: visits found, and none invented, beside a plain test of in or out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tracking_service.geofence import benchmark


@pytest.fixture
def tracks(corpus: Path) -> Path:
    folder = corpus / "gps" / "tracks"
    if not folder.is_dir():
        pytest.skip(f"no tracks at {folder}")
    return folder


def test_visits_on_real_tracks_are_found_with_15_m_of_errors_and_next_to_none_invented(
    tracks: Path, say: Callable[[str], None]
) -> None:
    found = invented = true = plain = 0
    for name, points in benchmark.read(tracks):
        told = benchmark.on_track(points, seeds=2)
        sharp, blurred = told["as_recorded"], told["with_15_m"]
        say(f"track {name}: {told['true_visits']} visits; as recorded {sharp}; with 15 m {blurred}")
        assert sharp["ours"]["false"] == 0
        assert blurred["ours"]["false"] <= blurred["plain"]["false"]
        true += sharp["ours"]["of"] + blurred["ours"]["of"]
        found += sharp["ours"]["found"] + blurred["ours"]["found"]
        invented += sharp["ours"]["false"] + blurred["ours"]["false"]
        plain += sharp["plain"]["false"] + blurred["plain"]["false"]
    assert true
    say(f"tracks: {found} of {true} visits found, {invented} invented (plain test: {plain})")
    assert found / true > 0.85  # what is missed lasted for some ten seconds
    assert invented / true < 0.05
    assert plain > 5 * invented


def test_nothing_that_is_parked_leaves(say: Callable[[str], None]) -> None:
    parked = benchmark.parked(days=1, every_s=60, seeds=1)
    say(f"parked: {parked}")
    assert parked["false_exits"] == 0
    assert parked["never_found_inside"] == 0
    trips = benchmark.come_and_gone(every_s=30, seeds=2)
    say(f"come and gone: {trips}")
    assert trips["ours"]["found"] == trips["machines"]
    assert trips["ours"]["false"] == 0
