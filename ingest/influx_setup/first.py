"""InfluxDB 1.x: the database, how long it keeps, and two users, by InfluxQL."""

import secrets
from typing import Any, Final

import httpx
import msgspec

from ingest.influx_setup.wanted import GRAFANA, INGEST, Done, Wanted
from ingest.series.influxql import identifier, string
from plumbline.errors import PlumblineError

_USERS: Final = {INGEST: ("plumbline_ingest", "ALL"), GRAFANA: ("plumbline_grafana", "READ")}


def prepare(wanted: Wanted, *, admin: tuple[str, str] | None) -> Done:
    """Make what is missing. Users only where an administrator is given. Raises `PlumblineError`."""
    done = Done()
    with httpx.Client(base_url=wanted.url, auth=admin, timeout=20, trust_env=False) as client:
        server = _Server(client, wanted.url)
        name = identifier(wanted.database)
        known = wanted.database in server.column("SHOW DATABASES")
        if not known:
            server.ask(f"CREATE DATABASE {name}")
        done.lines.append(f"database '{wanted.database}' {'is there' if known else 'was made'}")
        if wanted.keep_days is not None:
            policy = _default_policy(server, name)
            server.ask(f"ALTER RETENTION POLICY {identifier(policy)} ON {name} DURATION {wanted.keep_days * 24}h")
            done.lines.append(f"retention policy '{policy}' keeps {_days(wanted.keep_days)}")
        if admin is None:
            done.lines.append("no users: without an administrator (--admin) the server is taken as one that asks nobody")
            return done
        users = server.column("SHOW USERS")
        for purpose, (user, _) in _USERS.items():
            _user(server, wanted, purpose, done, known=user in users)
    return done


def _user(server: "_Server", wanted: Wanted, purpose: str, done: Done, *, known: bool) -> None:
    user, right = _USERS[purpose]
    password = secrets.token_urlsafe(24)
    if not known:
        server.ask(f"CREATE USER {identifier(user)} WITH PASSWORD {string(password)}")
    elif wanted.new_secrets:
        server.ask(f"SET PASSWORD FOR {identifier(user)} = {string(password)}")
    server.ask(f"GRANT {right} ON {identifier(wanted.database)} TO {identifier(user)}")
    if not known or wanted.new_secrets:
        done.secrets[purpose], done.users[purpose] = password, user
        done.lines.append(f"user '{user}' ({right.lower()}) {'has a new password' if known else 'was made'}")
    else:
        done.lines.append(
            f"user '{user}' ({right.lower()}) is there; its password is as it was (--new-secrets makes a new one)"
        )


def _default_policy(server: "_Server", name: str) -> str:
    rows = server.rows(f"SHOW RETENTION POLICIES ON {name}")
    return next((str(row["name"]) for row in rows if row.get("default")), "autogen")


def _days(days: int) -> str:
    return f"{days} days" if days else "for ever"


class _Server:
    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = url

    def ask(self, influxql: str) -> dict[str, Any]:
        """The result of a statement; a password in it never gets into an error."""
        verb = " ".join(influxql.split()[:2])
        try:
            answer = self._client.post("/query", data={"q": influxql})
            body = msgspec.json.decode(answer.content, type=dict[str, Any])
        except httpx.HTTPError as error:
            raise PlumblineError(f"{self._url}: InfluxDB cannot be reached ({error or type(error).__name__})") from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise PlumblineError(f"{self._url}: answered no JSON; check that an InfluxDB 1.x listens there") from None
        results: list[dict[str, Any]] = body.get("results") or [{}]
        error = body.get("error") or results[0].get("error")
        if error:
            raise PlumblineError(f"{self._url}: {verb}: {error}; check the administrator's name and password (--admin)")
        return results[0]

    def rows(self, influxql: str) -> list[dict[str, Any]]:
        """The rows of a statement's answer."""
        return [
            dict(zip(series["columns"], values, strict=True))
            for series in self.ask(influxql).get("series", ())
            for values in series.get("values", ())
        ]

    def column(self, influxql: str) -> set[str]:
        """The first column of a statement's answer."""
        return {str(next(iter(row.values()))) for row in self.rows(influxql)}
