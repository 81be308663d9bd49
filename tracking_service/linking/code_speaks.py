"""What the code of a scan says of a line: that it is the line's own, or how it resembles one that is."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from plumbline.linking import counted, is_item, own_label, quantity_of
from plumbline.material import Coded, Line
from plumbline.text import Text, amount, visible
from tracking_service.linking.likeness import begins_alike, distance, folded, tokens, unit_digits
from tracking_service.linking.question import Candidate, Code, Part, Unit, Waiting

#: What a line gets whose own code it is; what any other code says is worth less.
EXACT: Final = 70
#: Units of a delivery note bear numbers in a row: so far apart they still speak for each other.
IN_A_ROW: Final = 20


class Told(NamedTuple):
    """What a code says of a line."""

    part: Part
    quantity: Decimal


class Asked:
    """The scan, with what is compared with every line worked out once."""

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self.identity = waiting.identity
        own = self.identity.own
        # a piece's number is no part of what tells the line
        self.text = own_label(own[0], own[1]) if own is not None else self.identity.text.strip()
        self.upper, self.folded = self.text.upper(), folded(self.text)
        self.tokens = frozenset(tokens(self.text))
        #: What bears a right check digit was not misread.
        self.sure = self.identity.gtin is not None or self.identity.sscc is not None
        self.count = counted(self.identity.count) or Decimal(1)
        self.digits = "" if self.sure else unit_digits(self.text)
        self.readings = tuple(Asked(Waiting(waiting.site, reading)) for reading in waiting.readings)

    def brings(self, code: Code, line: Line) -> Decimal:
        """How much of a line it would count under one of its codes."""
        return quantity_of(self.identity, Coded(line, code.quantity)) or code.quantity


def exact(asked: Asked, one: Candidate) -> Told | None:
    """The scanned code is one of the line's own, and no batch speaks against it."""
    identity, line = asked.identity, one.line
    if identity.sscc is not None:
        for unit in sorted(one.units):
            if unit.sscc == identity.sscc:
                quantity = asked.count if identity.count is not None and len(one.units) == 1 else unit.quantity
                return Told(Part("code", EXACT, _of_unit(unit)), quantity)
    fits = line.batch is None or identity.batch == line.batch
    for code in _codes(one):
        if code.text == identity.gtin:
            if fits:
                return Told(Part("code", EXACT, _is(code)), asked.brings(code, line))
        elif code.text == (asked.text if identity.own is not None else identity.text) and identity.gtin is None:
            return Told(Part("code", EXACT, _is(code)), asked.brings(code, line))
    return None


def nearest(asked: Asked, one: Candidate, *, alike: bool) -> Told | None:
    """The strongest of what a code that is not the line's own says; `alike`: likeness is enough, it need not be the item."""
    found = [*_by_reading(asked, one), *_by_item(asked, one)]
    if alike:
        found += [*_by_likeness(asked, one), *_by_row(asked, one)]
    return max(found, key=lambda told: (told.part.points, told.part.text.en, told.quantity), default=None)


def _by_reading(asked: Asked, one: Candidate) -> Iterator[Told]:
    count = len(asked.readings)
    for reading in asked.readings:
        if (told := exact(reading, one)) is None:
            continue
        said = Text(
            f"one of {count} ways to read the code, which lost its separators, fits: {told.part.text.en}",
            f"条码丢失了分隔符，{count} 种读法之一相符：{told.part.text.zh}",
        )
        yield Told(Part("reading", 37 if count <= 4 else 32, said), told.quantity)


def _by_item(asked: Asked, one: Candidate) -> Iterator[Told]:
    identity, wanted = asked.identity, visible(one.line.batch or "", 24)
    for code in _codes(one):
        if identity.gtin is None or code.text != identity.gtin:
            continue
        if identity.batch is None:
            said = Text(
                f"the same item; the code names no batch, {wanted} is ordered", f"同一物料；条码没有批号，订购批号为 {wanted}"
            )
            yield Told(Part("item", 39, said), asked.brings(code, one.line))
        else:
            got = visible(identity.batch, 24)
            said = Text(
                f"the same item of another batch: {got} was scanned, {wanted} is ordered",
                f"同一物料，批号不同：扫描到 {got}，订购批号为 {wanted}",
            )
            yield Told(Part("item", 36, said), asked.brings(code, one.line))


def _by_likeness(asked: Asked, one: Candidate) -> Iterator[Told]:
    for code in _codes(one):
        part = _own_likeness(asked, one, code) if code.source == "own" else _likeness(asked, code)
        if part is not None:
            yield Told(part, asked.brings(code, one.line))
    for unit in one.units if asked.digits else ():
        apart = distance(asked.digits, unit.sscc, 2)
        if apart is not None:
            said = Text(
                f"the unit {unit.sscc} of delivery note {visible(unit.note, 32)} {_differs(apart).en}",
                f"与送货单 {visible(unit.note, 32)} 的物流单元 {unit.sscc} {_differs(apart).zh}",
            )
            yield Told(Part("near", 33 if apart < 2 else 24, said), unit.quantity)


def _differs(apart: int) -> Text:
    if apart == 0:
        return Text("has the same digits", "数字相同")
    characters = "one character" if apart == 1 else f"{apart} characters"
    return Text(f"differs in {characters}", f"相差 {apart} 个字符")


def _own_likeness(asked: Asked, one: Candidate, code: Code) -> Part | None:
    """Our labels all begin alike: what tells them apart is the order's number and the line's."""
    line = one.line
    if asked.identity.own is None:
        if asked.folded != folded(code.text) and distance(asked.upper, code.text.upper(), 1) is None:
            return None
        return _near(code, 1)
    order, number, _ = asked.identity.own
    if order == line.order and len(number) == 1:  # of ten lines each would be near
        slips = None
    else:
        slips = distance(f"{order}/{number}".upper(), f"{line.order}/{line.number}".upper(), 1)
    if slips is not None:
        return _near(code, 1)
    if order == line.order:
        return Part("beginning", 8, Text(f"the label names order {order}", f"标签上的订单是 {order}"))
    return None


def _likeness(asked: Asked, code: Code) -> Part | None:
    text, other = asked.identity.gtin or asked.upper, code.text.upper()
    if code.text in asked.tokens and len(code.text) >= 4:
        name = _name(code)
        return Part("within", 35, Text(f"the scanned text contains {name.en}", f"扫描的文本包含{name.zh}"))
    if is_item(other) and text.isdigit() and len(text) > 6:  # shorter GTINs are kept with zeros in front
        text = text.zfill(14)
    if not asked.sure:
        if len(asked.folded) >= 4 and asked.folded == folded(other):
            name = _name(code)
            return Part("alike", 39, Text(f"{name.en} in another spelling", f"与{name.zh}仅写法不同"))
        apart = distance(text, other, 2)
        if apart is not None and min(len(text), len(other)) >= 4 * apart > 0:
            return _near(code, apart)
    if (same := begins_alike(text, other)) == 0:
        return None
    name = _name(code)
    said = Text(f"{name.en} begins with the same {same} characters", f"与{name.zh}的前 {same} 个字符相同")
    return Part("beginning", 6 + min(same * 12 // max(len(text), len(other)), 11), said)


def _near(code: Code, apart: int) -> Part:
    name, differs = _name(code), _differs(apart)
    return Part("near", 33 if apart == 1 else 24, Text(f"{name.en} {differs.en}", f"与{name.zh}{differs.zh}"))


def _by_row(asked: Asked, one: Candidate) -> Iterator[Told]:
    """Units of one delivery note bear SSCCs in a row (the last digit is the check digit)."""
    sscc = asked.identity.sscc
    if sscc is None or not sscc.isdigit():
        return
    for unit in one.units:
        apart = abs(int(unit.sscc[:-1]) - int(sscc[:-1]))
        if 0 < apart <= IN_A_ROW and len(unit.sscc) == len(sscc):
            note = visible(unit.note, 32)
            said = Text(
                f"delivery note {note} lists the unit {unit.sscc}, {apart} before or after it",
                f"送货单 {note} 包含相邻的物流单元 {unit.sscc}（相差 {apart} 号）",
            )
            yield Told(Part("next_unit", 24 if apart <= 3 else 16, said), unit.quantity)


def _codes(one: Candidate) -> Iterator[Code]:
    line = one.line
    if line.gtin is not None:
        yield Code(line.gtin, "item")
    if line.label is not None:
        yield Code(line.label, "label")
    yield Code(own_label(line.order, line.number), "own")
    yield from sorted(one.codes)


_NAMES: Final = {
    "item": Text("the item number", "物料编码"),
    "label": Text("the label", "标签"),
    "own": Text("our label", "本系统标签"),
    "supplier": Text("the supplier's code", "供应商编码"),
    "pack": Text("the code of a pack", "包装编码"),
    "article": Text("another code of the article", "同一物料的其他编码"),
    "taught": Text("the taught code", "已学习的编码"),
}


def _name(code: Code) -> Text:
    named, shown = _NAMES[code.source], visible(code.text, 48)
    holds = code.quantity != 1
    return Text(
        f"{named.en} {shown}" + (f" ({amount(code.quantity)} each)" if holds else ""),
        f"{named.zh} {shown}" + (f"（每件 {amount(code.quantity)}）" if holds else ""),
    )


def _is(code: Code) -> Text:
    name = _name(code)
    return Text(f"it is {name.en}", f"即{name.zh}")


def _of_unit(unit: Unit) -> Text:
    note = visible(unit.note, 32)
    return Text(f"delivery note {note} lists this unit", f"送货单 {note} 包含此物流单元")
