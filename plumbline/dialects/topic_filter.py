"""MQTT topic filters (MQTT 5.0, section 4.7): is it one, what does it take, do two take the same."""

from itertools import zip_longest


def is_filter(text: str) -> bool:
    """Whether `text` may be subscribed to. Shared subscriptions are not: they would give some messages to somebody else."""
    levels = text.split("/")
    return (
        0 < len(text.encode()) <= 65535
        and "\0" not in text
        and not text.startswith("$share/")
        and all(level in {"+", "#"} or not set(level) & {"+", "#"} for level in levels)
        and "#" not in levels[:-1]
    )


def matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic_filter` takes messages of `topic`; wildcards at the front leave out topics that begin with `$`."""
    filters, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and filters[0] in {"+", "#"}:
        return False
    for wanted, level in zip_longest(filters, levels):
        if wanted == "#":
            return True
        if wanted is None or level is None or wanted not in {"+", level}:
            return False
    return True


def overlap(one: str, other: str) -> bool:
    """Whether some topic is taken by both filters."""
    for a, b in zip_longest(one.split("/"), other.split("/")):
        if "#" in {a, b}:
            return True
        if a is None or b is None or (a != b and "+" not in {a, b}):
            return False
    return True
