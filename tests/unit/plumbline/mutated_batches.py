"""Batches of one stream as JSON, some of them spoilt: names, ids, numbers, versions, kinds, clocks, bytes."""

import json

import msgspec
from hypothesis import strategies as st

from plumbline import codec, compression
from tests.unit.plumbline.strategies import events

BAD_NAMES = ["", "a b", "a/b", "-a", ".a", "a" * 65, "name\n", "\n", "é", "a\x00", "１", None, 7, ["a"]]
GOOD_NAMES = ["a", "A-1", "a" * 64, "x._-y"]
GOOD_ID = "01a20129-00b2-7ba1-a2b6-c22787533509"
IDS = [
    "00000000-0000-0000-0000-000000000000",
    GOOD_ID.upper(),
    GOOD_ID[:-1],
    GOOD_ID + "0",
    GOOD_ID[:-1] + "g",
    GOOD_ID[:-1] + "１",
    GOOD_ID[:-1] + "\n",
    "\n" + GOOD_ID[1:],
    GOOD_ID.replace("-", "0"),
    GOOD_ID[:7] + "-0" + GOOD_ID[9:],
    GOOD_ID[:-2] + "--",
    "",
    None,
]
NAMED = ["site", "gateway", "device", "epoch", "measurement"]
GARBAGE = [
    None,
    True,
    0,
    -1,
    1,
    1.5,
    2**63 - 1,
    2**63,
    10**400,
    "x",
    [],
    {},
    [[[{}]]],
    {"a": "1"},
    {"a b": 1},
    {"a": 2**70},
    {"a": {}},
]
FIELDS = ["at", "clock", "seq", "v", "kind", "values", "readers", "texts", "raw", "lat", "state", "measurement", "id", "colour"]
REMOVED = object()

_names = st.sampled_from(BAD_NAMES + GOOD_NAMES)
_one_field = st.one_of(
    st.tuples(st.sampled_from(NAMED), _names),
    st.tuples(st.just("id"), st.sampled_from(IDS)),
    st.tuples(st.just("v"), st.sampled_from([0, 1, 2, 10**30, "1"])),
    st.tuples(st.just("kind"), st.sampled_from(["teleport", "fix", "scan", "reading", "state", None, 3])),
    st.tuples(
        st.sampled_from(["values", "readers", "texts"]),
        st.dictionaries(_names.filter(lambda n: isinstance(n, str)), st.just(1.5)),
    ),
    st.tuples(st.just("seq"), st.integers(-1, 8)),
    st.tuples(st.just("clock"), st.just({"quality": "free", "boot": "b", "mono": 1, "unset": True})),
    st.tuples(st.just("colour"), st.sampled_from(["blue", "x" * codec.MAX_EVENT_BYTES])),
    st.tuples(st.sampled_from(FIELDS), st.sampled_from(GARBAGE)),
    st.tuples(st.sampled_from(FIELDS), st.just(REMOVED)),
)
_head_field = st.one_of(
    st.tuples(st.sampled_from(["site", "gateway", "epoch"]), _names),
    st.tuples(st.just("class"), st.sampled_from(["business", "telemetry", "other", 1])),
    st.tuples(
        st.just("ranges"),
        st.sampled_from([[], [[1, 1]], [[1, 10**12]], [[2, 1]], [[0, 1]], [[1, 1], [3, 4]], [[1, 2], [2, 3]], 7]),
    ),
    st.tuples(st.just("v"), st.sampled_from([0, 1, 2, "1"])),
    st.tuples(st.sampled_from(["site", "class", "ranges", "thinned", "colour", "kind"]), st.sampled_from([REMOVED, *GARBAGE])),
    st.tuples(st.just("events"), st.sampled_from([REMOVED, None, {}, [None], [[]], 3])),
)


def spoilt(table, changes):
    """A JSON object with some of its fields replaced or removed."""
    for field, value in changes:
        table = {key: old for key, old in table.items() if key != field} | ({} if value is REMOVED else {field: value})
    return table


@st.composite
def streams(draw):
    """The header and the events of one good batch, as JSON tables."""
    some = draw(st.lists(events, min_size=1, max_size=5))
    cls = some[0].event_class
    first = draw(st.integers(1, 5))
    numbers = draw(st.lists(st.integers(first, first + 8), min_size=len(some), max_size=len(some), unique=True).map(sorted))
    mine = [event for event in some if event.event_class == cls]
    mine = [
        msgspec.structs.replace(event, site="yard", gateway="gw", epoch="e", seq=seq)
        for event, seq in zip(mine, numbers, strict=False)
    ]
    ranges = [[event.seq, event.seq] for event in mine]
    if ranges[-1][1] - ranges[0][0] == len(ranges) - 1:
        ranges = [[ranges[0][0], ranges[-1][1]]]
    head = {"site": "yard", "gateway": "gw", "epoch": "e", "class": cls, "ranges": ranges}
    return head, [json.loads(codec.encode(event)) for event in mine]


@st.composite
def batches(draw, *, spoil=True):
    """The bytes of a batch: good, or with some things wrong; compressed now and then."""
    head, tables = draw(streams())
    if spoil and draw(st.booleans()):
        at = draw(st.sets(st.integers(0, len(tables) - 1), max_size=2))
        tables = [
            spoilt(table, draw(st.lists(_one_field, min_size=1, max_size=2))) if i in at else table
            for i, table in enumerate(tables)
        ]
    whole = head | {"events": tables}
    if spoil and draw(st.integers(0, 4)) == 0:
        whole = spoilt(whole, [draw(_head_field)])
    data = json.dumps(whole, ensure_ascii=draw(st.booleans())).encode()
    if spoil and draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data)))
        data = (
            data[:at]
            + draw(st.sampled_from([b"", b" ", b"}", b"\xff", b"9", b'"']))
            + data[at + draw(st.sampled_from([0, 1, len(data)])) :]
        )
    return compression.compressed(data) if draw(st.booleans()) else data
