"""What the person who scans is told, in both languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from plumbline.counted import counted as with_unit
from plumbline.linking import Known, Reason, Share, Unlinked
from plumbline.text import Text, amount, joined, visible

Kind = Literal[
    "expected",
    "already_received",
    "over",
    "certificate_missing",
    "wrong_batch",
    "wrong_site",
    "unknown",
    "ask",
    "person",
    "equipment",
    "zone",
    "kept",
    "not_kept",
]
Signal = Literal["good", "warn", "bad"]
"""What a scanner's beeper can say."""

#: Kind → (signal, title). `kept` has no signal: nothing is known, so the scanner says no more than 'accepted'.
MEANING: Final[Mapping[Kind, tuple[Signal | None, Text]]] = {
    "expected": ("good", Text("Expected", "计划内到货")),
    "already_received": ("warn", Text("Already received", "已收过货")),
    "over": ("warn", Text("More than ordered", "超出订购量")),
    "certificate_missing": ("warn", Text("Certificate missing", "缺少质量证明书")),
    "wrong_batch": ("bad", Text("Wrong batch", "批号不符")),
    "wrong_site": ("bad", Text("Wrong site", "不是本工地的货")),
    "unknown": ("bad", Text("Unknown code", "未知条码")),
    "ask": ("warn", Text("Ask the office", "请向办公室核实")),
    "person": ("good", Text("Badge", "胸卡")),
    "equipment": ("good", Text("Equipment", "设备")),
    "zone": ("good", Text("Zone", "区域")),
    "kept": (None, Text("Kept", "已记录")),
    "not_kept": ("bad", Text("Not kept: scan again", "未记录，请重新扫码")),
}
_KINDS: Final[Mapping[Reason, Kind]] = {
    "wrong_batch": "wrong_batch",
    "wrong_site": "wrong_site",
    "batch_missing": "ask",
    "ambiguous": "ask",
    "bad_quantity": "ask",
}
_ADVICE: Final[Mapping[Kind, Text]] = {
    "already_received": Text("It counts once; do not book it again.", "只计一次，无需重复登记。"),
    "over": Text("Check the delivery note before you accept it.", "收货前请核对送货单。"),
    "certificate_missing": Text("Put it aside until its certificate is here.", "请单独存放，待证明书到齐后使用。"),
    "wrong_batch": Text("Do not accept it; ask the office.", "请勿收货，联系办公室。"),
    "wrong_site": Text("Do not unload it; ask the office.", "请勿卸货，联系办公室。"),
    "unknown": Text("It is kept; keep the delivery note and ask the office.", "扫码已记录；请保留送货单并联系办公室。"),
    "ask": Text("It is kept; the office decides.", "扫码已记录，由办公室判定。"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one scan."""

    kind: Kind
    title: Text
    detail: Text
    """What it is, how much of it is here."""
    todo: Text | None = None
    """What to do, where not everything is well."""
    order: str | None = None
    line: str | None = None
    arrived: Decimal | None = None
    """How much of the line is here, this scan included."""
    expected: Decimal | None = None
    """How much of it is ordered."""

    @property
    def signal(self) -> Signal | None:
        """What the scanner says; `None`: no more than that the scan is kept."""
        return MEANING[self.kind][0]


def _of(kind: Kind, detail: Text) -> Verdict:
    return Verdict(kind, MEANING[kind][1], detail, _ADVICE.get(kind))


#: The outbox refused the scan: it is not on the disk.
NOT_KEPT: Final = _of(
    "not_kept",
    Text("The gateway could not store it. If this stays, tell the office.", "网关未能保存。如持续出现，请联系办公室。"),
)
#: No manifest was ever received.
KEPT: Final = _of("kept", Text("This gateway does not know yet what is expected.", "网关尚未收到到货计划。"))


@dataclass(frozen=True, slots=True)
class Counted:
    """A share of a scan and how its line stands with it."""

    share: Share
    new: bool
    """`False`: this piece was here before."""
    arrived: Decimal
    """With this scan."""
    lacks_certificate: bool


def of_arrival(counted: Sequence[Counted]) -> Verdict:
    """A scan that belongs to lines of this site."""
    if not any(each.new for each in counted):
        kind: Kind = "already_received"
    elif any(each.lacks_certificate for each in counted):
        kind = "certificate_missing"
    elif any(each.arrived > each.share.line.expected for each in counted):
        kind = "over"
    else:
        kind = "expected"
    first = counted[0]
    line = first.share.line
    return Verdict(
        kind,
        MEANING[kind][1],
        joined(map(_standing, counted[:4])),
        _ADVICE.get(kind),
        order=line.order,
        line=line.number,
        arrived=first.arrived,
        expected=line.expected,
    )


def _standing(counted: Counted) -> Text:
    share, line = counted.share, counted.share.line
    of, here, all_ = with_unit(share.quantity, line.unit), amount(counted.arrived), amount(line.expected)
    return Text(
        f"{of.en} {line.title.en} ({line.order}/{line.number}): {here} of {all_} here",
        f"{line.title.zh} {of.zh}（{line.order}/{line.number}）：已到 {here} / {all_}",
    )


def of_known(known: Known) -> Verdict:
    """A badge or a tag."""
    return Verdict(known.kind, known.title, MEANING[known.kind][1])


def of_unlinked(found: Unlinked, candidates: Sequence[Sequence[tuple[str, str]]] | None, shown: str) -> Verdict:
    """A scan that belongs to no line; `candidates` are the readings of a label that lost its separators."""
    if candidates:
        ways = " | ".join("".join(f"({ai}){visible(value, 30)}" for ai, value in each[:6]) for each in candidates[:2])
        n = len(candidates)
        return _of("ask", Text(f"The label can be read in {n} ways: {ways}", f"该标签有 {n} 种读法：{ways}"))
    detail = Text(_sentence(found.text.en), found.text.zh)
    kind: Kind = _KINDS.get(found.reason, "unknown")
    if kind == "unknown":
        code = visible(shown, 60)
        detail = Text(f"{detail.en}: {code}", f"{detail.zh}：{code}")
    return _of(kind, detail)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
