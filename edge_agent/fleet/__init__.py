"""Remote configuration: what the server wants, checked, tried and undone where the agent does not come back healthy.

    desired ──► RemoteConfig ── checked ──► Versions.place ──► restart ──► probation ──► keep
                     ▲  refused with every mistake                             └──► undo ──► restart
    reported ◄───────┘

`Versions` is what survives: a folder beside the gateway file, `<file>.remote/`, written so that SIGKILL or a power cut between
any two steps leaves either configuration whole and a start that knows what to do.
"""

from edge_agent.fleet.remote import RemoteConfig, trouble
from edge_agent.fleet.versions import MOST_STARTS, Trial, Versions

__all__ = ["MOST_STARTS", "RemoteConfig", "Trial", "Versions", "trouble"]
