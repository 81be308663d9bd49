"""A mistake in a settings file is told with its place, what may stand there, and what to do."""

from contextlib import suppress
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from plumbline.address import Address
from plumbline.database import parse
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.settings import convert


class Row(Struct, forbid_unknown_fields=True):
    id: str
    kind: Literal["scanner", "camera"] = "camera"
    zone: Name | None = None
    mode: Literal["a", "b"] | None = None


class File(Struct, forbid_unknown_fields=True):
    rows: tuple[Row, ...] = ()
    by_name: dict[str, Row] = {}
    port: Annotated[int, Meta(ge=1, le=9)] | None = None
    word: Annotated[str, Meta(min_length=1)] = "x"


ROW = {"id": "crane"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"rows": [ROW, ROW | {"kind": "scaner"}]}, r"rows\[1\]\.kind \('crane'\): 'scaner' is not one of camera, scanner; "),
        ({"rows": [ROW | {"mode": "c"}]}, r"rows\[0\]\.mode \('crane'\): 'c' is not one of a, b; "),
        ({"rows": [ROW | {"zone": "no name"}]}, r"rows\[0\]\.zone \('crane'\): is not a name: letters, digits"),
        ({"rows": [{"kind": "camera"}]}, r"rows\[0\]\.id: is missing; add it"),
        ({"port": 10}, "port: must be at most 9; correct"),
        ({"port": 0}, "port: must be at least 1; correct"),
        ({"port": "9"}, "port: must be int, found str; correct"),
        ({"word": ""}, "word: must not be empty; correct"),
        ({"wrod": ""}, "wrod: is not a setting here"),
    ],
)
def test_the_place_the_mistake_and_what_may_stand_there_are_told(table, said):
    with pytest.raises(SettingsError, match=f"^file: {said}"):
        convert(table, File, "file")


@given(
    table=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["rows", "by_name", "id", "name", "kind", "port", "word", "x"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    ).filter(lambda table: isinstance(table, dict))
)
def test_whatever_a_file_holds_it_is_read_or_its_mistake_is_told(table):
    with suppress(SettingsError):
        convert(table, File, "file")


@pytest.mark.parametrize(
    "url", ["postgresql://me:secret@host:port/name", "postgres:me:secret@host", "mysql://me:secret@host/x"]
)
def test_the_url_of_a_database_that_is_none_is_told_without_its_password(url):
    with pytest.raises(SettingsError) as caught:
        parse(url)
    assert "sqlite:///FILE or postgresql://" in str(caught.value)
    assert "://me:secret" not in str(caught.value)


def test_the_url_of_a_broker_that_is_none_is_told_without_its_password():
    with pytest.raises(SettingsError, match="write mqtt://") as caught:
        Address.parse("amqp://me:secret@host")
    assert "secret" not in str(caught.value)
