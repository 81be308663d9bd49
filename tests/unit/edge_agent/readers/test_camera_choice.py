"""Which frames of a camera are read, and what is said of its picture: on made-up frames with a clock of their own."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.readers.camera.messages import Aim
from edge_agent.readers.camera.worker.choice import Choice, sharpness_of
from edge_agent.readers.camera.worker.condition import GOOD, Watchman, condition_of
from edge_agent.readers.camera.worker.framing import aimed
from edge_agent.readers.camera.worker.motion import thumb_of
from edge_agent.readers.camera.worker.photos import Photos
from tests.cameras import label

RNG = np.random.default_rng(7)


def yard(width: int = 1280, height: int = 720) -> np.ndarray:
    """A building site: areas of grey with edges. Small enough for a test, large enough for cells."""
    rng = np.random.default_rng(3)
    scene = np.full((height, width), 120, np.uint8)
    for _ in range(60):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h, shade = (int(rng.integers(20, 300)), int(rng.integers(20, 200)), int(rng.integers(30, 220)))
        cv2.rectangle(scene, (x, y), (x + w, y + h), shade, -1)
    return scene


YARD = yard()
NOISE = itertools.cycle(RNG.normal(0, 1, (8, YARD.size)).astype(np.float32))


def noisy(scene: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.roll(next(NOISE), int(RNG.integers(0, 10_000)))[: scene.size].reshape(scene.shape)
    return cv2.convertScaleAbs(np.maximum(scene + noise * np.float32(deviation), 0))


def with_label(scene: np.ndarray, side: int, x: int = 600, y: int = 300, *, text: str = "PALLET 1") -> np.ndarray:
    scene = scene.copy()
    scene[y : y + side, x : x + side] = cv2.resize(label(text, 190), (side, side), interpolation=cv2.INTER_AREA)
    return scene


def read_of(choice: Choice, frames, step_s: float = 0.1, start_s: float = 0.0) -> list[int]:
    """The numbers of the frames that are read."""
    taken = []
    for i, frame in enumerate(frames):
        choice.offer(frame, i, start_s + i * step_s)
        if (chosen := choice.take()) is not None:
            taken.append(chosen.number)
    return taken


@pytest.mark.parametrize("deviation", [0, 2, 8, 20])
def test_a_still_scene_is_read_a_few_times_and_then_only_now_and_then(deviation):
    frames = [noisy(YARD, deviation) for _ in range(20)]
    assert read_of(Choice(0.1, 60.0), (frames[i % 20] for i in range(300))) == [0, 1, 2]
    seldom = read_of(Choice(0.1, 10.0), (frames[i % 20] for i in range(300)))
    assert len(seldom) == 5
    assert len(read_of(Choice(0.1, 0.0), frames)) == 20


@pytest.mark.parametrize(("side", "deviation"), [(60, 0), (60, 4), (100, 12), (200, 20)])
def test_a_label_that_comes_into_a_still_scene_is_read_at_once(side, deviation):
    choice = Choice(0.1, 3600.0)
    assert read_of(choice, [noisy(YARD, deviation) for _ in range(60)]) == [0, 1, 2]
    assert read_of(choice, [noisy(with_label(YARD, side), deviation)], start_s=10)


def test_a_label_that_moves_by_half_its_width_is_read_again():
    choice = Choice(0.1, 3600.0)
    assert read_of(choice, [noisy(with_label(YARD, 80), 3) for _ in range(30)]) == [0, 1, 2]
    assert read_of(choice, [noisy(with_label(YARD, 80, 640), 3)], start_s=10)


def test_another_label_in_the_same_place_is_read():
    choice = Choice(0.1, 3600.0)
    assert read_of(choice, [noisy(with_label(YARD, 190), 3) for _ in range(30)]) == [0, 1, 2]
    assert read_of(choice, [noisy(with_label(YARD, 190, text="PALLET 2"), 3)], start_s=10)


def clouds(i: int) -> np.ndarray:
    return np.clip(YARD * (1 - 0.4 * np.sin(i / 30) ** 2), 0, 255).astype(np.uint8)


def mains_light(i: int) -> np.ndarray:
    bands = 12 * np.sin(np.arange(YARD.shape[0]) / 60 + i)
    return np.clip(YARD + bands[:, None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("light", [clouds, mains_light])
def test_a_change_of_light_is_no_change_of_scene(light):
    assert len(read_of(Choice(0.1, 3600.0), (noisy(light(i), 3) for i in range(120)))) == 3


def test_noise_that_grows_at_night_is_learnt():
    taken = read_of(Choice(0.1, 3600.0), (noisy(YARD // 3, 2 + i / 20) for i in range(400)))
    assert len(taken) < 40  # whenever it looks a good deal sharper


def test_a_camera_that_finds_its_focus_is_read_again():
    choice = Choice(0.1, 3600.0)
    sharp = with_label(YARD, 190)
    assert read_of(choice, [cv2.GaussianBlur(sharp, (0, 0), 4)] * 20) == [0, 1, 2]
    assert read_of(choice, [sharp], start_s=10)


def test_the_sharpest_frame_of_an_interval_is_read():
    moving = [with_label(YARD, 190, 300 + 60 * i) for i in range(8)]
    blurred = [frame if i == 5 else cv2.blur(frame, (25, 1)) for i, frame in enumerate(moving)]
    assert read_of(Choice(0.7, 3600.0), blurred) == [0, 5]


def test_a_frame_is_read_at_most_once_in_an_interval():
    taken = read_of(Choice(0.5, 0.0), (with_label(YARD, 190, 10 * i) for i in range(100)))
    assert len(taken) <= 21


def test_a_candidate_does_not_wait_until_it_is_the_past():
    choice = Choice(0.5, 3600.0)
    choice.offer(YARD, 0, 0.0)
    choice.take()
    choice.offer(with_label(YARD, 190), 1, 0.1)
    for i in range(2, 100):  # the decoder is busy; what comes is less sharp
        choice.offer(cv2.blur(with_label(YARD, 190, 3 * i), (9, 1)), i, i / 10)
    frame = choice.take()
    assert frame is not None
    assert frame.at_s > 98 / 10 - 1.2


def test_a_label_that_passed_while_the_decoder_was_busy_is_read():
    choice = Choice(0.5, 3600.0)
    read_of(choice, [YARD] * 40)
    for i in range(40):
        choice.offer(with_label(YARD, 190) if i < 3 else YARD, 100 + i, 4 + i / 10)
    frame = choice.take()
    assert frame is not None
    assert frame.number in {100, 101, 102}


def test_stillness_is_told_only_while_the_scene_is_the_one_that_was_read():
    choice = Choice(0.1, 3600.0)
    read_of(choice, [YARD] * 10)
    assert choice.still() == pytest.approx(0.9)
    assert choice.still() is None
    choice.offer(with_label(YARD, 190), 10, 1.0)
    assert choice.still() is None


def test_the_scene_that_remains_after_a_movement_is_read():
    choice = Choice(0.5, 3600.0)
    frames = [*[YARD] * 20, *[with_label(YARD, 100, 40 * i) for i in range(12)], *[with_label(YARD, 100, 480)] * 30]
    assert any(number > 31 for number in read_of(choice, frames))


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3)), min_size=1, max_size=40), st.floats(0, 3), st.floats(0, 5))
def test_whatever_comes_the_first_frame_is_read_and_no_two_within_an_interval(steps, interval_s, still_s):
    scenes = [np.full((64, 64), 60 * i, np.uint8) for i in range(4)]
    choice, now, taken = Choice(interval_s, still_s), 0.0, []
    for i, (wait, scene) in enumerate(steps):
        now += wait
        choice.offer(scenes[scene], i, now)
        if (frame := choice.take()) is not None:
            taken.append(now)
            assert frame.number <= i
    assert taken[0] == steps[0][0]
    assert all(b - a >= interval_s - 0.011 for a, b in itertools.pairwise(taken))


def told(watchman: Watchman, frame: np.ndarray, *times_s: float) -> list[str]:
    return [what for at_s in times_s for what in watchman.look(frame, frame, thumb_of(frame), at_s)]


def test_the_same_bytes_for_a_minute_are_told_once_until_they_change():
    watchman = Watchman(60)
    assert told(watchman, YARD, *range(60)) == []
    assert ["to the byte for 60 s" in what for what in told(watchman, YARD, *range(60, 200))] == [True]
    assert told(watchman, noisy(YARD, 1), 200) == []
    assert len(told(watchman, YARD, *range(201, 262))) == 1


def test_a_quiet_scene_is_not_frozen_and_no_time_means_never():
    watchman = Watchman(60)
    assert [what for i in range(200) for what in told(watchman, noisy(YARD, 0.5), i)] == []
    assert told(Watchman(0), YARD, *range(500)) == []


SPOILT = {
    "black": noisy(np.zeros_like(YARD), 3),
    "covered": noisy(np.full_like(YARD, 90), 3),
    "out of focus": noisy(cv2.GaussianBlur(with_label(YARD, 190), (0, 0), 7), 2),
    GOOD: noisy(with_label(YARD, 190), 6),
}


@pytest.mark.parametrize("condition", SPOILT)
def test_the_condition_of_a_picture_is_named(condition):
    assert condition_of(SPOILT[condition], thumb_of(SPOILT[condition])) == condition


def test_a_picture_that_stays_bad_is_told_once_and_again_only_after_it_was_good():
    watchman = Watchman(0)
    assert len(told(watchman, SPOILT["black"], *range(100))) == 1
    assert told(watchman, SPOILT[GOOD], *range(100, 110)) == []
    assert told(watchman, SPOILT["covered"], 110, 111) == []  # a truck passes close by
    assert told(watchman, SPOILT[GOOD], 112) == []
    assert len(told(watchman, SPOILT["black"], *range(120, 150))) == 1


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([0, 90, 180, 270]),
    st.tuples(*[st.floats(0, 1)] * 4).filter(lambda r: r[0] < r[2] and r[1] < r[3]),
)
def test_any_region_of_any_picture_is_a_picture(shape, rotate, region):
    cut = aimed(np.zeros((*shape, 3), np.uint8), Aim(rotate, region))
    assert cut.size > 0
    assert cut.ndim == 3


@given(st.integers(0, 255), st.integers(1, 300), st.integers(1, 300))
def test_frames_of_any_size_have_a_thumbnail_and_a_sharpness(shade, width, height):
    frame = np.full((height, width), shade, np.uint8)
    assert thumb_of(frame).size >= 1
    assert sharpness_of(frame) == 0
    assert condition_of(frame, thumb_of(frame)) in {"black", "covered"}


def test_the_oldest_pictures_make_room_for_new_ones(tmp_path):
    photos = Photos(tmp_path / "photos", 60_000)
    shas = [photos.keep(noisy(YARD[:200, :200], 20)) for _ in range(12)]
    kept = {file.stem for file in (tmp_path / "photos").iterdir()}
    assert kept < set(shas)
    assert shas[-1] in kept
    assert shas[0] not in kept
    assert sum(file.stat().st_size for file in (tmp_path / "photos").iterdir()) <= 60_000
