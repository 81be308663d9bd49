"""Alert rules and contact points are what Grafana takes, in words that people understand; each leads to its runbook."""

import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from jsonschema import Draft202012Validator

from dashboards import naming
from dashboards.alerts import ALERTS, Contacts, files
from dashboards.alerts.contacts import KINDS, daytime, variable
from dashboards.alerts.rule import FOLDER_UID
from dashboards.edition import Edition
from plumbline.cli import main
from plumbline.errors import PlumblineError
from tests import grafana_schemas as schemas

PROVISIONING = Path(files.COMMITTED).parent
RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks.md"
EVERYTHING = {
    variable(kind, "site"): "a@example.org;b@example.org" if kind == "MAIL" else f"https://{kind}.example/k" for kind in KINDS
}


def valid(schema, content):
    Draft202012Validator.check_schema(schema)
    assert [
        f"{list(error.absolute_path)}: {error.message}" for error in Draft202012Validator(schema).iter_errors(content)
    ] == []


def test_the_committed_rules_are_what_the_code_says():
    assert {path.name: path.read_text() for path in files.COMMITTED.iterdir()} == files.render(Edition(), {})


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("datasources/plumbline.yaml", schemas.DATASOURCES_FILE),
        ("dashboards/plumbline.yaml", schemas.PROVIDERS_FILE),
        ("alerting/rules.json", schemas.ALERTING_FILE),
    ],
)
def test_committed_provisioning_files_are_what_grafana_takes(file, schema):
    valid(schema, yaml.safe_load((PROVISIONING / file).read_text()))


def test_no_other_provisioning_file_is_committed_unchecked():
    assert {str(path.relative_to(PROVISIONING)) for path in PROVISIONING.rglob("*") if path.is_file()} == {
        "datasources/plumbline.yaml",
        "dashboards/plumbline.yaml",
        "alerting/rules.json",
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_files_with_every_contact_point_are_what_grafana_takes(language):
    made = files.render(Edition(language=language), EVERYTHING)
    assert made.keys() == {"rules.json", "contacts.json"}
    for text in made.values():
        valid(schemas.ALERTING_FILE, json.loads(text))
        assert yaml.safe_load(text) == json.loads(text)  # Grafana reads it as YAML


def test_a_misspelt_key_is_found():
    wrong = json.loads(files.render(Edition(), {})["rules.json"])
    wrong["groups"][0]["rules"][0]["execErrorState"] = "Error"
    assert not Draft202012Validator(schemas.ALERTING_FILE).is_valid(wrong)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_forms_of_a_rule_are_what_grafana_takes(alert, language):
    group = {"title": "g", "folderUid": FOLDER_UID, "interval": 60, "rules": [alert.in_api(language, "docs/runbooks.md")]}
    valid(schemas.RULE_GROUP, group)
    assert len(alert.uid) <= 40


def test_keys_and_titles_name_one_rule_each():
    assert len({alert.key for alert in ALERTS}) == len(ALERTS)
    for language in ("en", "zh"):
        assert len({alert.title.of(language) for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
def test_an_expression_reads_what_stands_before_it_and_the_condition_is_the_last(alert):
    data = alert.in_file("en", "r")["data"]
    known = set()
    for step in data:
        model = step["model"]
        assert step["refId"] == model["refId"] not in known
        if model.get("type") in {"reduce", "threshold"}:
            assert model["expression"] in known
        if model.get("type") == "math":
            assert set(re.findall(r"\$(\w+)", model["expression"])) <= known
        known.add(step["refId"])
    assert data[-1]["refId"] == alert.in_file("en", "r")["condition"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
def test_a_rule_asks_for_all_sites_within_a_range_one_number_each(alert):
    for query in alert.asks:
        asked = query.influxql()
        assert "$timeFilter" in asked
        assert "${" not in asked  # a rule has no variables
        assert len(query.columns) == 1
        assert "site" in query.group_by or alert.key == "ingest-silent"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
def test_texts_name_only_labels_and_values_that_there_are(alert):
    labels = {tag for query in alert.asks for tag in query.group_by}
    values = {f"R{number}" for number in range(len(alert.asks))}
    for text in (alert.summary.en, alert.summary.zh, alert.description.en, alert.description.zh):
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels
        assert set(re.findall(r"\$values\.(\w+)", text)) <= values
        assert "${" not in text  # newer Grafanas fill in ${NAME} from the environment
        assert text.count("{{") == text.count("}}")
    if alert.without_data != "OK":
        assert "$values" not in alert.summary.en + alert.description.en + alert.summary.zh + alert.description.zh
    assert alert.summary.en.count("$labels") == alert.summary.zh.count("$labels")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
def test_titles_and_labels_hold_nothing_that_grafana_would_fill_in(alert):
    rule = alert.in_file("en", "r")
    assert "$" not in rule["title"] + rule["uid"] + "".join(rule["labels"].values())


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
def test_a_rule_leads_to_its_section_of_the_runbooks_and_to_its_board(alert):
    told = alert.in_file("en", "https://docs.example/runbooks", "https://grafana.example")["annotations"]
    link = told["runbook_url"]
    assert told["board"].startswith(f"https://grafana.example/d/{naming.uid(alert.board)}")
    assert ("var-site={{ $labels.site }}" in told["board"]) == ("site" in alert.asks[0].group_by)
    assert link == f"https://docs.example/runbooks#{alert.key}"
    assert f'<a id="{alert.key}"></a>' in RUNBOOKS.read_text()
    names = {value for name, value in vars(naming).items() if name.isupper() and isinstance(value, str)}
    assert alert.board in names


def test_the_runbooks_have_no_section_of_a_rule_that_is_gone():
    assert set(re.findall(r'<a id="([^"]+)">', RUNBOOKS.read_text())) == {alert.key for alert in ALERTS} | {"datasource-error"}


def test_one_rule_alone_tells_that_nothing_comes_at_all():
    assert [alert.key for alert in ALERTS if alert.without_data == "Alerting"] == ["ingest-silent"]


def test_files_hold_the_names_of_variables_and_never_what_is_in_them():
    text = files.render(Edition(), EVERYTHING)["contacts.json"]
    assert "example" not in text
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(EVERYTHING)
    assert text.count("$") == text.count("${")


def test_each_audience_has_its_own_contact_points_or_the_others():
    both = Contacts.of({"PLUMBLINE_ALERT_MAIL": "a@example.org", "PLUMBLINE_ALERT_OPERATIONS_WEBHOOK": "https://x.example"})
    assert [(name, one["type"]) for name, one in both.receivers("en", secrets=True)] == [
        ("Plumbline site", "email"),
        ("Plumbline operations", "webhook"),
    ]
    one = Contacts.of({"PLUMBLINE_ALERT_OPERATIONS_MAIL": "a@example.org"})
    assert [name for name, _ in one.receivers("en", secrets=True)] == ["Plumbline site", "Plumbline operations"]
    assert not Contacts.of({"PLUMBLINE_ALERT_MAIL": "  "})


@pytest.mark.parametrize(
    ("name", "value"),
    [("PLUMBLINE_ALERT_MAIL", "nobody"), ("PLUMBLINE_ALERT_WECOM", "key"), ("PLUMBLINE_ALERT_OPERATIONS_DINGTALK", "ftp://x")],
)
def test_what_can_be_no_contact_point_is_named_by_its_variable(name, value):
    with pytest.raises(PlumblineError, match=name):
        Contacts.of({name: value})


@pytest.mark.parametrize(
    ("zone", "times"),
    [
        ("Asia/Shanghai", [("22:00", "24:00"), ("00:00", "14:00")]),
        ("Etc/UTC", [("06:00", "22:00")]),
        ("Europe/Berlin", [("05:00", "21:00")]),
        ("Asia/Kolkata", [("00:30", "16:30")]),
        ("America/New_York", [("11:00", "24:00"), ("00:00", "03:00")]),
        ("Etc/GMT+2", [("08:00", "24:00")]),
    ],
)
def test_the_hours_of_the_day_are_told_in_utc(zone, times):
    made = daytime(zone)
    assert [(span["start_time"], span["end_time"]) for span in made["time_intervals"][0]["times"]] == times
    valid(schemas.MUTE_TIMING, made)
    assert ZoneInfo(zone)


def test_the_command_writes_files_and_says_where_it_cannot(tmp_path, monkeypatch, capsys):
    for name, value in EVERYTHING.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "alerts", "--folder", str(tmp_path / "alerting"), "--runbooks", "https://docs.example"])
    assert ended.value.code == 0
    assert sorted(path.name for path in (tmp_path / "alerting").iterdir()) == ["contacts.json", "rules.json"]
    assert "https://docs.example#gateway-silent" in (tmp_path / "alerting" / "rules.json").read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "alerts", "--folder", str(tmp_path / "file")])
    assert ended.value.code == 2
    assert "name a folder of yours" in capsys.readouterr().err
