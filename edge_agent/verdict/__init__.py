"""The answer to a scan, given on the gateway at once and without any server.

    manifest (retained, MQTT) ──► Desk ──► Store (a file)         scan ──► Desk.judge ──► Verdict ──► scanner, page
                                    └────► Index ──► Engine ◄── Journal: what was scanned since

The rules are those of tracking (`plumbline.linking`): the office comes to the same result when the scan arrives there.
"""

from edge_agent.verdict.desk import Desk
from edge_agent.verdict.engine import Engine
from edge_agent.verdict.index import Index
from edge_agent.verdict.verdict import NOT_KEPT, Kind, Signal, Verdict

__all__ = ["NOT_KEPT", "Desk", "Engine", "Index", "Kind", "Signal", "Verdict"]
