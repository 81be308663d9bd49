"""The server's intake: MQTT batches in, series points and inbox rows out, and a ledger that proves it.

`IngestService` runs it; `ingest.migrate` makes its tables; `ingest.series.open_store` opens the series store. The rooms, in the order
in which an event passes them, `ingest.pipeline` in their middle:

    receiving, direct    from the broker: gateways' batches, and devices that have no gateway
    registry             whose they are: sites, zones, devices, budgets of names
    clocks               and when it was
    ledger               which numbers came, which are missing
    projection           what is made of them: points and inbox rows
    series, rollups, heat    where points lie, and what is summed up of them
    deadletters          what could not be taken, until it can
    operations           what operators are told
"""

from ingest.migrate import migrate
from ingest.service import IngestService

__all__ = ["IngestService", "migrate"]
