"""The alerting files for Grafana's provisioning: rules always, contact points where the environment names any.

They are JSON, which Grafana takes there as well as YAML. The committed folder holds the rules alone: a contact point whose
variable is missing would keep Grafana from starting.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from dashboards.alerts.contacts import Contacts
from dashboards.alerts.rule import FOLDER, INTERVAL_S, RUNBOOKS, Audience, group_of
from dashboards.alerts.rules import ALERTS
from dashboards.edition import Edition
from plumbline.errors import PlumblineError

COMMITTED: Final = Path(__file__).parents[1] / "provisioning" / "alerting"
RULES_FILE: Final = "rules.json"
CONTACTS_FILE: Final = "contacts.json"


def rules(edition: Edition, runbooks: str = RUNBOOKS, org: int = 1) -> dict[str, Any]:
    """The rules' file."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": org,
                "name": group_of(audience),
                "folder": FOLDER,
                "interval": f"{INTERVAL_S}s",
                "rules": [alert.in_file(edition.language, runbooks) for alert in ALERTS if alert.audience == audience],
            }
            for audience in get_args(Audience)
        ],
    }


def render(edition: Edition, environment: Mapping[str, str], runbooks: str = RUNBOOKS, org: int = 1) -> dict[str, str]:
    """File name → text. Raises `PlumblineError` where a contact point's variable holds what cannot be one."""
    made = {RULES_FILE: rules(edition, runbooks, org)}
    if contacts := Contacts.of(environment):
        made[CONTACTS_FILE] = contacts.in_file(edition.language, edition.timezone, org)
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in made.items()}


def write(
    folder: Path = COMMITTED,
    *,
    edition: Edition | None = None,
    environment: Mapping[str, str] | None = None,
    runbooks: str = RUNBOOKS,
    org: int = 1,
) -> list[Path]:
    """Write the files; returns them. Raises `PlumblineError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for name, text in render(edition or Edition(), environment or {}, runbooks, org).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        raise PlumblineError(f"{folder}: alert files cannot be written ({error.strerror}); name a folder of yours") from error
    return written
