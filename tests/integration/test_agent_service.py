"""The agent as systemd runs it: an ordinary user, told of by a real notify socket, its logs bounded, its watchdog fed."""

import asyncio
import json
import os
import pwd
import shutil
import site
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from plumbline import fleet, topics
from plumbline.address import Address
from plumbline.fleet import DesiredConfig
from plumbline.mqtt import Connection
from tests.integration.tiny_ingest import until
from tests.servers import open_folder, plumbline

CONFIG = 'site = "s"\ngateway = "nobody"\n[server]\nbrokers = ["{url}"]\n[health]\nevery_s = 0.2\n[remote]\nprobation_s = 5\n[page]\nlisten = ""\n'

#: Where an interpreter that is not this environment's finds the same packages.
PYTHON = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *site.getsitepackages()])}


@pytest.fixture
def home():
    """A folder of the ordinary user's own."""
    owner = pwd.getpwnam("nobody")
    with open_folder("gateway") as folder:
        if os.geteuid() == 0:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield folder


def as_nobody(*command):
    """The command as an ordinary user without any capability, where we may change to one."""
    if os.geteuid() != 0:
        return list(command)
    owner = pwd.getpwnam("nobody")
    who = [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    return ["setpriv", *who, "--no-new-privs", "--", *command]


class Manager:
    """systemd's end of the socket."""

    def __init__(self, folder) -> None:
        self.path = folder / "notify"
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.bind(str(self.path))
        self.path.chmod(0o777)
        self.end.setblocking(False)
        self.said = []

    async def hear(self):
        while True:
            data = await asyncio.get_running_loop().sock_recv(self.end, 4096)
            self.said.append(data.decode().split("\n"))

    def count(self, line):
        return sum(line in said for said in self.said)


@pytest.fixture
def python():
    """A Python that an ordinary user may run, and begin anew: this one, or the system's of the same version."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    again = "import subprocess, sys, edge_agent.agent; subprocess.run([sys.executable, '-c', ''], check=True)"
    for program in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        trial = as_nobody(program, "-c", again)
        if (
            Path(program).exists()
            and not subprocess.run(trial, check=False, capture_output=True, env=PYTHON, cwd="/").returncode
        ):
            return program
    return pytest.skip("no Python here is for ordinary users")


async def test_an_ordinary_user_runs_it_and_systemd_hears_of_it(mosquitto, home, python):
    path = home / "gateway.toml"
    path.write_text(CONFIG.format(url=mosquitto.url))
    path.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(path, "nobody")
    manager = Manager(home)
    hearing = asyncio.create_task(manager.hear())
    environment = PYTHON | {
        "NOTIFY_SOCKET": str(manager.path),
        "WATCHDOG_USEC": "3000000",
        "HOME": str(home),
    }
    with (home / "stderr").open("wb") as log:
        command = as_nobody(python, *plumbline("edge", "run", "--config", str(path))[1:])
        process = await asyncio.create_subprocess_exec(*command, stderr=log, env=environment, cwd="/")
    try:
        await until(lambda: manager.count("READY=1"), "READY")
        await until(lambda: manager.count("WATCHDOG=1") > 2, "the watchdog to be fed")
        await until(lambda: any("STATUS=online at" in line for said in manager.said for line in said), "the link in the status")
        status = Path(f"/proc/{process.pid}/status").read_text()
        if os.geteuid() == 0:
            uid = str(pwd.getpwnam("nobody").pw_uid)
            assert uid in status.partition("Uid:")[2].split()[:1]
            assert int(status.partition("CapEff:")[2].split()[0], 16) == 0

        # the server changes its file: it begins anew as the same process, and systemd hears of that as of a reload
        async with Connection(address=Address.parse(mosquitto.url), client_id="nobody-fleet") as server:
            text = path.read_text() + "# changed from afar\n"
            desired = DesiredConfig(site="s", gateway="nobody", version=1, by="test", at=1, text=text)
            await server.publish(topics.desired("s", "nobody"), fleet.encode(desired), retain=True)
            await until(lambda: manager.count("RELOADING=1") and manager.count("READY=1") == 2, "the reload")
            await until(lambda: json.loads((home / "gateway.toml.remote/record.json").read_bytes())["seen"] == 1, "the end")
            await server.publish(topics.desired("s", "nobody"), b"", retain=True)
        assert path.read_text().endswith("# changed from afar\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert process.returncode is None

        process.terminate()
        assert await asyncio.wait_for(process.wait(), 120) == 0
        await until(lambda: manager.count("STOPPING=1") == 1, "the goodbye")
        lines = [json.loads(line) for line in (home / "data/log/agent.jsonl").read_text().splitlines()]
        events = [line["event"] for line in lines]
        assert events[0] == "agent.started"
        assert {"config.placed", "config.probation", "config.applied", "agent.stopped"} <= set(events)
        assert json.loads((home / "data/agent.runs").read_bytes()) == {"starts": 2, "crashes": 0, "running": False}
    finally:
        print((home / "stderr").read_text()[-2000:])  # noqa: T201 - pytest shows it where the test fails
        if process.returncode is None:
            process.kill()
            await process.wait()
        hearing.cancel()
        manager.end.close()
