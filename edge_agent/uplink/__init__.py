"""Brings the outbox to ingest over MQTT and listens to what ingest has committed.

MQTT may lose, repeat and reorder. A broker's acknowledgement therefore frees nothing: an event is done when the committed
watermark covers it, and what is not covered in time is sent again under its own id and number.

    servers   which broker is tried next, and when it is time to go home to the preferred one
    session   one connection: birth, subscriptions, what arrives, goodbye
    canary    proof that what is published comes back
    sending   what is sent next: live before backlog, business before telemetry
    lanes     where each class stands: sent, held by ingest, owed
    pace      how much may be under way, so that live data never queues behind a backlog
"""

from edge_agent.uplink.uplink import Uplink

__all__ = ["Uplink"]
