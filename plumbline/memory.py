"""The memory of a service: what Python and the C library leave over.

A group of some thousand messages makes and drops tens of thousands of objects, none of them in a ring; at Python's usual
pace the collector looks for rings after every 700. Measured here on groups of 4,000 messages of one event: opening them
4.4 instead of 5.7 µs a message, their entry in the ledger 1.15 instead of 1.45. State made anew from the log: 107 instead of
126 µs an observation; and the service, with its 160,000 objects, stood still for 190 ms (on a busy machine) whenever all of
them were looked at.
"""

import atexit
import contextlib
import ctypes
import gc
from typing import Final

_THRESHOLDS: Final = (50_000, 50, 100)
#: The name of it in mallopt(3), from malloc.h of glibc.
_ARENA_MAX: Final = -8
#: Each thread that asks at the same time as another gets a heap of its own, and what is free in one helps no other. There are
#: a dozen threads, which mostly wait. Measured over 1,500,000 events into the embedded store: 261 MB at most instead of 267.
_ARENAS: Final = 2


def frugal() -> None:
    """Let threads share heaps of the C library. Call it before there are threads; another one than glibc is left as it is."""
    with contextlib.suppress(AttributeError, OSError):  # it has no such word
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def calm() -> None:
    """Look for rings seldom, and never among what the process has made for good by now. Call it once all is built."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # at the end everything may go: DuckDB's binding complains of what does not
    gc.set_threshold(*_THRESHOLDS)
