"""The MQTT topics, in one place. `docs/topics.md` lists them; a test holds the two together."""

from typing import Final, NamedTuple

from plumbline.event import CLASSES, EventClass

ROOT: Final = "plumbline/v1"


class GatewayTopic(NamedTuple):
    """A topic of one gateway taken apart: `plumbline/v1/{site}/{gateway}/{leaf}`."""

    site: str
    gateway: str
    leaf: str


def events(site: str, gateway: str, event_class: EventClass) -> str:
    """Where a gateway publishes its batches of one class (QoS 1)."""
    return f"{ROOT}/{site}/{gateway}/events/{event_class}"


def committed(site: str, gateway: str, event_class: EventClass) -> str:
    """Where ingest publishes the watermark of a gateway's newest epoch of one class (QoS 1, retained)."""
    return f"{ROOT}/{site}/{gateway}/committed/{event_class}"


def presence(site: str, gateway: str) -> str:
    """Where a gateway's birth, will and goodbye stand (QoS 1, retained)."""
    return f"{ROOT}/{site}/{gateway}/presence"


def replay(site: str, gateway: str) -> str:
    """Where ingest asks a gateway for ranges again (QoS 1)."""
    return f"{ROOT}/{site}/{gateway}/replay"


def manifest(site: str) -> str:
    """Where tracking publishes what a site expects (QoS 1, retained); every gateway of the site holds it."""
    return f"{ROOT}/{site}/manifest"


def desired(site: str, gateway: str) -> str:
    """Where the configuration stands that a gateway shall have (QoS 1, retained); who may write here is for the access rules."""
    return f"{ROOT}/{site}/{gateway}/desired"


def reported(site: str, gateway: str) -> str:
    """Where a gateway says which configuration it has, and what became of the last one it was given (QoS 1, retained)."""
    return f"{ROOT}/{site}/{gateway}/reported"


def status(site: str, gateway: str) -> str:
    """Where a gateway says how it is, for who listens at the broker (QoS 1, retained)."""
    return f"{ROOT}/{site}/{gateway}/status"


def canary(site: str, gateway: str) -> str:
    """Where a gateway publishes for itself, to see that what is published comes back (QoS 1)."""
    return f"{ROOT}/{site}/{gateway}/canary"


def clock(site: str, gateway: str) -> str:
    """Where a gateway says that its clock was set, and how to correct what it sent before (QoS 1, retained)."""
    return f"{ROOT}/{site}/{gateway}/clock"


def all_clocks() -> str:
    """The filter for every gateway's clock."""
    return f"{ROOT}/+/+/clock"


def all_events(share: str | None = "ingest") -> str:
    """The filter that ingest subscribes to; with a `share` name the workers of that group split the messages (MQTT 5, 4.8.2)."""
    own = f"{ROOT}/+/+/events/+"
    return f"$share/{share}/{own}" if share else own


def all_presence() -> str:
    """The filter for every gateway's presence."""
    return f"{ROOT}/+/+/presence"


def all_of_fleet() -> tuple[str, ...]:
    """The filters of whoever looks at all gateways: presence, desired, reported, status."""
    return tuple(f"{ROOT}/+/+/{leaf}" for leaf in ("presence", "desired", "reported", "status"))


def parse(topic: str) -> GatewayTopic | None:
    """Take a gateway's topic apart; `None` where it is not one of ours."""
    if not topic.startswith(ROOT + "/"):
        return None
    parts = topic[len(ROOT) + 1 :].split("/", 2)
    return GatewayTopic(*parts) if len(parts) == 3 and all(parts) else None


def class_of(leaf: str, stem: str) -> EventClass | None:
    """The event class in a leaf such as `events/business`, for `stem` `events`; `None` where it is something else."""
    for event_class in CLASSES:
        if leaf == f"{stem}/{event_class}":
            return event_class
    return None
