"""The boards' names, and what follows from a name: file, UID, address. Links stay true on every Grafana."""

from typing import Final

SITE_WALL: Final = "Site wall"
MATERIAL: Final = "Material arrivals"
EQUIPMENT: Final = "Equipment"
ENVIRONMENT: Final = "Environment"
GATEWAYS: Final = "Gateways and ingest"
ORDER: Final = "Order"
COMPANY: Final = "Company"


def slug(title: str) -> str:
    """A board's file name and the end of its UID: `Site wall` → `site-wall`."""
    return "-".join(title.lower().split())


def uid(title: str) -> str:
    """A board's UID, from its English title (at most 40 characters)."""
    return f"plumbline-{slug(title)}"


def address(title: str, **variables: str) -> str:
    """Where Grafana shows a board, its variables set; a value may be Grafana's own, such as `${site}`."""
    asked = "&".join(f"var-{name}={value}" for name, value in variables.items())
    return f"/d/{uid(title)}{'?' + asked if asked else ''}"
