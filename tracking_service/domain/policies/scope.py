"""What a declared policy is bound to: its milestone, and what people call the things it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from plumbline.text import Text
from tracking_service.domain.facts import Need
from tracking_service.domain.policies.material import Line
from tracking_service.domain.policies.policy import Named

Thing = Literal["place", "device", "metric", "check", "role"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a policy stands."""

    site: str
    order: str
    milestone: str
    """The milestone's id."""
    zone: tzinfo
    """The site's: its days and shifts, and the clock times in sentences."""
    lines: Mapping[str, Line]
    """The order's material lines by number, in their order."""
    titles: Mapping[tuple[Thing, str], Text] = field(default_factory=dict[tuple[Thing, str], Text])
    """By kind and name, of what is not called by its name: `("place", "pit")`, `("role", "supervisor")` …"""

    pictured: frozenset[str] = frozenset()
    """Checks of which the inspection and test plan says that pictures are required."""

    def named(self, thing: Thing, name: str) -> Named:
        """A thing with its title."""
        return Named(name, self.title(thing, name))

    def title(self, thing: Thing, name: str) -> Text:
        """What people call it; roles are the same in upper and lower case."""
        found = self.titles.get((thing, name)) or (self.titles.get((thing, name.casefold())) if thing == "role" else None)
        return found or Text(name, name)

    def machine(self, device: str) -> Need:
        """What a machine told, and where it was."""
        return Need("machine", f"{self.site}/{device}")

    def place(self, place: str) -> Need:
        """Who came and went there."""
        return Need("place", f"{self.site}/{place}")

    def metric(self, device: str, metric: str) -> Need:
        """A device's metric, by the minute."""
        return Need("metric", f"{self.site}/{device}/{metric}")

    def check(self, check: str) -> Need:
        """A point of the order's inspection and test plan."""
        return Need("check", f"{self.order}/{check}")

    def role(self, role: str) -> Need:
        """Who signs this milestone off."""
        return Need("role", f"{self.milestone}/{role}")
