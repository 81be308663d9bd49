"""Devices that publish straight to the site's broker, without a gateway between: ingest is their gateway.

    broker ─► intake ─► direct_message (SQL) ─► acknowledge      one session of a table, held by one worker at a time
                              │
                              ├─► reading, business  ─► pipeline  each with a dialect and a place in direct_message of its own,
                              └─► reading, telemetry ─► pipeline  so a series store that is down never delays a check-in

What arrives is in the database before the broker hears that we have it; what it says is read from there. So a message has
one time of receipt and its events have one id each, however often a worker is killed while it reads them.

A table of the settings (`ingest.direct.settings`) is a gateway in the ledger, by its name. Its numbers are given here: a
worker that takes a table over begins a new epoch and counts from 1, and each group's numbers are committed in the transaction
that also moves the reading's place. A group that is tried again keeps its numbers; one of which another worker was faster
gives them back, and the worker ends with them, so no epoch has holes. What the ledger cannot know is what never reached us:
`direct_tally` and `direct_gap` say what MQTT promised (see docs/direct.md).
"""

from ingest.direct.service import Direct
from ingest.direct.settings import DirectFile, Table, load

__all__ = ["Direct", "DirectFile", "Table", "load"]
