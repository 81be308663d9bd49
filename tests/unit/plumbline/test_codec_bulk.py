"""Many batches at once give the answers of each event alone, and those are the answers of a decoder with all its patterns."""

import functools
import operator
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import codec, compression, delivery, event, naming
from plumbline.errors import CodecError
from tests.unit.plumbline.mutated_batches import BAD_NAMES, GOOD_ID, GOOD_NAMES, IDS, batches, spoilt, streams
from tests.unit.plumbline.strategies import events
from tests.unit.plumbline.test_codec import READING, batch_of


def strict(hint):
    """The same type, its patterns checked by the decoder."""
    if get_origin(hint) is Annotated:
        base, *metas = get_args(hint)
        patterns = [meta.extra_json_schema["pattern"] for meta in metas if meta.extra_json_schema]
        metas = [meta for meta in metas if not meta.extra_json_schema]
        return Annotated[(strict(base), *metas, *(msgspec.Meta(pattern=pattern) for pattern in patterns))]
    if get_origin(hint) is dict:
        return dict[tuple(map(strict, get_args(hint)))]
    return hint


def strict_twin(kind, **fields):
    hints = {name: strict(hint) for name, hint in get_type_hints(kind, include_extras=True).items()} | fields
    wanted = [field for field in msgspec.structs.fields(kind) if field.name not in fields]
    required = [(one.name, hints[one.name]) for one in wanted if one.required]
    optional = [
        (one.name, hints[one.name], dict if one.default is msgspec.NODEFAULT else one.default)
        for one in wanted
        if not one.required
    ]
    optional = [
        (name, hint, msgspec.field(default_factory=default) if default is dict else default) for name, hint, default in optional
    ]
    return required, optional, list(fields.items())


def twin_of(kind):
    required, optional, _ = strict_twin(kind)
    return msgspec.defstruct(
        kind.__name__, [*required, *optional], kw_only=True, tag_field="kind", tag=kind.__struct_config__.tag
    )


class StrictHeader(msgspec.Struct, kw_only=True):
    site: event.Name
    gateway: event.Name
    epoch: event.Name
    event_class: event.EventClass = msgspec.field(name="class")
    ranges: delivery.Ranges
    thinned: delivery.Ranges = ()
    lost: delivery.Ranges = ()
    v: Annotated[int, msgspec.Meta(ge=1)] = 1
    events: list[msgspec.Raw]


STRICT_EVENT = msgspec.json.Decoder(functools.reduce(operator.or_, map(twin_of, event.KINDS.values())))
STRICT_HEADER = msgspec.json.Decoder(StrictHeader)


def refused(call, *args):
    """What `call` gives, or the reason of its refusal."""
    try:
        return call(*args)
    except CodecError as error:
        return error.reason


def strictly(raw):
    return codec.decode_as(STRICT_EVENT, raw, codec.MAX_EVENT_BYTES)


def reference(data):
    """Events and reasons by number, found event by event with a decoder that knows every pattern."""
    text = compression.expanded(data, codec.MAX_BATCH_BYTES)
    head = codec.decode_as(STRICT_HEADER, text, codec.MAX_BATCH_BYTES)
    previous, total = 0, 0
    for first, last in head.ranges:
        if not previous < first <= last:
            raise CodecError("invalid", "ranges")
        previous, total = last, total + last - first + 1
    if total != len(head.events):
        raise CodecError("invalid", "ranges")
    numbers = [seq for first, last in head.ranges for seq in range(first, last + 1)]
    found = []
    for seq, raw in zip(numbers, head.events, strict=True):
        one = refused(strictly, bytes(raw))
        if not isinstance(one, str):
            one = codec.decode_event(bytes(raw))
            stream = (one.site, one.gateway, one.epoch, one.event_class, one.seq)
            if stream != (head.site, head.gateway, head.epoch, head.event_class, seq):
                one = "invalid"
        found.append((seq, one))
    return found


def answers(decoded):
    good = [(one.seq, one) for one in decoded.events]
    return sorted([*good, *((seq, error.reason) for seq, _, error in decoded.refused)], key=operator.itemgetter(0))


def well_formed(data):
    try:
        msgspec.json.decode(compression.expanded(data, codec.MAX_BATCH_BYTES))
    except (CodecError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return False
    return True


@given(batches())
def test_a_batch_is_read_as_its_events_would_be_one_by_one(data):
    expected, found = refused(reference, data), refused(codec.decode_batch, data)
    if isinstance(found, codec.DecodedBatch):
        found = answers(found)
    if not well_formed(data):  # which of two mistakes is found first is nobody's concern
        found, expected = vague(found), vague(expected)
    assert found == expected


def vague(found):
    if isinstance(found, list):
        return [(seq, vague(one)) for seq, one in found]
    return "invalid" if found == "not_json" else found


@given(batches(spoil=False))
def test_of_a_good_batch_nothing_is_refused(data):
    assert codec.decode_batch(data).refused == []


@given(st.lists(batches() | st.binary(max_size=50), max_size=6))
def test_many_batches_at_once_are_each_what_it_is_alone(payloads):
    together = codec.decode_batches(payloads)
    assert len(together) == len(payloads)
    for data, one in zip(payloads, together, strict=True):
        alone = refused(codec.decode_batch, data)
        if isinstance(one, CodecError):
            assert one.reason == alone
        else:
            assert (one.header.stream, answers(one)) == (alone.header.stream, answers(alone))


def whole(data):
    """Whether a batch is good in all its parts, event by event."""
    try:
        return not codec._one_by_one(data).refused
    except CodecError:
        return False


@given(st.lists(batches(), min_size=1, max_size=4))
def test_what_is_found_sound_at_a_glance_is_sound_event_by_event(payloads):
    read = {data: batch for data in payloads if (batch := codec._tried(data)) is not None}
    for data, batch in read.items():
        assert codec._sound([batch]) == whole(data)
    of_one_class = len({batch.event_class for batch in read.values()}) < 2
    assert codec._sound(list(read.values())) == (of_one_class and all(map(whole, read)))


@given(st.lists(batches(), min_size=1, max_size=6))
def test_messages_of_one_event_are_looked_at_with_the_same_result_as_of_many(payloads):
    read = map(codec._tried, payloads)
    read = [batch for batch in read if batch is not None and len(batch.events) == 1]
    assert codec._each_in_place(read, [batch.events[0] for batch in read]) == all(map(codec._in_place, read))


@given(streams(), st.data())
def test_one_spoilt_batch_leaves_the_others_of_its_group_alone(stream, data):
    head, tables = stream
    good = msgspec.json.encode(head | {"events": tables})
    bad = data.draw(batches())
    one, other, third = codec.decode_batches([good, bad, good])
    assert not isinstance(one, CodecError)
    assert not isinstance(third, CodecError)
    assert one.events == third.events
    assert (one.refused, third.refused) == ([], [])
    assert isinstance(other, CodecError) == isinstance(refused(codec.decode_batch, bad), str)


@given(events, st.sampled_from(BAD_NAMES + GOOD_NAMES), st.data())
def test_an_event_is_refused_for_its_names_as_by_a_decoder_with_patterns(original, name, data):
    table = msgspec.json.decode(codec.encode(original))
    field = data.draw(st.sampled_from([*naming.EVENT_NAMES, *naming.KIND_NAMES.get(type(original), ())]))
    raw = msgspec.json.encode(spoilt(table, [(field, name)]))
    assert isinstance(refused(codec.decode_event, raw), str) == isinstance(refused(strictly, raw), str)
    if refused(codec.decode_event, raw) == "invalid" and isinstance(name, str):
        with pytest.raises(CodecError, match=rf"at `\$\.{field}`"):
            codec.decode_event(raw)


@pytest.mark.parametrize("field", ["values", "readers", "texts"])
@pytest.mark.parametrize("name", [name for name in BAD_NAMES if isinstance(name, str)])
def test_a_key_that_is_no_name_is_refused_with_its_place(field, name):
    fields = {one: getattr(READING, one) for one in ("id", "site", "gateway", "device", "at", "clock", "epoch", "seq")}
    table = msgspec.json.decode(codec.encode(event.Health(**fields, values={"a": 1.0})))
    table[field] = {name: 1.5 if field == "values" else "ok"}
    with pytest.raises(CodecError, match=rf"at `key` in `\$\.{field}`"):
        codec.decode_event(msgspec.json.encode(table))


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("field", ["site", "gateway", "epoch"])
def test_a_batch_of_nobody_is_refused_whole_with_its_place(field, name):
    table = msgspec.json.decode(batch_of(codec.encode(READING)))
    with pytest.raises(CodecError, match=rf"at `\$\.{field}`"):
        codec.decode_batch(msgspec.json.encode(table | {field: name}))


@pytest.mark.parametrize("text", IDS[1:])
def test_an_id_is_looked_at_in_a_batch_as_alone(text):
    table = msgspec.json.decode(codec.encode(READING)) | {"id": text}
    good = codec.encode(msgspec.structs.replace(READING, seq=2))
    decoded = codec.decode_batch(batch_of(msgspec.json.encode(table), good))
    assert [(seq, error.reason) for seq, _, error in decoded.refused] == [(1, "invalid")]
    assert refused(codec.decode_event, msgspec.json.encode(table)) == "invalid"


def test_two_ids_that_are_right_only_together_are_wrong():
    assert naming.are_ids([GOOD_ID, GOOD_ID])
    assert not naming.are_ids([GOOD_ID[:-1], "0" + GOOD_ID])
    assert not naming.are_ids([GOOD_ID + "\n" + GOOD_ID, ""])
    assert not naming.are_ids([GOOD_ID + "\n", GOOD_ID[1:]])


@given(
    st.lists(st.sampled_from([one for one in IDS if one is not None] + [GOOD_ID]) | st.text("-0a\n", max_size=40), min_size=1)
)
def test_ids_together_are_good_where_each_is(ids):
    assert naming.are_ids(ids) == all(naming.are_ids([one]) for one in ids)
    assert naming.are_ids(ids) == all(map(naming._ID.match, ids))


def test_a_flood_of_new_names_is_forgotten():
    for i in range(0, 3 * naming.MOST_KNOWN, 5000):
        assert naming.are_names({f"n{j}" for j in range(i, i + 5000)})
        assert len(naming._known) <= naming.MOST_KNOWN
    assert naming.are_names({f"m{j}" for j in range(naming.MOST_KNOWN + 1)})
    assert len(naming._known) <= naming.MOST_KNOWN
    assert not naming.are_names({"n1", "no name"})
    assert "no name" not in naming._known


def test_every_name_of_an_event_is_listed_where_names_are_checked():
    for kind in event.KINDS.values():
        hints = get_type_hints(kind, include_extras=True)
        names = {field for field, hint in hints.items() if hint == event.EventName}
        keyed = {
            field
            for field, hint in hints.items()
            if get_origin(hint) is Annotated
            and get_origin(get_args(hint)[0]) is dict
            and event.EventName in get_args(get_args(hint)[0])
        }
        assert names == {*naming.EVENT_NAMES, *naming.KIND_NAMES.get(kind, ())}
        assert keyed == set(naming.KEYED.get(kind, ()))
    header = get_type_hints(delivery.BatchHeader, include_extras=True)
    assert {field for field, hint in header.items() if hint == event.EventName} == set(naming.HEADER_NAMES)


def test_an_event_too_large_alone_is_too_large_in_a_batch():
    large = msgspec.json.encode(msgspec.json.decode(codec.encode(READING)) | {"colour": "x" * codec.MAX_EVENT_BYTES})
    good = codec.encode(msgspec.structs.replace(READING, seq=2))
    decoded = codec.decode_batch(batch_of(large, good))
    assert [one.seq for one in decoded.events] == [2]
    assert [(seq, error.reason) for seq, _, error in decoded.refused] == [(1, "too_large")]


def test_a_batch_larger_than_an_event_may_be_is_read():
    many = [codec.encode(msgspec.structs.replace(READING, seq=seq)) for seq in range(1, 501)]
    data = batch_of(*many)
    assert len(data) > codec.MAX_EVENT_BYTES
    assert [one.seq for one in codec.decode_batch(data).events] == list(range(1, 501))


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (b"-0.0", -0.0),
        (b"-0", 0.0),
        (b"9007199254740993", 9007199254740992.0),  # the nearest double, as of any JSON number (RFC 8259, section 6)
        (b"1" + b"0" * 308, 1e308),
        (b"1e-400", 0.0),
        (b"1e999", None),
        (b"-1e999", None),
        (b"1.8e308", None),
        (b"1" + b"0" * 309, None),
        (b"-1" + b"0" * 5000, None),
        (b"NaN", None),
        (b"Infinity", None),
        (b"true", None),
        (b'"1"', None),
    ],
)
def test_a_value_is_a_finite_double_or_the_event_is_refused(number, value):
    raw = codec.encode(READING).replace(b"1.5", number)
    if value is None:
        assert refused(codec.decode_event, raw) in {"invalid", "not_json"}
    else:
        read = codec.decode_event(raw)
        assert isinstance(read, event.Reading)
        assert repr(read.values["pm2_5"]) == repr(value)
