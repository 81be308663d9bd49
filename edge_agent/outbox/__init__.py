"""The outbox: where every event is safe before its device hears 'accepted', until ingest has committed it."""

from edge_agent.outbox.errors import OutboxDamagedError, OutboxError, OutboxRefusedError
from edge_agent.outbox.file import Stored
from edge_agent.outbox.outbox import Chunk, Fsync, Outbox

__all__ = ["Chunk", "Fsync", "Outbox", "OutboxDamagedError", "OutboxError", "OutboxRefusedError", "Stored"]
