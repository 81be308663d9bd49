"""The servers that tests start: none outlives its test process, whatever ends that, and none is in another's way."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import answers, free_port, open_folder, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux alone tells and ends processes like that")

ROOT = Path(__file__).parents[2]
SERVING = "import tests.servers as s; one = s.Mosquitto(Path(sys.argv[1])); one.start(); print(one.port, flush=True); input()"
PORTS = "import tests.servers as s; print(*(s.free_port() for _ in range(50)), flush=True); input()"
FOLDER = "import tests.servers as s; one = s.open_folder('left'); print(one.__enter__(), flush=True); input()"


@contextmanager
def other_process(program: str, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another test process, and what it says; SIGKILL in the end."""
    command = [sys.executable, "-c", f"import sys; from pathlib import Path; {program}", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_no_server_outlives_a_test_process_that_was_killed(tmp_path: Path) -> None:
    with other_process(SERVING, tmp_path) as (_, port):
        assert answers(int(port))
    wait_until(lambda: not answers(int(port)), "the broker to be gone")


def test_two_test_processes_are_given_no_port_in_common() -> None:
    with other_process(PORTS) as (_, ports):
        theirs = {int(port) for port in ports.split()}
        assert len(theirs) == 50
        assert not theirs & {free_port() for _ in range(199)}


def test_the_folder_of_a_killed_test_process_is_removed_and_that_of_a_living_one_stays() -> None:
    with other_process(FOLDER) as (_, living):
        with other_process(FOLDER) as (killed, left):
            killed.kill()
            killed.wait()
        with open_folder("mine") as mine:
            assert not Path(left).exists()
            assert Path(living).exists()
            assert mine.exists()
