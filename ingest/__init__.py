"""The server's intake: MQTT batches in, series points and inbox rows out, and a ledger that proves it.

`IngestService` runs it; `ingest.migrate` makes its tables; `ingest.series.open_store` opens the series store.
"""

from ingest.migrate import migrate
from ingest.service import IngestService

__all__ = ["IngestService", "migrate"]
