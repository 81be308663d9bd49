"""`plumbline dashboards push | alerts`: boards and alert rules into a running Grafana, or as files for its provisioning."""

import os
from pathlib import Path
from typing import Annotated

import typer

from dashboards.alerts import Contacts, files
from dashboards.alerts.rule import RUNBOOKS
from dashboards.grafana import Grafana
from dashboards.push import Influx, Order
from dashboards.push import push as push_into
from plumbline.command.dashboards_edition import DEFAULT, Api, Lang, Site, SiteFiles, Timezone, edition
from plumbline.errors import SettingsError

Runbooks = Annotated[str, typer.Option(help="Where docs/runbooks.md is read: a path, or the whole address of the page.")]


def push(
    url: Annotated[str, typer.Option(envvar="GRAFANA_URL", help="The Grafana: https://grafana.example, with its path.")],
    token: Annotated[
        str, typer.Option(envvar="GRAFANA_TOKEN", show_envvar=True, help="Token of a service account with the role Admin.")
    ] = "",
    org: Annotated[int | None, typer.Option(help="Number of the organisation; without it the token's own.", min=1)] = None,
    folder: Annotated[str, typer.Option(help="Title of the boards' folder.")] = "Plumbline",
    influxdb: Annotated[
        str | None,
        typer.Option(
            help="InfluxDB as Grafana reaches it: http://influxdb:8086. Needed the first time; INFLUXDB_TOKEN is its token."
        ),
    ] = None,
    database: Annotated[str, typer.Option(help="Its database.")] = "plumbline",
    turn: Annotated[str, typer.Option(help="How long the playlist shows each board.")] = "1m",
    viewer_key: Annotated[
        Path | None, typer.Option(help="Make a read-only account for the wall and write its key to this file.")
    ] = None,
    timezone: Timezone = "",
    lang: Lang = DEFAULT.language,
    api: Api = DEFAULT.api,
    site: Site = None,
    site_file: SiteFiles = None,
    runbooks: Runbooks = RUNBOOKS,
) -> None:
    """Bring boards, datasource, playlist, alert rules and contact points into a running Grafana; again whenever they change.

    Who is told stands in the environment: PLUMBLINE_ALERT_MAIL, _WEBHOOK, _DINGTALK, _WECOM; PLUMBLINE_ALERT_OPERATIONS_MAIL
    and so on for the technical alerts.
    """
    if not token:
        raise SettingsError("no token; set GRAFANA_TOKEN to one of a service account with the role Admin, or give --token")
    wanted = Order(
        edition=edition(timezone, lang, api, site, site_file),
        folder=folder,
        influx=Influx(url=influxdb, database=database, token=os.environ.get("INFLUXDB_TOKEN", "")) if influxdb else None,
        contacts=Contacts.of(os.environ),
        runbooks=runbooks,
        turn=turn,
        viewer_key=viewer_key,
    )
    print("\n".join(push_into(Grafana(url, token, org=org), wanted, lambda line: print(line, flush=True))))


def alerts(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the files are written: Grafana's provisioning/alerting.")
    ] = files.COMMITTED,
    timezone: Timezone = "",
    lang: Lang = DEFAULT.language,
    site_file: SiteFiles = None,
    runbooks: Runbooks = RUNBOOKS,
    org: Annotated[int, typer.Option(help="Number of the organisation.", min=1)] = 1,
) -> None:
    """Write alert rules for Grafana's provisioning, and contact points where the environment names any.

    The files hold the names of the variables, never what is in them: Grafana needs the same variables. Its whole notification
    policy is replaced by that of the file.
    """
    for path in files.write(
        folder, edition=edition(timezone, lang, site_file=site_file), environment=os.environ, runbooks=runbooks, org=org
    ):
        print(path)
