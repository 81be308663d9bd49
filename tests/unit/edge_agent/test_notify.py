"""What systemd hears: over a real datagram socket, named by a path or abstract."""

import asyncio
import os
import socket

import pytest

from edge_agent.notify import Notify, feed


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "path" else f"@plumbline-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name[1:] if name.startswith("@") else name)
        end.settimeout(120)
        yield end, name


def heard(end):
    return end.recv(4096).decode().split("\n")


def test_systemd_hears_of_readiness_reload_and_end(manager):
    end, name = manager
    notify = Notify({"NOTIFY_SOCKET": name})
    notify.ready("online; 0 events waiting")
    assert heard(end) == ["READY=1", "STATUS=online; 0 events waiting"]
    notify.status("two\nlines")
    assert heard(end) == ["STATUS=two lines"]
    notify.reloading()
    said = heard(end)
    assert said[0] == "RELOADING=1"
    assert said[1].startswith("MONOTONIC_USEC=")
    notify.stopping()
    assert heard(end)[0] == "STOPPING=1"


def test_without_systemd_nothing_happens():
    notify = Notify({})
    notify.ready("x")
    assert notify.watchdog_s is None
    Notify({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready("x")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_counts_where_it_is_meant_for_us(environment, seconds):
    assert Notify(environment).watchdog_s == seconds


async def test_the_watchdog_is_fed_while_everything_lives_and_not_when_something_hangs(manager):
    end, name = manager
    notify = Notify({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000"})
    asked, hangs = [], asyncio.Event()

    async def lives():
        asked.append(1)
        if hangs.is_set():
            await asyncio.Event().wait()
        return True

    task = asyncio.create_task(feed(notify, lives=lives, status=lambda: "well"))
    assert (await asyncio.to_thread(heard, end))[0] == "WATCHDOG=1"
    hangs.set()
    before = len(asked)
    while len(asked) < before + 4:  # noqa: ASYNC110 - asked again and again, each time in vain
        await asyncio.sleep(0)
    task.cancel()
    end.setblocking(False)
    fed = 0
    while True:
        try:
            fed += heard(end)[0] == "WATCHDOG=1"
        except BlockingIOError:
            break
    assert fed <= before
