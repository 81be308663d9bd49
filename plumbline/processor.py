"""How long another process has worked: one that stands still, or waits for the processor, is not stuck."""

import os
from pathlib import Path


def worked_s(pid: int) -> float:
    """The processor time that a process had, in seconds; infinite where nobody knows (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return float("inf")
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
