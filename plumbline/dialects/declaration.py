"""What was declared about the messages of one topic filter: whose they are and what stands where in them."""

from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.profile import CheckInFields, FixFields, Metric, StateFields


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declared table, with what its profile adds."""

    topic: str
    device: str | None
    device_level: int
    measurement: str | None
    metrics: Mapping[str, Metric]
    state: StateFields | None
    check_in: CheckInFields | None
    fix: FixFields | None

    def device_of(self, topic: str) -> str:
        """The text that names the device; not yet checked to be a name."""
        if self.device is not None:
            return self.device
        levels = topic.split("/")
        return levels[self.device_level] if self.device_level < len(levels) else ""
