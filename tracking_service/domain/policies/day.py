"""A date reached: for what must not be before, or what time alone completes."""

from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from plumbline.text import Text
from tracking_service.domain.facts import Facts, Need, Result
from tracking_service.domain.policies.policy import DONE, clock


@dataclass(frozen=True, slots=True)
class DateReached:
    """Done when the time has come."""

    at: int
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        when = clock(self.at, self.zone)
        return Text(f"{when} has come", f"到达 {when}")

    def needs(self) -> set[Need]:
        """Nothing but time."""
        return set()

    def evaluate(self, facts: Facts) -> Result:
        """A date is there or not: nothing is nearly so."""
        when = clock(self.at, self.zone)
        if facts.now >= self.at:
            return Result(DONE, self.at, Text(f"{when} has come", f"{when} 已到"))
        return Result(Decimal(0), None, Text(f"Waits for {when}", f"等待 {when}"), wake_at=self.at)
