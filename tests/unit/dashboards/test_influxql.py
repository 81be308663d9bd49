"""Statements are what their parts say, and no name leaves its quotes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.influxql import (
    Condition,
    Query,
    Remarks,
    Target,
    count,
    field,
    highest,
    last,
    literal,
    quoted,
    tag_among,
    tag_chosen,
    tag_is,
    tag_values,
    total,
)


def test_a_query_says_columns_range_site_groups_and_steps():
    query = Query(
        source="environment_1m",
        columns=(highest("noise_db_max").named("noise_db"),),
        group_by=("device",),
        every="$__interval",
        where=(tag_is("zone", "gate"),),
    )
    assert query.influxql() == (
        'SELECT max("noise_db_max") AS "noise_db" FROM "environment_1m" WHERE $timeFilter AND "site" =~ /^${site:regex}$/ '
        'AND "zone" = \'gate\' GROUP BY time($__interval), "device" fill(none)'
    )
    assert query.names == ("Time", "device", "noise_db")


def test_the_newest_of_each_group_is_asked_for_whole():
    query = Query(source="milestone", columns=(field("rag"), field("state")), group_by=("order",), newest=True)
    assert query.influxql().startswith('SELECT "rag", "state" FROM "milestone" WHERE ')
    assert query.influxql().endswith('GROUP BY "order" ORDER BY time DESC LIMIT 1')


def test_a_query_of_a_query_leaves_range_and_site_to_the_inner_one():
    inner = Query(source="ledger", columns=(last("missing"),), group_by=("gateway",))
    outer = Query(source=inner, columns=(total("missing"), count("missing").named("gateways")))
    assert outer.influxql() == f'SELECT sum("missing") AS "missing", count("missing") AS "gateways" FROM ({inner.influxql()})'
    assert outer.influxql().count("$timeFilter") == 1


def test_several_measurements_can_be_asked_at_once():
    query = Query(source=("environment", "equipment"), columns=(highest("wind_mps"),), all_sites=True)
    assert query.influxql() == 'SELECT max("wind_mps") AS "wind_mps" FROM "environment", "equipment" WHERE $timeFilter'


def test_what_changed_before_the_range_can_be_read_too():
    query = Query(source="state", columns=(field("state"),), before="7d", all_sites=True)
    assert query.influxql() == 'SELECT "state" FROM "state" WHERE time >= ${__from}ms - 7d AND time <= ${__to}ms'


def test_columns_can_be_reckoned_with():
    share = (total("a") / (total("a") + total("b")) * 100).named("percent")
    assert str(share) == '((sum("a") / (sum("a") + sum("b"))) * 100) AS "percent"'
    assert str((last("all") - last("some")).named("none")) == '(last("all") - last("some")) AS "none"'


def test_variables_are_written_with_their_format_and_match_whole_values():
    assert tag_chosen("order", "order") == Condition('"order" =~ /^${order:regex}$/')
    assert tag_among("source", "source") == Condition('"source" =~ /^(${source:raw})$/')
    assert tag_values("order", "order", of_site=True) == (
        'SHOW TAG VALUES FROM "order" WITH KEY = "order" WHERE "site" =~ /^${site:regex}$/'
    )


@given(st.text())
def test_names_and_texts_stay_inside_their_quotes(text):
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', quoted(text), re.DOTALL)
    assert re.fullmatch(r"'(?:[^'\\]|\\.)*'", literal(text), re.DOTALL)


@pytest.mark.parametrize(("language", "column"), [("en", '"title"'), ("zh", '"title_zh" AS "title"')])
def test_titles_are_asked_for_in_the_readers_language_at_any_depth(language, column):
    inner = Query(source="order", columns=(field("title"), field("rag")), newest=True)
    outer = Query(source=inner, columns=(field("title"),))
    assert f'SELECT {column}, "rag" FROM "order"' in inner.in_words_of(language).influxql()
    assert outer.in_words_of(language).influxql().startswith(f'SELECT "title" FROM (SELECT {column}, "rag"')


def test_a_target_is_a_table_unless_its_lines_have_names():
    query = Query(source="people", columns=(last("on_site"),))
    assert Target(query).to_json() | {"query": ""} == {
        "refId": "A",
        "datasource": {"type": "influxdb", "uid": "plumbline-series"},
        "query": "",
        "rawQuery": True,
        "resultFormat": "table",
    }
    assert Target(query, alias="$tag_zone").to_json().items() >= {"resultFormat": "time_series", "alias": "$tag_zone"}.items()
    assert Remarks(query, tags=("a", "b")).to_json()["tagsColumn"] == "a,b"
