"""`plumbline influx`: prepare an InfluxDB for ingest and Grafana."""

import os
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import typer

from ingest.influx_setup import Done, Wanted, first, major_version
from ingest.influx_setup.wanted import GRAFANA, INGEST
from plumbline.errors import PlumblineError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
_FIRST, _SECOND, _THIRD = 1, 2, 3
_EXTRA: Final = "influxdb_client"


@app.callback()
def influx() -> None:
    """Prepare an InfluxDB: a place for the points, and the least rights for ingest and for Grafana."""


@app.command()
def setup(
    url: Annotated[str, typer.Option(help="http(s)://HOST:PORT of the InfluxDB.")] = "http://127.0.0.1:8086",
    database: Annotated[
        str, typer.Option(help="1.x: the database; 2.x: the bucket and the database that it is mapped to.")
    ] = "plumbline",
    org: Annotated[str, typer.Option(help="2.x: the organisation.")] = "plumbline",
    admin_token: Annotated[
        str, typer.Option(envvar="INFLUX_TOKEN", help="2.x: a token that may make buckets and tokens.")
    ] = "",
    admin: Annotated[
        str, typer.Option(envvar="INFLUX_ADMIN", help="1.x: USER:PASSWORD of an administrator; without it no users.")
    ] = "",
    version: Annotated[int | None, typer.Option(min=1, max=3, help="1 or 2; by default the server is asked.")] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(min=0, max=36_500, help="The database's own limit for all in it, 0: for ever. Ingest deletes by itself."),
    ] = None,
    new_secrets: Annotated[
        bool, typer.Option("--new-secrets", help="Make tokens or passwords anew; the old ones end.")
    ] = False,
    secrets: Annotated[
        Path | None, typer.Option(help="Write new secrets into this new file (mode 600), not on the screen.")
    ] = None,
) -> None:
    """Make database or bucket, mapping, and a token (2.x) or user (1.x) each for ingest and Grafana. May be run again."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise PlumblineError(f"--url: '{parts.scheme}://{parts.netloc.rpartition('@')[2]}' is not http(s)://HOST:PORT")
    if not database or "/" in database:
        raise PlumblineError(f"--database: '{database}' is no name; choose one without '/'")
    wanted = Wanted(url=url.rstrip("/"), database=database, keep_days=keep_days, new_secrets=new_secrets)
    found = version or major_version(wanted.url)
    if secrets is None:
        done = _prepared(found, wanted, org, admin_token, admin)
        _tell(done, [f"{line}" for line in _settings(done, wanted)])
        return
    # The file is there before a secret is: none is made that cannot be kept.
    handle = os.open(secrets, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    kept = False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            done = _prepared(found, wanted, org, admin_token, admin)
            lines = list(_settings(done, wanted))
            file.writelines(f"{line}\n" for line in lines)
            kept = bool(lines)
    finally:
        if not kept:
            secrets.unlink()
    _tell(done, [f"new secrets are in {secrets}"] if kept else [])


def _prepared(found: int, wanted: Wanted, org: str, token: str, admin: str) -> Done:
    if found == _FIRST:
        user, colon, password = admin.partition(":")
        if admin and not (user and colon):
            raise PlumblineError("--admin: write USER:PASSWORD")
        return first.prepare(wanted, admin=(user, password) if admin else None)
    if found >= _THIRD:
        raise PlumblineError(
            f"{wanted.url}: is InfluxDB {found}; make database and tokens with its own command: influxdb3 create database"
            f" {wanted.database}, influxdb3 create token"
        )
    if not token:
        raise PlumblineError("--admin-token: InfluxDB 2 needs the token of an operator; also INFLUX_TOKEN in the environment")
    try:
        from ingest.influx_setup import second  # noqa: PLC0415 - only 2.x needs the client
    except ModuleNotFoundError as error:
        if error.name != _EXTRA:
            raise
        raise PlumblineError("InfluxDB 2 needs one more package: pip install 'plumbline-site[influx2]'") from error
    return second.prepare(wanted, org=org, token=token)


def _settings(done: Done, wanted: Wanted) -> list[str]:
    """New secrets as the settings that take them."""
    lines: list[str] = []
    if INGEST in done.secrets:
        scheme, _, rest = wanted.url.partition("://")
        who = f"{quote(done.users[INGEST], safe='')}:{quote(done.secrets[INGEST], safe='')}"
        lines.append(f"PLUMBLINE_SERIES=influx:{scheme}://{who}@{rest}/{quote(wanted.database, safe='')}")
    if GRAFANA in done.secrets:
        lines += [f"GRAFANA_INFLUX_USER={done.users[GRAFANA]}", f"GRAFANA_INFLUX_PASSWORD={done.secrets[GRAFANA]}"]
    return lines


def _tell(done: Done, more: list[str]) -> None:
    print("\n".join([*done.lines, *more]))
