"""What a gateway makes of desired configurations, without a broker: the channel is the real one, the restart is counted."""

import asyncio
import errno
from typing import Self

import pytest

from edge_agent import durable
from edge_agent.channel import Channel
from edge_agent.config import RemoteSettings
from edge_agent.fleet import RemoteConfig, Versions, remote
from plumbline import fleet, topics
from plumbline.fleet import DesiredConfig, ReportedConfig

OLD = 'site = "s"\ngateway = "g"\n[server]\nbrokers = ["mqtt://gate:pw@127.0.0.1"]\n'
NEW = OLD + "[health]\nevery_s = 10\n"
DESIRED = topics.desired("s", "g")


class Gateway:
    """A remote configuration with everything around it."""

    def __init__(self, path) -> None:
        self.channel = Channel()
        self.lines = {"crane": "ok"}
        self.restarted = asyncio.Event()
        self.heard = asyncio.Condition()
        self.said = []
        self.versions = Versions(path)
        self.versions.begin()
        self.remote = RemoteConfig(
            site="s",
            gateway="g",
            versions=self.versions,
            settings=RemoteSettings(probation_s=1),
            channel=self.channel,
            readers=lambda: self.lines,
            restart=self.restarted.set,
        )

    async def __aenter__(self) -> Self:
        self.channel.connected(self._publish)
        self.task = asyncio.create_task(self.remote.run())
        return self

    async def __aexit__(self, *_) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    def _publish(self, _topic, payload):
        self.said.append(fleet.decode(payload, ReportedConfig))

    def want(self, version, **what):
        desired = DesiredConfig(**({"site": "s", "gateway": "g", "version": version, "by": "me", "at": 1} | what))
        self.channel.deliver(DESIRED, fleet.encode(desired))

    async def until(self, version, state):
        async with asyncio.timeout(120):
            while not self.said or (self.said[-1].seen, self.said[-1].state) != (version, state):  # noqa: ASYNC110 - a child process
                await asyncio.sleep(0.005)
        return self.said[-1]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(OLD)
    return path


async def test_what_is_in_force_already_needs_no_restart(path):
    async with Gateway(path) as gateway:
        gateway.want(5, text=OLD.replace(":pw@", ":…@"))
        assert (await gateway.until(5, "applied")).version == 5
        assert not gateway.restarted.is_set()


@pytest.mark.parametrize(
    ("what", "mistake"),
    [
        ({"text": NEW, "hash": "0" * 64}, "text: is not what its hash says"),
        ({}, "text: neither a text nor a version"),
        ({"restore": 9}, "restore: version 9 is not kept"),
    ],
)
async def test_what_cannot_be_meant_is_refused(path, what, mistake):
    async with Gateway(path) as gateway:
        gateway.want(1, **what)
        assert (await gateway.until(1, "refused")).mistakes[0].startswith(mistake)
        assert path.read_text() == OLD


async def test_rubbish_and_messages_for_others_change_nothing(path):
    async with Gateway(path) as gateway:
        gateway.channel.deliver(DESIRED, b"")
        gateway.channel.deliver(DESIRED, b"\xff{")
        gateway.want(1, gateway="other", text=NEW)
        gateway.want(2, text="no toml")
        assert (await gateway.until(2, "refused")).history[-1].version == 2


async def test_an_old_version_that_comes_again_is_not_taken_again(path):
    async with Gateway(path) as gateway:
        gateway.want(3, text="no toml")
        await gateway.until(3, "refused")
        gateway.want(2, text=NEW)
        gateway.want(4, text="no toml either")
        await gateway.until(4, "refused")
        assert path.read_text() == OLD


async def test_a_new_version_restarts_and_is_kept_when_it_proves_healthy(path):
    async with Gateway(path) as gateway:
        gateway.want(1, text=NEW, hash=fleet.digest(NEW))
        await gateway.restarted.wait()
        assert gateway.said[-1].state == "on_probation"
    async with Gateway(path) as gateway:
        reported = await gateway.until(1, "applied")
        assert (reported.version, reported.by, path.read_text()) == (1, "me", NEW)
        assert gateway.remote.text() == "1 applied"
        assert "pw" not in fleet.encode(reported).decode()


async def test_a_reader_that_got_worse_takes_it_back(path):
    async with Gateway(path) as gateway:
        gateway.want(1, text=NEW)
        await gateway.restarted.wait()
    async with Gateway(path) as gateway:
        gateway.lines = {"crane": "crane: no such port; check the cable"}
        await gateway.restarted.wait()
        assert path.read_text() == OLD
    async with Gateway(path) as gateway:
        reported = await gateway.until(1, "rolled_back")
        assert "reader 'crane' was well before and now fails" in reported.reason
        assert gateway.remote.text().startswith("0 rolled_back (of 1): reader 'crane'")


async def test_on_a_full_disk_a_version_is_refused_and_that_is_noted_when_there_is_room(path, monkeypatch):
    monkeypatch.setattr(remote, "_AGAIN_S", 0.01)
    real, full = durable.write, [True]

    def write(target, content, *, like=None):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(target, content, like=like)

    monkeypatch.setattr(durable, "write", write)
    async with Gateway(path) as gateway:
        gateway.want(1, text=NEW)
        for _ in range(1000):  # it tries, and is still there
            await asyncio.sleep(0)
        full.clear()
        assert "No space left" in (await gateway.until(1, "refused")).reason
        assert path.read_text() == OLD


async def test_a_reader_that_recovers_is_reported(path):
    async with Gateway(path) as gateway:
        await gateway.until(0, "applied")
        count = len(gateway.said)
        gateway.remote.beat()
        assert len(gateway.said) == count
        gateway.lines = {"crane": "crane: gone"}
        gateway.remote.beat()
        assert gateway.said[-1].readers == {"crane": "crane: gone"}


async def test_where_it_is_turned_off_nothing_is_listened_to(path):
    channel = Channel()
    RemoteConfig(
        site="s",
        gateway="g",
        versions=Versions(path),
        settings=RemoteSettings(enabled=False),
        channel=channel,
        readers=dict,
        restart=lambda: None,
    )
    assert channel.topics == ()
