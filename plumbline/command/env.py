"""`plumbline env`: make the .env file that docker-compose.yml reads, with fresh passwords."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from plumbline.errors import SettingsError
from plumbline.ids import is_name

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

#: Hexadecimal, so that a password means the same in a URL, in a shell and in a TOML file; 192 bits.
_PASSWORD_BYTES: Final = 24

#: Variable → whose password it is.
PASSWORDS: Final = {
    "POSTGRES_PASSWORD": "the SQL database's user plumbline",
    "INFLUXDB_PASSWORD": "InfluxDB's user plumbline (its own web page)",
    "INFLUXDB_TOKEN": "what ingest, tracking and Grafana show InfluxDB",
    "GRAFANA_PASSWORD": "Grafana's user admin",
    "MQTT_INGEST_PASSWORD": "the broker's user ingest",
    "MQTT_FLEET_PASSWORD": "the broker's user fleet: changes gateways' configurations (plumbline fleet)",
    "MQTT_TRACKING_PASSWORD": "the broker's user tracking: tells gateways what their site expects",
    "MQTT_HEALTH_PASSWORD": "the broker's user health (its health check)",
}


@app.command()
def env(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it; an existing file is never overwritten.")] = Path(
        ".env"
    ),
    gateway: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A gateway that may connect; repeat for more of them.")
    ] = None,
    sites: Annotated[str, typer.Option(metavar="FOLDER", help="Folder of the site files.")] = "./sites",
    smtp: Annotated[
        str, typer.Option(metavar="URL", help="Where notices go: smtp://user:password@host:25?from=site@example.org")
    ] = "",
    public_url: Annotated[
        str, typer.Option(metavar="URL", help="Address of the tracking service, for the links in notices: https://HOST.")
    ] = "",
    webhook_networks: Annotated[
        str, typer.Option(metavar="NETWORKS", help="Private networks in which webhooks may be called, with commas.")
    ] = "",
    bind: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where broker, wall and Grafana listen; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
) -> None:
    """Write a .env with fresh random passwords, readable by you alone."""
    gateways = gateway or ["gateway-1"]
    text = content(
        gateways=gateways, sites=sites, smtp=smtp, bind=bind, public_url=public_url, webhook_networks=webhook_networks
    )
    _write(out, text)
    print(f"{out}: written, mode 0600, with fresh passwords for")
    for variable, whose in PASSWORDS.items():
        print(f"  {variable:24}{whose}")
    print(f"  {'MQTT_GATEWAYS':24}the broker's users {', '.join(gateways)} (name:password, in each gateway's 'brokers' URL)")
    print("Next: docker compose up --detach --wait")


def content(
    *, gateways: Sequence[str], sites: str, smtp: str, bind: str, public_url: str = "", webhook_networks: str = ""
) -> str:
    """The file's text, with new passwords. Raises `SettingsError` for names and values that the file cannot carry."""
    for name in gateways:
        if not is_name(name):
            raise SettingsError(f"--gateway '{name}': is not a name; use letters, digits, '.', '_' and '-'")
    if twice := {name for name in gateways if gateways.count(name) > 1 or name in {"ingest", "fleet", "tracking", "health"}}:
        raise SettingsError(f"--gateway '{min(twice)}': is taken already; give each gateway a name of its own")
    plain = {
        "PLUMBLINE_SITES": sites,
        "PLUMBLINE_SMTP": smtp,
        "PLUMBLINE_PUBLIC_URL": public_url,
        "PLUMBLINE_WEBHOOK_NETWORKS": webhook_networks,
        "PLUMBLINE_BIND": bind,
    }
    for variable, value in plain.items():
        if not value.isprintable() or set(value) & set("'\"\\$"):
            raise SettingsError(f"{variable}: {value!r} holds quotes, '$' or control characters; write them as %XX in URLs")
    lines = ["# Made by `plumbline env`, read by docker-compose.yml. Secret: it stays on this machine and out of git."]
    lines += [f"{variable}={_password()}" for variable in PASSWORDS]
    lines.append(f"MQTT_GATEWAYS='{' '.join(f'{name}:{_password()}' for name in gateways)}'")
    lines += [f"{variable}='{value}'" for variable, value in plain.items()]
    return "\n".join(lines) + "\n"


def _password() -> str:
    return secrets.token_hex(_PASSWORD_BYTES)


def _write(out: Path, text: str) -> None:
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(f"{out}: is there already and stays as it is; remove it, or name another with --out") from None
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror}; name another with --out") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
