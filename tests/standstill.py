"""This process stands still, as one that is stopped or swapped out: when it goes on, its clock has gone on, and so have others."""

import time

import pytest


def stand_still(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on it is that much later by the monotonic clock, which is the event loop's too: what is due by then is due now."""
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + seconds)
