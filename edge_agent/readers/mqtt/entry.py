"""One table of `devices`, built."""

from dataclasses import dataclass

from plumbline.dialects import Dialect, Said, Trouble
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

    def hear(self, topic: str, payload: bytes) -> list[Said | Trouble]:
        """What a message says. Never raises: a mistake of ours about one message must not stop the rest."""
        try:
            return list(self.dialect.read(topic, payload))
        except Exception as error:  # noqa: BLE001 - it is told with what to do
            what = f"{type(error).__name__}: {error}; this is a mistake in the dialect {self.name}: report it with the message"
            return [Trouble("", what)]
