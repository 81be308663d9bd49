"""The server's log: one JSON object a line, or text for people, from us and from libraries, without passwords."""

import json
import logging

import pytest
import structlog

from plumbline import logs
from plumbline.errors import SettingsError


def said(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_every_line_is_one_json_object_also_those_of_libraries(capsys):
    logs.configure(environment={"PLUMBLINE_LOG": "json"})
    structlog.get_logger().info("taken", site="yard", seq=3, raw=b"\xff")
    logging.getLogger("some.library").error("lost %d\nlines", 3)
    ours, theirs = said(capsys)
    assert (ours["event"], ours["level"], ours["site"], ours["seq"]) == ("taken", "info", "yard", 3)
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("lost 3\nlines", "error", "some.library")
    assert ours["timestamp"].endswith("Z")
    assert list(ours)[:3] == list(theirs)[:3] == ["timestamp", "level", "event"]


def test_a_logger_that_spoke_before_follows_when_the_logs_are_set_up_anew(capsys):
    of_a_module = structlog.get_logger()
    for n in range(2):
        logs.configure(environment={"PLUMBLINE_LOG": "json"})
        of_a_module.info("taken", seq=n)
        capsys.readouterr()
    logs.configure(environment={"PLUMBLINE_LOG": "text"})
    of_a_module.info("taken", seq=3)
    assert "taken" in (told := capsys.readouterr().err)
    assert not told.startswith("{")


def test_a_flood_of_like_lines_is_one_line(capsys):
    logs.configure(environment={"PLUMBLINE_LOG": "json"})
    for n in range(1000):
        structlog.get_logger().warning("batch left to the gateway", topic="t", limit=n)
    assert len(said(capsys)) == 1


def test_each_turn_of_the_connection_is_told(capsys):
    logs.configure(environment={"PLUMBLINE_LOG": "json"})
    log = structlog.get_logger()
    for _ in range(3):
        log.warning("broker away, will try again", event_class="business")
        log.warning("broker away, will try again", event_class="business")
        log.info("receiving", event_class="business")
    assert [line["event"] for line in said(capsys)] == ["broker away, will try again", "receiving"] * 3


def test_no_password_reaches_the_log_neither_in_a_url_nor_in_a_trace(capsys):
    logs.configure(environment={"PLUMBLINE_LOG": "json"})
    secret = "mqtt://ingest:hush@server:1883"
    try:
        raise ConnectionError(f"{len(secret)} refused")
    except ConnectionError:
        structlog.get_logger().exception("broker away", broker=secret)
    text = capsys.readouterr().err
    assert "hush" not in text
    assert "ConnectionError" in text


@pytest.mark.parametrize(
    ("environment", "count"), [({}, 2), ({"PLUMBLINE_LOG_LEVEL": "DEBUG"}, 3), ({"PLUMBLINE_LOG_LEVEL": "warning"}, 1)]
)
def test_the_level_is_what_the_environment_says(capsys, environment, count):
    logs.configure(environment=environment | {"PLUMBLINE_LOG": "json"})
    log = structlog.get_logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert len(said(capsys)) == count


@pytest.mark.parametrize("name", ["PLUMBLINE_LOG", "PLUMBLINE_LOG_LEVEL"])
def test_a_word_that_is_none_of_them_is_refused_with_the_words_there_are(name):
    with pytest.raises(SettingsError, match=f"{name}: 'loud' is not one of "):
        logs.configure(environment={name: "loud"})
