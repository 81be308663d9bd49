"""One table of `devices`, built."""

from dataclasses import dataclass

from plumbline.dialects import Dialect
from plumbline.dialects.topic_filter import matches


@dataclass(frozen=True, slots=True)
class Entry:
    """A dialect and what the reader does with its messages."""

    name: str
    """The dialect's, for people."""
    dialect: Dialect
    accept_retained: bool

    def takes(self, topic: str) -> bool:
        """Whether messages of `topic` are this one's."""
        return any(matches(one, topic) for one in self.dialect.filters)
