"""The errors that the shared vocabulary raises.

    PlumblineError              anything we say to a person: what was wrong, where, what to do
    ├── SettingsError           a settings file is wrong (file, key, remedy)
    ├── CodecError              bytes that are not an event or a batch (a `reason` for the dead letter)
    └── MqttError               the broker cannot be reached, refused us, or went away
        └── MqttRefusedError    the broker does not let us write or read a topic

Each service adds its own branch under `PlumblineError`; the command turns the tree into one line and exit code 2.
"""

from typing import TypeVar, cast

E = TypeVar("E", bound=BaseException)


class PlumblineError(Exception):
    """An error whose text is meant for a person: it says what was wrong, where, and what to do."""


class SettingsError(PlumblineError):
    """A settings file is missing, malformed or says something impossible; the text names file and key."""


class CodecError(PlumblineError):
    """Bytes could not be read as an event or a batch.

    `reason` is a short stable word for counters and dead letters: `too_large`, `not_json`, `unknown_kind`,
    `newer_version`, `invalid`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class MqttError(PlumblineError):
    """The MQTT broker could not be reached, refused the connection, or dropped it."""


class MqttRefusedError(MqttError):
    """The broker took us, but not a message or a subscription of ours: its access rules."""


def first_of(group: BaseExceptionGroup[E]) -> E:
    """What went wrong first in a task group: who handles single errors by their type can go on doing so."""
    error = group.exceptions[0]
    return first_of(cast("BaseExceptionGroup[E]", error)) if isinstance(error, BaseExceptionGroup) else error
