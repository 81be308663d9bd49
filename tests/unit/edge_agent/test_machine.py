"""What a gateway's computer tells of itself: from the kernel's files, absent where there are none."""

from pathlib import Path

from edge_agent import machine
from edge_agent.durable import write
from edge_agent.runs import begun, ended


def sensor(root: Path, folder: str, name_file: str, name: str, readings: dict[str, str]) -> None:
    place = root / "sys/class" / folder
    place.mkdir(parents=True)
    (place / name_file).write_text(name + "\n")
    for file, text in readings.items():
        (place / file).write_text(text)


def test_the_processor_counts_before_a_radio_that_is_hotter(tmp_path):
    sensor(tmp_path, "thermal/thermal_zone0", "type", "cpu-thermal", {"temp": "48312\n"})
    sensor(tmp_path, "thermal/thermal_zone1", "type", "iwlwifi_1", {"temp": "61000\n"})
    assert machine.temperature_celsius(tmp_path) == 48.312


def test_a_board_with_nothing_but_hwmon_tells_its_hottest(tmp_path):
    sensor(tmp_path, "hwmon/hwmon0", "name", "nvme", {"temp1_input": "35000\n", "temp2_input": "39850\n"})
    assert machine.temperature_celsius(tmp_path) == 39.85


def test_a_sensor_that_lies_or_fails_is_absent(tmp_path):
    sensor(tmp_path, "thermal/thermal_zone0", "type", "cpu", {"temp": "-273000\n"})
    sensor(tmp_path, "thermal/thermal_zone1", "type", "cpu", {"temp": "not now\n"})
    assert machine.temperature_celsius(tmp_path) is None


def test_a_machine_without_any_of_it_tells_its_disk_alone(tmp_path):
    assert set(machine.look(tmp_path, tmp_path)) == {"disk_free_bytes", "disk_used_bytes"}
    assert machine.look(tmp_path / "nowhere", tmp_path) == {}


def test_this_machine_tells_its_memory_and_load(tmp_path):
    found = machine.look(tmp_path)
    assert found["agent_memory_bytes"] > 1_000_000
    assert found["memory_available_bytes"] > 0
    assert found["machine_uptime_s"] > 0
    assert found["load_1min"] >= 0


def test_starts_are_counted_and_an_end_that_nobody_asked_for_is_a_crash(tmp_path):
    ended(tmp_path, begun(tmp_path))
    begun(tmp_path)
    third = begun(tmp_path)
    assert (third.starts, third.crashes) == (3, 1)
    (tmp_path / "agent.runs").write_bytes(b"torn")
    assert begun(tmp_path).starts == 1


def test_a_written_file_takes_the_mode_of_the_one_it_is_like(tmp_path):
    old = tmp_path / "old"
    old.write_text("x")
    old.chmod(0o640)
    write(tmp_path / "new", b"y", like=old)
    write(tmp_path / "own", b"z")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old", "own"]
