"""`plumbline ingest run` that is killed at a step of its pipeline: `python -m tests.dying_worker STEP:N` (the N-th time).

SIGKILL by its own hand, between one step and the next: no sleep decides where it dies. Without an argument it lives.
"""

import os
import signal
import sys
from functools import partial

import ingest
from plumbline.cli import main


def fatal(wanted: str):
    """A checkpoint at which this process dies."""
    step, _, times = wanted.partition(":")
    left = int(times)

    async def pass_or_die(here: str) -> None:
        nonlocal left
        if here == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_or_die


def run(*death: str) -> None:
    """Run the command; with a death, its service has a checkpoint of ours."""
    if death:
        real = ingest.IngestService
        ingest.IngestService = partial(real, checkpoint=fatal(*death))
    sys.argv = ["plumbline", "ingest", "run"]
    main()


if __name__ == "__main__":
    run(*sys.argv[1:])
