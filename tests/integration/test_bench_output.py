"""What a benchmark prints for machines is its figures and nothing else."""

import subprocess
import sys

PROGRAM = """
import structlog
from plumbline.command.bench import bench
bench()
structlog.get_logger().info("series compacted")
structlog.get_logger().error("series store away")
"""


def test_what_a_benchmark_logs_does_not_stand_among_its_figures():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "series store away" in done.stderr
    assert "compacted" not in done.stderr
