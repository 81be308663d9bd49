"""Ids sort by time, topics come apart as they were put together, and waits stay within their bounds."""

import errno
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import backoff, cli, ids, topics
from plumbline.errors import PlumblineError
from plumbline.event import CLASSES
from tests.unit.plumbline.strategies import names


@given(st.integers(0, 2**47 * 1_000_000))
def test_an_event_id_is_a_uuid_of_version_7_that_carries_its_millisecond(at_ns):
    made = uuid.UUID(ids.new_event_id(at_ns))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == at_ns // 1_000_000 % 2**48
    assert re.match(ids.UUID_PATTERN, str(made))


def test_epochs_are_names_and_never_the_same():
    made = {ids.new_epoch() for _ in range(1000)}
    assert len(made) == 1000
    assert all(map(ids.is_name, made))


@pytest.mark.parametrize("text", ["", "-a", "a/b", "a b", "a\n", "é", "x" * 65, "+", "#", "$share"])
def test_what_could_break_a_topic_is_no_name(text):
    assert not ids.is_name(text)


@given(names, names, st.sampled_from(CLASSES))
def test_a_topic_comes_apart_as_it_was_put_together(site, gateway, cls):
    for leaf, topic in {
        f"events/{cls}": topics.events(site, gateway, cls),
        f"committed/{cls}": topics.committed(site, gateway, cls),
        "presence": topics.presence(site, gateway),
        "replay": topics.replay(site, gateway),
    }.items():
        assert topics.parse(topic) == (site, gateway, leaf)
    assert topics.class_of(f"events/{cls}", "events") == cls
    assert topics.class_of(f"events/{cls}", "committed") is None


@pytest.mark.parametrize(
    "topic", ["", "plumbline/v1", "plumbline/v1/a/b", "plumbline/v2/a/b/events/business", "plumbline/v1//b/presence"]
)
def test_a_strange_topic_is_not_ours(topic):
    assert topics.parse(topic) is None


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_at_least_half_and_at_most_the_cap(attempt, chance):
    wait = backoff.delay_s(attempt, lambda: chance, first_s=0.5, cap_s=30)
    ceiling = min(30, 0.5 * 2 ** min(attempt - 1, 10))
    assert ceiling / 2 <= wait <= ceiling


def test_every_command_is_listed_with_a_summary(capsys):
    cli.main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown and entry.summary in shown for name, entry in cli.COMMANDS.items())


def test_a_misspelt_command_gets_a_suggestion_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["egde"])
    assert stopped.value.code == 2
    assert "did you mean 'edge'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PlumblineError("a: wrong; mend it"), "a: wrong; mend it"),
        (ExceptionGroup("two tasks", [ExceptionGroup("one", [PlumblineError("b: wrong")])]), "b: wrong"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/x"),
            "/data/x: No space left on device; make room on the disk",
        ),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_exit_code_2(monkeypatch, capsys, error, said):
    def fail(_arguments, **_settings):
        raise error

    monkeypatch.setattr(cli, "_load", lambda _name: fail)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["up"])
    shown = capsys.readouterr().err
    assert (stopped.value.code, shown.count("\n")) == (2, 1)
    assert shown.startswith(f"plumbline: {said}")


@pytest.mark.parametrize(
    "error", [OSError(errno.EBADF, "ours"), ExceptionGroup("both", [PlumblineError("a"), KeyError("ours")])]
)
def test_our_own_mistake_keeps_its_trace(monkeypatch, error):
    def fail(_arguments, **_settings):
        raise error

    monkeypatch.setattr(cli, "_load", lambda _name: fail)
    with pytest.raises(type(error)):
        cli.main(["up"])
