"""What was declared about the messages of one topic filter: whose they are and what stands where in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from plumbline.dialects.told_time import Format
from plumbline.profile import CheckInFields, FixFields, Metric, StateFields


@dataclass(frozen=True, slots=True)
class TimePlace:
    """Where the device's own time stands, and how it is written."""

    path: str
    form: Format
    zone: ZoneInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declared table, with what its profile adds."""

    topic: str
    device: str | None = None
    device_level: int = 1
    device_path: str | None = None
    payload: Literal["json", "text", "csv"] = "json"
    separator: str = ","
    each: str | None = None
    time: TimePlace | None = None
    texts: bool = False
    """Whether numbers may be written as texts."""
    measurement: str | None = None
    metrics: Mapping[str, Metric]
    state: StateFields | None = None
    check_in: CheckInFields | None = None
    fix: FixFields | None = None

    def told_by(self, topic: str) -> str:
        """What the topic, or the declaration, calls the device; empty where nothing does."""
        if self.device is not None:
            return self.device
        levels = topic.split("/")
        return levels[self.device_level] if self.device_level < len(levels) else ""
