"""The gateway's own page, `http://gateway:8090`: the answer to each scan, on every phone in the gateway's network.

    Desk ── verdict ──► News ──► server-sent events ──► phones          phone ── typed code ──► agent

It needs no internet and no server. starlette and uvicorn serve it (docs/adr/0012).
"""

from edge_agent.page.server import Page
from edge_agent.page.settings import PageSettings

__all__ = ["Page", "PageSettings"]
