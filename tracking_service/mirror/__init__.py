"""What tracking knows, as points in the series store, so that one datasource drives a whole board.

| measurement | from | when |
|---|---|---|
| `milestone`, `order` | `orders` | after each change, and each minute |
| `material` | `orders` | after each change, else every five minutes |
| `delivery` | `deliveries` | the same, of lines that are due or arrived today |
| `evidence` | `evidence` | once, at the time of what was seen |
| `people`, `site_state` | `site` | each minute |
| `utilisation` | `machines`, `utilisation` | each minute: the hours that something new is known of |

`dashboards/README.md` lists the fields. All values are absolute: written again they change nothing.
"""

from tracking_service.mirror.loop import Mirror
from tracking_service.mirror.orders import RAG

__all__ = ["RAG", "Mirror"]
