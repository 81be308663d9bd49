"""The demo tells a day that could have happened: its labels belong to its orders, and nobody leaves the site."""

import random
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from plumbline import site as site_file
from plumbline.demo import devices, orders, stage, story, walks

SITE = site_file.load(Path(str(files("plumbline.demo") / "site.toml")))
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def scanned_pieces(prefix):
    texts = [text for moment in story.day() if isinstance(moment.act, story.Photo) for text in moment.act.labels]
    texts += [moment.act.text for moment in story.day() if isinstance(moment.act, story.Label)]
    return [text for text in texts if text.startswith(prefix)]


def test_the_steel_arrives_whole_and_the_panels_two_short():
    assert len(set(scanned_pieces("PL1:PO-2041/10/"))) == orders.STEEL.lines[0].quantity
    assert len(set(scanned_pieces("]Q1PL1:PO-2050/10/"))) == orders.FACADE.lines[0].quantity - 2
    assert len(set(scanned_pieces(f"]C101{orders.gtin(101)}"))) == orders.STEEL.lines[1].quantity


def test_the_outage_covers_scans_of_the_yard_and_ends_the_same_day():
    down, up = [moment.minute for moment in story.day() if isinstance(moment.act, story.Link)]
    cut_off = [
        m for m in story.day() if down < m.minute < up and isinstance(m.act, story.Label) and m.act.scanner == "yard-scanner"
    ]
    assert len(cut_off) >= 5
    assert up < 17 * 60


def test_everybody_who_came_goes_home():
    badges = [moment.act for moment in story.day() if isinstance(moment.act, story.Badge)]
    for person in story.CREW:
        directions = [badge.direction for badge in badges if badge.person == person]
        assert directions == ["in", "out"] * (len(directions) // 2)


def test_everybody_in_the_story_is_in_the_site_file():
    known = set(SITE.devices_by_id)
    assert set(story.CREW) | set(walks.rounds()) | set(walks.CRANES) <= known


@pytest.mark.parametrize("name", sorted(walks.rounds()))
def test_nobody_leaves_the_site_or_jumps(name):
    walk = walks.rounds()[name]
    trail = [walk.at(minute / 10) for minute in range(4000)]
    assert all(-160 <= east <= 160 and -100 <= north <= 100 for east, north in trail)
    steps = [abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in pairwise(trail)]
    assert max(steps) < 6 * walk.pace


def test_the_cameras_pictures_can_be_read():
    dice = random.Random(7)
    for _ in range(5):
        labels = ["PL1:PO-2041/10/1", "PL1:PO-2041/10/2"]
        photo = cv2.imdecode(np.frombuffer(devices.picture(labels, dice), np.uint8), cv2.IMREAD_COLOR)
        assert sorted(symbol.text for symbol in zxingcpp.read_barcodes(photo)) == labels


def test_a_serial_device_says_what_it_was_given(tmp_path):
    device = devices.SerialDevice(tmp_path / "tty-scanner")
    with (tmp_path / "tty-scanner").open("rb", buffering=0) as port:
        device.send(b"\x02]C1\x1d\r\n")
        assert port.read(7) == b"\x02]C1\x1d\r\n"
    device.close()


def test_check_digits_are_those_of_gs1():
    # GS1 General Specifications, figure 7.9.1-1: 6291 0415 0021 -> 3; an SSCC from the same chapter's method
    assert orders.with_check_digit("629104150021").endswith("3")
    assert len(orders.gtin(1)) == 14
    assert len(orders.sscc(1)) == 18


@given(st.floats(1, 1000), st.floats(0, 20_000))
def test_story_minutes_and_real_seconds_convert_both_ways(speed, elapsed_s):
    pace = stage.Pace(speed=speed)
    assert pace.elapsed_s(pace.minute(elapsed_s)) == pytest.approx(elapsed_s, abs=1e-6)


def test_due_times_of_the_day_follow_the_story_and_later_ones_the_sites_real_days():
    start = datetime(2026, 5, 4, 20, tzinfo=UTC)  # the fifth of May in Shanghai
    pace = stage.Pace(speed=30)
    calendar = pace.calendar(start, ZoneInfo("Asia/Shanghai"))
    assert (calendar[11.0] - start).total_seconds() == pytest.approx(pace.elapsed_s(11 * 60))
    assert calendar[24 * 3 + 8] == datetime(2026, 5, 8, 0, tzinfo=UTC)


def test_the_receiver_says_what_a_real_one_would():
    said = devices.epoch(NOW, -33.85, 151.2, 2.0, 45.0).decode().splitlines()
    assert said[0].startswith("$GNRMC,030201.00,A,3351.00000,S,15112.00000,E,3.89,45.0,040526")
    assert [line[-3] for line in said] == ["*", "*"]
