"""The processor time of processes: of one that works and of one that is gone."""

import os
import time

from plumbline.processor import worked_s


def test_it_grows_with_the_work_and_nobody_knows_that_of_a_process_that_is_gone() -> None:
    before, end_s = worked_s(os.getpid()), time.process_time() + 0.1
    while time.process_time() < end_s:
        pass
    assert 0 < before < worked_s(os.getpid()) <= time.process_time() + 0.1
    assert worked_s(2**22 + 1) == float("inf")  # above the most that Linux gives
