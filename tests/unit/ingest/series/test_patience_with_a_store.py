"""How long is waited for a series store that says how long, and how loud."""

import pytest
from structlog.testing import capture_logs

from ingest.patience import Patience, Stop
from plumbline.series import SeriesUnavailableError


class Pauses(Stop):
    def __init__(self) -> None:
        super().__init__()
        self.taken = []

    async def pause(self, seconds):
        self.taken.append(seconds)
        return False


@pytest.mark.parametrize(
    ("error", "waits", "level"),
    [
        (SeriesUnavailableError("away"), [1.0, 2.0], "warning"),
        (SeriesUnavailableError("slow down", wait_s=90.0), [90.0, 90.0], "warning"),
        (SeriesUnavailableError("too fast", wait_s=1.5), [1.5, 2.0], "warning"),
        (SeriesUnavailableError("no such user", ours=True), [1.0, 2.0], "error"),
    ],
)
async def test_a_wait_that_the_store_asks_for_is_kept_and_what_only_a_setting_mends_is_an_error(error, waits, level):
    stop, outcomes = Pauses(), [error, error, "done"]

    async def act():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    patience = Patience(first_s=1.0, cap_s=30.0, chance=lambda: 1.0)
    with capture_logs() as logs:
        assert await patience.insist(act, task="points", stop=stop, failed=lambda _away: None) == "done"
    assert stop.taken == waits
    *waited, back = logs
    assert {log["log_level"] for log in waited} == {level}
    assert (back["event"], back["log_level"], back["tries"]) == ("store answers again", "info", 2)


async def test_a_store_that_was_never_away_is_not_told_to_be_back():
    async def act():
        return "done"

    with capture_logs() as logs:
        await Patience().insist(act, task="points", stop=Pauses(), failed=lambda _away: None)
    assert logs == []
