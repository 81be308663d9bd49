"""Every application identifier of the table, in every form: valid values are read, and what breaks its rules is not."""

import random
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.gs1 import Gs1Error, check_digit, check_pair, identifiers, parse
from edge_agent.gs1.charsets import CHARACTERS
from edge_agent.gs1.table import Component, Identifier, codes

TABLE: Final = identifiers()
GS: Final = "\x1d"
GRAI: Final = f"0095212345432{check_digit('095212345432')}XY"

#: Linter → a value that it lets pass, of the component's length.
VALUES: Final[dict[str, Callable[[random.Random, int], str]]] = {
    "yymmd0": lambda rng, _: f"{rng.randrange(100):02}{rng.randrange(1, 13):02}{rng.randrange(29):02}",
    "yymmdd": lambda rng, _: f"{rng.randrange(100):02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}",
    "yyyymmdd": lambda rng, _: f"19{rng.randrange(100):02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}",
    "hhmi": lambda rng, _: f"{rng.randrange(24):02}{rng.randrange(60):02}",
    "hh": lambda rng, _: f"{rng.randrange(24):02}",
    "mi": lambda rng, _: f"{rng.randrange(60):02}",
    "ss": lambda rng, _: f"{rng.randrange(60):02}",
    "csum": lambda rng, length: (digits := _digits(rng, length - 1)) + check_digit(digits),
    "csumalpha": lambda rng, length: (text := "1234" + _text(rng, "X", length - 7) + "a") + check_pair(text),
    "gcppos1": lambda rng, length: ("1234" + _digits(rng, length))[: max(length, 4)],
    "iso3166": lambda rng, _: rng.choice(sorted(codes("iso3166"))),
    "iso3166999": lambda *_: "999",
    "iso3166alpha2": lambda rng, _: rng.choice(sorted(codes("iso3166alpha2"))),
    "iso4217": lambda rng, _: rng.choice(sorted(codes("iso4217"))),
    "packagetype": lambda rng, _: rng.choice(sorted(codes("packagetype"))),
    "iso5218": lambda rng, _: rng.choice("0129"),
    "mediatype": lambda rng, _: rng.choice(["01", "10", "80", "99"]),
    "yesno": lambda rng, _: rng.choice("01"),
    "winding": lambda rng, _: rng.choice("019"),
    "zero": lambda _, length: "0" * length,
    "nonzero": lambda rng, length: _digits(rng, length - 1) + "1",
    "nozeroprefix": lambda rng, length: "1" + _digits(rng, length - 1),
    "hyphen": lambda _, length: "-" * length,
    "latitude": lambda *_: "1800000000",
    "longitude": lambda *_: "3600000000",
    "pieceoftotal": lambda *_: "0203",
    "posinseqslash": lambda *_: "2/3",
    "pcenc": lambda *_: "A%20B",
    "iban": lambda *_: "DE89370400440532013000",
    "couponcode": lambda *_: "0" + "614141" + "123456" + "1" + "5" + "1" + "1" + "0" + "123",
    "couponposoffer": lambda *_: "0" + "0" + "614141" + "123456" + "0" + "123456",
    "importeridx": lambda *_: "A",
}


def _digits(rng: random.Random, length: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(length))


def _text(rng: random.Random, kind: str, length: int) -> str:
    return "".join(rng.choice(sorted(CHARACTERS[kind][1] - {"=", "%"})) for _ in range(length))


def _part(component: Component, rng: random.Random) -> str:
    length = rng.randint(component.shortest, component.longest)
    named = next((linter for linter in component.linters if linter in VALUES), None)
    if named is None:
        return _text(rng, component.type, length)
    if "gcppos1" in component.linters or named in {"csumalpha", "gcppos1"}:
        length = max(length, min(component.longest, 12))
    return VALUES[named](rng, length)


def value_of(identifier: Identifier, rng: random.Random) -> str:
    return "".join(_part(component, rng) for component in identifier.components if not component.optional or rng.random() < 0.5)


def whole(identifier: Identifier, rng: random.Random) -> str:
    """A value with every optional component."""
    return "".join(_part(component, rng) for component in identifier.components)


SEED = st.integers(0, 2**32)
ANY_AI = st.sampled_from(sorted(TABLE))


@pytest.mark.parametrize("ai", sorted(TABLE))
def test_every_identifier_is_read_in_every_form(ai: str) -> None:
    identifier, rng = TABLE[ai], random.Random(ai)
    for value in (whole(identifier, rng), *(value_of(identifier, rng) for _ in range(5))):
        expected = ((ai, value),)
        assert parse(f"]C1{ai}{value}").elements == expected
        assert parse(f"^{ai}{value}").elements == expected
        assert parse("(" + ai + ")" + value.replace("(", r"\(")).elements == expected
        if identifier.qualifiers is not None:
            assert parse(f"https://example.com/{ai}/{quote(value, safe='')}").elements == expected


@pytest.mark.parametrize("ai", sorted(TABLE))
def test_a_value_that_is_too_long_or_of_wrong_characters_is_refused(ai: str) -> None:
    identifier, rng = TABLE[ai], random.Random(ai)
    value = whole(identifier, rng)
    longest = value + "0" * (identifier.longest - len(value) + 1)
    for wrong in (longest, "", *(value[:at] + " " + value[at + 1 :] for at in range(len(value)))):
        with pytest.raises(Gs1Error):
            parse("(" + ai + ")" + wrong.replace("(", r"\("))


@pytest.mark.parametrize("ai", sorted(ai for ai, each in TABLE.items() if each.shortest > 1))
def test_a_value_that_is_too_short_is_refused(ai: str) -> None:
    value = whole(TABLE[ai], random.Random(ai))[: TABLE[ai].shortest - 1]
    for text in (f"]C1{ai}{value}", f"({ai}){value}".replace("((", "(")):
        with pytest.raises(Gs1Error):
            parse(text)


@pytest.mark.parametrize("ai", sorted(ai for ai, each in TABLE.items() if not each.separated))
def test_a_predefined_length_needs_no_separator(ai: str) -> None:
    value = whole(TABLE[ai], random.Random(ai))
    assert parse(f"]C1{ai}{value}99X").elements == ((ai, value), ("99", "X"))
    assert parse(f"]C1{ai}{value}{GS}99X").elements == ((ai, value), ("99", "X"))


@pytest.mark.parametrize("ai", sorted(ai for ai, each in TABLE.items() if each.separated and each.components[-1].type == "N"))
def test_a_fixed_length_that_is_not_predefined_needs_a_separator(ai: str) -> None:
    identifier, rng = TABLE[ai], random.Random(ai)
    value = whole(identifier, rng)
    if ai != "99" and identifier.longest == len(value):
        assert parse(f"]C1{ai}{value}{GS}99X").elements == ((ai, value), ("99", "X"))
        with pytest.raises(Gs1Error):
            parse(f"]C1{ai}{value}99X")


PAIRS: Final = st.tuples(ANY_AI, ANY_AI).filter(lambda pair: pair[0] != pair[1])
EXCLUDING: Final = st.sampled_from([(ai, pattern) for ai, each in sorted(TABLE.items()) for pattern in each.excludes])


@given(EXCLUDING, SEED)
def test_exclusions_hold_whichever_comes_first(excluding: tuple[str, str], seed: int) -> None:
    (one, pattern), rng = excluding, random.Random(seed)
    others = sorted(ai for ai in TABLE if ai != one and _means(pattern, ai))
    if not others:  # one of a family excludes the others of it, and it has none
        return
    pair = [(one, whole(TABLE[one], rng)), (other := rng.choice(others), whole(TABLE[other], rng))]
    for elements in (pair, pair[::-1]):
        with pytest.raises(Gs1Error, match=r"exclude each other|stands twice"):
            parse("]C1" + GS.join(ai + value for ai, value in elements))


@given(PAIRS, SEED)
def test_what_does_not_exclude_each_other_stands_on_one_label(pair: tuple[str, str], seed: int) -> None:
    one, other = pair
    rng = random.Random(seed)
    elements = ((one, whole(TABLE[one], rng)), (other, whole(TABLE[other], rng)))
    patterns = [(p, other) for p in TABLE[one].excludes] + [(p, one) for p in TABLE[other].excludes]
    if not any(_means(*each) for each in patterns):
        assert parse("]C1" + GS.join(ai + value for ai, value in elements)).elements == elements


def _means(pattern: str, ai: str) -> bool:
    return len(pattern) == len(ai) and all(p in {"n", a} for p, a in zip(pattern, ai, strict=True))


@given(ANY_AI, SEED)
def test_the_query_of_a_digital_link_holds_what_the_table_says(ai: str, seed: int) -> None:
    if ai == "8003":
        return
    value = whole(TABLE[ai], random.Random(seed))
    uri = f"https://example.com/8003/{GRAI}?{ai}={quote(value, safe='')}"
    if TABLE[ai].in_query:
        assert parse(uri).elements == (("8003", GRAI), (ai, value))
    else:
        with pytest.raises(Gs1Error, match="may not stand in the query"):
            parse(uri)


@given(st.sampled_from(sorted(ai for ai, each in TABLE.items() if each.qualifiers not in (None, ((),)))), SEED)
def test_qualifiers_stand_in_the_path_in_their_order_alone(ai: str, seed: int) -> None:
    rng = random.Random(seed)
    key = (ai, whole(TABLE[ai], rng))
    for sequence in TABLE[ai].qualifiers or ():
        qualifiers = [(name, whole(TABLE[name], rng)) for name in sequence]
        some = [each for each in qualifiers if rng.random() < 0.7]
        assert parse(_link(key, *some)).elements == (key, *some)
        if len(some) > 1:
            with pytest.raises(Gs1Error, match="cannot be qualified by"):
                parse(_link(key, *some[::-1]))
        for name, value in some:
            with pytest.raises(Gs1Error, match="belongs in the path"):
                parse(f"{_link(key)}?{name}={quote(value, safe='')}")


def _link(*elements: tuple[str, str]) -> str:
    return "https://example.com/stem/" + "/".join(f"{ai}/{quote(value, safe='')}" for ai, value in elements)


@given(ANY_AI, SEED)
def test_what_an_identifier_requires_is_demanded_of_a_designed_label(ai: str, seed: int) -> None:
    value = whole(TABLE[ai], random.Random(seed))
    if not TABLE[ai].requires:
        assert parse(f"]C1{ai}{value}", requisites=True).elements == ((ai, value),)
        return
    with pytest.raises(Gs1Error, match=rf"AI \({ai}\) is not alone"):
        parse(f"]C1{ai}{value}", requisites=True)
