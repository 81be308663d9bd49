"""What the worker process may take, and when it must go.

Sources: prctl(2), setrlimit(2), nice(2), proc_pid_oom_score_adj(5).
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
#: Below the agent, which must answer devices and brokers.
_NICER: Final = 10
#: When the machine runs out of memory the kernel ends this process, not the agent.
_OOM_SCORE: Final = "500"


def die_with(parent: int) -> None:
    """See to it that the kernel ends this process when the process `parent` ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(0)
    # A stop is the agent's to handle: it takes its leave of the worker when it is done with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def stand_back() -> None:
    """Let others go first, and leave no core dump of a hundred megabytes on a memory card."""
    with contextlib.suppress(OSError):
        os.nice(_NICER)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(megabytes: int) -> None:
    """Allow `megabytes` beyond what is taken now: what a picture asks for above that fails at once."""
    with contextlib.suppress(OSError):
        taken_kb = next(
            int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:")
        )
        most = (taken_kb << 10) + (megabytes << 20)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
