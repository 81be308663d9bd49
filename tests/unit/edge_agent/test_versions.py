"""Versions of a gateway's file: killed between any two writes, a start finds one whole configuration and knows what to do."""

import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import durable
from edge_agent.fleet import MOST_STARTS, Versions, trouble
from edge_agent.fleet.validate import completed, mistakes_in
from plumbline.fleet import DesiredConfig

OLD = 'site = "s"\ngateway = "g"\n[server]\nbrokers = ["mqtt://gate:pw@127.0.0.1"]\n'
NEW = OLD + "[health]\nevery_s = 10\n"


class Killed(BaseException):
    """What SIGKILL would be to a test."""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(OLD)
    path.chmod(0o640)
    return path


def desired(version, **more):
    return DesiredConfig(site="s", gateway="g", version=version, by="me", at=1, **more)


def place(path, text=NEW, version=1):
    versions = Versions(path)
    versions.place(text, desired(version), well=("crane",), probation_s=60)
    return versions


def started(path):
    versions = Versions(path)
    versions.begin()
    return versions


def test_a_gateway_that_was_never_sent_a_configuration_keeps_nothing(path):
    assert started(path).record.version == 0
    assert not list(path.parent.glob("*.remote"))


def test_a_new_version_is_in_force_on_trial_and_stays_when_it_proves_healthy(path):
    place(path)
    assert path.read_text() == NEW
    assert path.stat().st_mode & 0o777 == 0o640
    versions = started(path)
    assert versions.record.trial.starts == 1
    versions.accept()
    record = started(path).record
    assert (record.version, record.seen, record.state, record.trial) == (1, 1, "applied", None)
    assert started(path).kept(0) == OLD


def test_an_undone_version_leaves_the_file_as_it_was_and_is_not_taken_again(path):
    place(path)
    started(path).undo("no server was reached")
    versions = started(path)
    assert path.read_text() == OLD
    assert (versions.record.version, versions.record.seen, versions.record.state) == (0, 1, "rolled_back")
    assert versions.record.reason == "no server was reached"


def test_a_version_that_kills_the_agent_is_undone_by_the_start_after_the_last_it_may_take(path):
    place(path)
    for n in range(MOST_STARTS):
        assert started(path).record.trial.starts == n + 1
    record = started(path).record
    assert record.state == "rolled_back"
    assert "ended 3 times" in record.reason
    assert path.read_text() == OLD


def test_a_stop_that_was_asked_for_does_not_count_against_a_version(path):
    place(path)
    for _ in range(5 * MOST_STARTS):
        started(path).stopped()
    assert started(path).record.trial is not None


def test_a_change_by_hand_is_a_version_of_its_own_to_which_one_can_go_back(path):
    place(path)
    started(path).accept()
    path.write_text(OLD + "# by hand\n")
    versions = started(path)
    assert (versions.record.version, versions.record.local) == (2, True)
    versions.place(NEW, desired(3), well=(), probation_s=1)
    assert versions.kept(2) == OLD + "# by hand\n"
    started(path).undo("x")
    assert path.read_text() == OLD + "# by hand\n"


def test_a_change_by_hand_during_a_trial_ends_it_and_stands(path):
    place(path)
    path.write_text(OLD + "# by hand\n")
    record = started(path).record
    assert record.trial is None
    assert record.by == "edited on the gateway"
    assert path.read_text() == OLD + "# by hand\n"


def killed_after(monkeypatch, steps, *, before):
    """Make the n-th write of a file the last thing that happens: before or after it takes effect."""
    real, count = durable.write, itertools.count(1)

    def write(target, content, *, like=None):
        number = next(count)
        if number == steps and before:
            raise Killed
        real(target, content, like=like)
        if number == steps:
            raise Killed

    monkeypatch.setattr(durable, "write", write)


ACTS = {
    "place": place,
    "start": started,
    "last start": started,
    "accept": lambda path: Versions(path).accept(),
    "undo": lambda path: Versions(path).undo("unwell"),
    "refuse": lambda path: Versions(path).refuse(desired(1), "wrong"),
}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("steps", range(1, 8))
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_the_next_starts_find_one_whole_configuration(path, monkeypatch, act, steps, before):
    if act not in {"place", "refuse"}:
        place(path)
    if act == "last start":
        for _ in range(MOST_STARTS):
            started(path)
    with monkeypatch.context() as patch:
        killed_after(patch, steps, before=before)
        with suppress(Killed):
            ACTS[act](path)
    assert path.read_text() in {OLD, NEW}
    record = started(path).record
    assert path.read_text() == (NEW if record.trial is not None or record.version == 1 else OLD)
    for _ in range(MOST_STARTS + 1):  # nobody proves healthy: in the end a trial is undone, whatever was interrupted
        final = started(path)
    assert final.record.trial is None
    assert path.read_text() == (NEW if final.record.version == 1 else OLD)
    if final.record.seen == 0:  # interrupted before it was in force: the retained message brings it again
        place(path)
        started(path).accept()
        assert path.read_text() == NEW


def test_a_record_that_a_disk_has_damaged_costs_the_memory_and_not_the_configuration(path):
    place(path)
    (path.parent / "gateway.toml.remote" / "record.json").write_bytes(b"\0\0\0")
    assert started(path).record.seen == 0
    assert path.read_text() == NEW


def test_what_a_killed_check_has_left_behind_is_removed(path):
    left = path.with_name(".gateway.toml.desired")
    left.write_text(NEW)
    started(path)
    assert not left.exists()


def test_many_versions_leave_a_bounded_folder(path):
    for n in range(1, 60):
        place(path, OLD + f"# {n}\n", n).accept()
    versions = started(path)
    assert len(list(versions.folder.iterdir())) <= 13
    assert len(versions.record.history) <= 30
    assert versions.kept(58) == OLD + "# 58\n"
    assert versions.kept(3) is None


@pytest.mark.parametrize(
    ("changed", "mistake"),
    [
        (OLD.replace('"s"', '"other"'), "site: may be changed on the gateway only, where 's' stands"),
        (OLD.replace('"g"', '"other"'), "gateway: may be changed on the gateway only"),
        ('data = "/elsewhere"\n' + OLD, "data: may be changed on the gateway only, where nothing stands"),
        (OLD.replace("gate:pw@127.0.0.1", "gate:…@10.0.0.1"), "mqtt://gate:…@10.0.0.1: its password is hidden"),
        (OLD + "[remote]\nenabled = false\n", "remote.enabled: cannot be turned off from afar"),
    ],
)
def test_what_may_not_be_changed_from_afar_is_refused(changed, mistake):
    _, mistakes = completed(changed, OLD)
    assert [one for one in mistakes if one.startswith(mistake)]


def test_a_hidden_password_is_the_one_that_the_gateway_has():
    text, mistakes = completed(NEW.replace(":pw@", ":…@"), OLD)
    assert (text, mistakes) == (NEW, [])


async def test_every_mistake_of_a_configuration_is_found_without_its_passwords(path):
    wrong = OLD.replace("127.0.0.1", "127.0.0.1:x").replace("mqtt://", "mqtt:// ") + '[[reader]]\ntype = "nmae"\nname = "a"\n'
    mistakes = await mistakes_in(wrong + "[helth]\n", path)
    assert len(mistakes) == 3
    assert not any("pw" in one for one in mistakes)
    assert (
        await mistakes_in("no toml", path)
        == ["gateway.toml: is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 4)"]
        or "gateway.toml" in (await mistakes_in("no toml", path))[0]
    )
    assert await mistakes_in(NEW, path) == []
    assert sorted(one.name for one in path.parent.iterdir()) == ["gateway.toml"]


async def test_a_configuration_whose_reading_does_not_end_is_refused(path):
    assert await mistakes_in(NEW, path, patience_s=0.001) == ["reading it did not end within 0.001 s"]


LINES = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["ok", "ok; x: silent", "failed 3 times: gone"]))


@given(connected=st.booleans(), well=st.sets(st.sampled_from(["a", "b", "c"])), lines=LINES)
def test_a_configuration_is_healthy_when_it_is_connected_and_no_reader_got_worse(connected, well, lines):
    found = trouble(connected=connected, waited_s=60, well=tuple(well), lines=lines)
    worse = [name for name in well if lines.get(name, "ok").startswith("failed")]
    assert (found is None) == (connected and not worse)
    if connected:
        assert all(f"reader '{name}'" in (found or "") for name in worse)
