"""docker-compose.yml: a valid Compose file (by models generated from the compose-spec schema), pinned, guarded, secretless."""

import re
from pathlib import Path

import pytest
import yaml
from compose_pydantic import ComposeSpecification

from plumbline import __version__
from plumbline.command import env

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{?([A-Z][A-Z0-9_]*)")

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def variables(text: str) -> set[str]:
    return set(VARIABLE.findall(text))


def test_it_is_what_the_compose_specification_allows():
    ComposeSpecification.model_validate({key: value for key, value in COMPOSE.items() if not key.startswith("x-")})
    with pytest.raises(ValueError, match="imagge"):
        ComposeSpecification.model_validate({"services": {"a": {"imagge": "b"}}})


def test_the_parts_of_the_design_are_there():
    assert set(SERVICES) == {"mosquitto", "influxdb", "postgresql", "ingest", "tracking", "grafana"}


@each_service
def test_every_image_is_pinned_to_a_full_version(service):
    name, _, tag = service["image"].rpartition(":")
    assert name
    assert re.match(r"\d+\.\d+(\.\d+)?(-[a-z]+)?$", tag), service["image"]


def test_the_versions_are_the_ones_that_the_code_is_tested_with():
    tags = {name: service["image"].rpartition(":")[2] for name, service in SERVICES.items()}
    assert tags["mosquitto"].startswith("2.0.")
    assert tags["influxdb"].startswith("2.7.")
    assert tags["postgresql"].startswith("15.")
    grafana = tuple(int(part) for part in tags["grafana"].split("."))
    assert grafana >= (9, 5, 0)
    assert not (10, 2, 0) <= grafana <= (10, 2, 2)  # their alerting loses provisioned files
    assert tags["ingest"] == tags["tracking"] == __version__


@each_service
def test_every_service_is_watched_and_started_again(service):
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"
    assert "no-new-privileges:true" in service["security_opt"]


@each_service
def test_no_password_is_written_down(service):
    for key, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET|GATEWAYS", key):
            assert re.fullmatch(r"\$\{[A-Z_]+:\?run 'plumbline env'\}", value), key
        for user_info in re.findall(r"//([^/@\s]+)@", value):
            assert re.fullmatch(r"\w+:\$\{[A-Z_]+:\?run 'plumbline env'\}", user_info), key
    assert "env_file" not in service


def test_every_variable_is_written_by_plumbline_env_and_every_one_written_is_used():
    text = env.content(gateways=["gate"], sites="./sites", smtp="", bind="127.0.0.1")
    written = set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
    assert variables(TEXT) == written


def test_a_missing_variable_stops_compose_with_the_remedy():
    assert set(re.findall(r"\$\{[A-Z_]+[^}]*\}", TEXT)) == set(re.findall(r"\$\{[A-Z_]+:?\?run 'plumbline env'\}", TEXT))


def test_nothing_listens_for_other_machines_unless_asked_to():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("${PLUMBLINE_BIND:?") for port in ports)


@each_service
def test_data_lies_in_named_volumes_and_what_is_mounted_from_here_is_read_only(service):
    for volume in service.get("volumes", []):
        if isinstance(volume, dict):
            assert volume["read_only"] is True
            continue
        source, _, rest = volume.partition(":")
        if source.startswith("."):
            assert rest.endswith(":ro"), volume
            assert (ROOT / source).is_dir(), volume
        else:
            assert source in COMPOSE["volumes"], volume


def test_grafana_is_given_what_its_provisioning_asks_for():
    files = (ROOT / "dashboards" / "provisioning").rglob("*.yaml")
    asked = {name for file in files for name in variables(file.read_text())}
    assert asked
    assert asked <= set(SERVICES["grafana"]["environment"])


def test_what_needs_a_server_waits_until_it_is_healthy():
    for name in ("ingest", "tracking", "grafana"):
        depends = SERVICES[name]["depends_on"]
        assert depends
        assert all(entry == {"condition": "service_healthy"} for entry in depends.values())
        assert set(depends) <= set(SERVICES)


def test_more_workers_of_ingest_can_be_started_from_the_same_service():
    """`docker compose up --scale ingest=3`: nothing of it can be had by one container alone."""
    ingest = SERVICES["ingest"]
    assert not {"ports", "container_name", "hostname", "network_mode", "mac_address"} & ingest.keys()
    assert not {"PLUMBLINE_WORKER", "PLUMBLINE_SHARE"} & ingest["environment"].keys()  # each takes a free name; all share
    assert all(volume["read_only"] for volume in ingest["volumes"])
    assert not ingest["environment"]["PLUMBLINE_DATABASE"].startswith("sqlite")
    assert not ingest["environment"]["PLUMBLINE_SERIES"].startswith("embedded")
    assert ingest["environment"]["PLUMBLINE_METRICS_PORT"] in ingest["healthcheck"]["test"][-1]
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"][0]["dns_sd_configs"][0]
    assert (scrape["names"], str(scrape["port"])) == (["ingest"], ingest["environment"]["PLUMBLINE_METRICS_PORT"])


def test_our_own_services_have_no_rights_and_write_nothing():
    for name in ("ingest", "tracking"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["command"] == [name, "run"]


def test_the_dockerfile_takes_only_what_the_image_may_hold():
    dockerfile = (ROOT / "Dockerfile").read_text()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert source.rstrip("/") in allowed or source.split("/")[0] in allowed, line
            assert (ROOT / source).exists(), line
    assert re.search(r"^USER \d+$", dockerfile, re.MULTILINE)
    assert all(re.match(r"FROM [a-z]+:\d+\.\d+\.\d+-", line) for line in dockerfile.splitlines() if line.startswith("FROM"))
    assert "--require-hashes" in dockerfile
