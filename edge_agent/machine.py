"""What the gateway's computer says of itself: disk, temperature, load, memory, uptime. What it does not say is absent."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Words in a sensor's name that make it the processor's; others (radio, disk) count only where there is none.
_PROCESSOR: Final = ("cpu", "soc", "pkg", "core", "k10temp")
#: What a sensor may say; an open one says -273 or 200.
_PLAUSIBLE_CELSIUS: Final = (-60.0, 150.0)


def look(folder: Path, root: Path = Path("/")) -> dict[str, float]:
    """The figures of this machine; `folder` is on the disk that counts, `root` holds `proc` and `sys`."""
    values = _disk(folder) | _memory(root) | _load(root)
    hottest = temperature_celsius(root)
    return values if hottest is None else values | {"temperature_celsius": hottest}


def temperature_celsius(root: Path = Path("/")) -> float | None:
    """The hottest sensor of the processor, else of the machine; `None` where there is none."""
    found = [
        *_sensors(root / "sys/class/thermal", "thermal_zone*", "type", "temp"),
        *_sensors(root / "sys/class/hwmon", "hwmon*", "name", "temp*_input"),
    ]
    own = [value for name, value in found if any(word in name.lower() for word in _PROCESSOR)]
    return max(own or [value for _, value in found], default=None)


def _sensors(folder: Path, each: str, name: str, readings: str) -> Iterator[tuple[str, float]]:
    for sensor in sorted(folder.glob(each)):
        said = _read(sensor / name).strip()
        for file in sorted(sensor.glob(readings)):
            try:
                value = int(_read(file)) / 1000  # thousandths of a degree, in both (kernel: sysfs-api of thermal and hwmon)
            except ValueError:
                continue
            if _PLAUSIBLE_CELSIUS[0] <= value <= _PLAUSIBLE_CELSIUS[1]:
                yield said, value


def _disk(folder: Path) -> dict[str, float]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return {}
    return {"disk_free_bytes": float(usage.free), "disk_used_bytes": float(usage.used)}


def _memory(root: Path) -> dict[str, float]:
    values: dict[str, float] = {}
    for line in _read(root / "proc/meminfo").splitlines():
        key, _, rest = line.partition(":")
        if key == "MemAvailable" and rest.split()[:1] and rest.split()[0].isdigit():
            values["memory_available_bytes"] = float(rest.split()[0]) * 1024
    pages = _read(root / "proc/self/statm").split()
    if len(pages) > 1 and pages[1].isdigit():
        values["agent_memory_bytes"] = float(pages[1]) * os.sysconf("SC_PAGE_SIZE")
    return values


def _load(root: Path) -> dict[str, float]:
    values: dict[str, float] = {}
    for key, file in (("load_1min", "proc/loadavg"), ("machine_uptime_s", "proc/uptime")):
        try:
            values[key] = float(_read(root / file).split()[0])
        except (ValueError, IndexError):
            continue
    return values


def _read(file: Path) -> str:
    """The file's text; empty where it cannot be read (a sensor that sleeps answers with an error)."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
