"""Alert rules, contact points and our branch of the notification policy, into a running Grafana."""

from collections.abc import Callable
from typing import Final, get_args
from urllib.parse import quote

from dashboards.alerts import ALERTS, Contacts
from dashboards.alerts.contacts import daytime, is_ours, route
from dashboards.alerts.rule import INTERVAL_S, Audience, group_of
from dashboards.difference import covers, done, rows, write
from dashboards.edition import Edition
from dashboards.grafana import Grafana

Say = Callable[[str], None]

_REDACTED: Final = "[REDACTED]"


def push_contacts(grafana: Grafana, contacts: Contacts, edition: Edition, say: Say) -> None:
    """Bring contact points, the hours of the day and our branch of the notification policy."""
    points = {str(point.get("uid")): point for point in grafana.every("/v1/provisioning/contact-points")}
    for name, integration in contacts.receivers(edition.language, secrets=True):
        wanted = {**integration, "name": name}
        found = points.get(str(integration["uid"]))
        same = found is not None and covers(found, wanted)
        if not same:
            path = "/v1/provisioning/contact-points"
            write(grafana, path, f"{path}/{integration['uid']}", wanted, found)
        hidden = found is not None and _REDACTED in str(found.get("settings"))
        say(f"contact point {name}, {integration['type']}: {'written again' if hidden else done(found, same)}")
    times = daytime(edition.timezone)
    path = "/v1/provisioning/mute-timings"
    found = grafana.find(f"{path}/{quote(times['name'])}")
    same = found is not None and covers(found, times)
    if not same:
        write(grafana, path, f"{path}/{quote(times['name'])}", times, found)
    say(f"hours of the day: {done(found, same)}")
    tree = grafana.find("/v1/provisioning/policies") or {}
    branches = rows(tree, "routes")
    ours = [branch for branch in branches if is_ours(branch)]
    same = len(ours) == 1 and covers(ours[0], route())
    if not same:
        others = [branch for branch in branches if not is_ours(branch)]
        kept = {name: value for name, value in tree.items() if name != "provenance"}
        grafana.replace("/v1/provisioning/policies", {**kept, "routes": [route(), *others]})
    say(f"notification policy: {done(ours or None, same)}")


def push_rules(grafana: Grafana, edition: Edition, runbooks: str, *, org: int, folder: str, say: Say) -> None:
    """Bring the groups of rules into a folder: whole, so that rules that are gone are deleted."""
    for audience in get_args(Audience):
        group = group_of(audience)
        path = f"/v1/provisioning/folder/{folder}/rule-groups/{quote(group)}"
        rules = [
            alert.in_api(edition.language, runbooks, grafana.url, org=org, folder=folder)
            for alert in ALERTS
            if alert.audience == audience
        ]
        found = grafana.find(path)
        stand = {rule.get("uid"): rule for rule in rows(found, "rules")}
        same = (
            found is not None
            and found.get("interval") == INTERVAL_S
            and stand.keys() == {rule["uid"] for rule in rules}
            and all(covers(stand[rule["uid"]], rule) for rule in rules)
        )
        if not same:
            grafana.replace(path, {"title": group, "folderUid": folder, "interval": INTERVAL_S, "rules": rules})
        say(f"alert rules of {audience}, {len(rules)}: {done(stand or None, same)}")
