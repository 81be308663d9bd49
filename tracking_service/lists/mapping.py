"""Which column of a list means what: told by the headings, or said in a mapping file (TOML)."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from plumbline.near import Near
from tracking_service.document.fields import Part, Words
from tracking_service.document.reading import explained
from tracking_service.errors import FileRefusedError
from tracking_service.lists.table import Row, Table

Kind = Literal["materials", "deliveries", "tasks"]

MAX_MAPPING_BYTES: Final = 64 * 1024
_SOUND: Final = re.compile(r"[\s_\-./:#*()（）\[\]：、]+")
#: The heading is looked for in so many rows: titles and logos stand above it.
_HEAD: Final = 30


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a list: what people call it."""

    name: str
    headings: Sequence[str]
    required: bool = False


#: Where `title` stands, both languages get it; `title_en` and `title_zh` say them apart.
_TITLES: Final = (
    Column("title", ("description", "material", "item description", "name", "task name", "task", "名称", "材料名称", "物资名称", "品名", "任务名称", "任务", "工作名称")),
    Column("title_en", ("title en", "english", "name en", "英文名称")),
    Column("title_zh", ("title zh", "chinese", "name zh", "中文名称")),
)  # fmt: skip
FIELDS: Final[Mapping[Kind, Sequence[Column]]] = {
    "materials": (
        Column("line", ("line no", "line number", "item", "item no", "pos", "position", "no", "序号", "行号", "编号", "项次"), required=True),
        *_TITLES,
        Column("quantity", ("qty", "amount", "quantity required", "数量", "需求数量", "工程量"), required=True),
        Column("unit", ("uom", "unit of measure", "单位", "计量单位")),
        Column("gtin", ("ean", "upc", "barcode", "商品条码", "条码")),
        Column("batch", ("lot", "batch no", "lot no", "批号", "批次")),
        Column("label", ("own label", "标签")),
        Column("codes", ("supplier code", "supplier codes", "article", "article no", "part no", "part number", "sku", "物料编码", "材料编码", "供应商编码")),
        Column("supplier", ("vendor", "supplier id", "供应商")),
        Column("promised", ("promised date", "delivery date", "eta", "承诺日期", "交货日期", "预计到货日期")),
        Column("needed_by", ("needed", "required by", "required date", "need date", "due", "需求日期", "需用日期", "要求到货日期")),
        Column("certificate_required", ("certificate", "mill certificate", "合格证", "需要合格证", "质量证明")),
    ),
    "deliveries": (
        Column("sscc", ("pallet", "unit", "logistic unit", "serial shipping container code", "托盘号", "物流单元"), required=True),
        Column("line", ("line no", "line number", "item", "item no", "pos", "position", "序号", "行号", "项次"), required=True),
        Column("quantity", ("qty", "amount", "数量", "发货数量"), required=True),
        Column("batch", ("lot", "batch no", "lot no", "批号", "批次")),
        Column("delivery_note", ("delivery note no", "note", "dn", "waybill", "送货单", "送货单号", "发货单号")),
    ),
    "tasks": (
        Column("id", ("task id", "activity id", "key", "unique id", "no", "标识号", "任务编号", "作业代码", "序号", "编号"), required=True),
        *_TITLES,
        Column("wbs", ("wbs code", "outline number", "大纲数字", "工作分解结构")),
        Column("level", ("outline level", "大纲级别", "级别")),
        Column("parent", ("parent id", "summary task", "上级任务", "父任务")),
        Column("start", ("start date", "planned start", "begin", "开始时间", "开始日期", "计划开始")),
        Column("finish", ("finish date", "planned finish", "end", "end date", "完成时间", "完成日期", "计划完成", "结束日期")),
        Column("duration_days", ("duration", "days", "工期", "工期天")),
        Column("percent", ("% complete", "percent complete", "progress", "完成百分比", "进度")),
        Column("predecessors", ("after", "depends on", "前置任务", "紧前工序")),
        Column("milestone", ("is milestone", "里程碑")),
    ),
}  # fmt: skip

Text = Annotated[str, Field(max_length=256)]


class ListMapping(Part):
    """How a list is to be read; what is not said is told by the file itself."""

    kind: Kind | None = None
    sheet: Text | None = None
    """The sheet of a workbook; absent: the first with rows."""
    header_row: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The number of the row with the headings; absent: the first that has them."""
    encoding: Annotated[str, Field(max_length=40)] | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    """What stands before the decimals in texts; absent: a comma where only that fits."""
    dates: Literal["ymd", "dmy", "mdy"] = "ymd"
    """The order of dates such as 03/04/05; absent: as the column shows; 2024-05-06 and 2024年5月6日 are always understood."""
    columns: dict[str, Text] = Field(default_factory=dict[str, str], max_length=100)
    """Field → the heading of its column."""
    defaults: dict[str, Words] = Field(default_factory=dict[str, str], max_length=100)
    """Field → what it is where its cell is empty, or there is no column."""
    values: dict[str, Annotated[dict[Text, Words], Field(max_length=1_000)]] = Field(
        default_factory=dict[str, dict[str, str]], max_length=50
    )
    """Field → what stands in the list → what is meant: units, yes and no."""


def read_mapping(data: bytes, name: str) -> ListMapping:
    """Read a mapping file. Raises `FileRefusedError`."""
    if len(data) > MAX_MAPPING_BYTES:
        raise FileRefusedError(f"{name}: more than {MAX_MAPPING_BYTES} bytes; this is no mapping")
    try:
        told = tomllib.loads(data.decode("utf-8-sig"))
        mapping = ListMapping.model_validate(told)
    except UnicodeDecodeError:
        raise FileRefusedError(f"{name}: is not UTF-8; save the mapping as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FileRefusedError(f"{name}: is no TOML: {error}") from None
    except ValidationError as error:
        raise FileRefusedError(f"{name}: {explained(error)}") from None
    if mapping.kind is not None:
        _check(mapping, mapping.kind, name)
    return mapping


@dataclass(frozen=True, slots=True)
class Layout:
    """A table with its columns known."""

    kind: Kind
    columns: Mapping[str, int]
    headings: Mapping[str, str]
    rows: Sequence[Row] = field(default_factory=tuple)

    def heading(self, name: str) -> str:
        """What the column of a field is called in the file."""
        return self.headings.get(name, name)


def laid_out(table: Table, mapping: ListMapping, name: str) -> Layout:
    """Find the headings and the columns under them. Raises `FileRefusedError`: what is missing, and what there is."""
    kinds: Sequence[Kind] = [mapping.kind] if mapping.kind is not None else list(FIELDS)
    best = _best(table, mapping, kinds) or _best(table, mapping, kinds, stacked=True)
    if best is None:
        raise FileRefusedError(f"{name}: {_why(table, mapping, kinds)}")
    _check(mapping, best.kind, name)
    for wanted, heading in mapping.columns.items():
        if wanted not in best.columns:
            raise FileRefusedError(f"{name}: there is no column '{heading}' for {wanted}; there are {_listed(table, best)}")
    return best


def understood(table: Table, mapping: ListMapping) -> bool:
    """Whether a table has headings that are known, or said."""
    kinds: Sequence[Kind] = [mapping.kind] if mapping.kind is not None else list(FIELDS)
    best = _best(table, mapping, kinds) or _best(table, mapping, kinds, stacked=True)
    return best is not None and mapping.columns.keys() <= best.columns.keys()


def _best(table: Table, mapping: ListMapping, kinds: Sequence[Kind], *, stacked: bool = False) -> Layout | None:
    """The row with most columns that are known; `stacked`: headings in two rows, the upper ones where the lower has none."""
    best: Layout | None = None
    above: Sequence[str] = ()
    for place, row in enumerate(table.rows[:_HEAD] if mapping.header_row is None else table.rows):
        headings = [" ".join(str(cell).split()) if isinstance(cell, str) else "" for cell in row.cells]
        over, above = above, headings
        if stacked:
            over, headings = (list(each) + [""] * (max(len(over), len(headings)) - len(each)) for each in (over, headings))
            headings = [lower or upper for upper, lower in zip(over, headings, strict=True)]
        if mapping.header_row is not None and row.number != mapping.header_row:
            continue
        for kind in kinds:
            layout = _layout(kind, headings, mapping, table.rows[place + 1 :])
            if not _lacking(layout, mapping) and (best is None or len(layout.columns) > len(best.columns)):
                best = layout
    return best


def _layout(kind: Kind, headings: Sequence[str], mapping: ListMapping, rows: Sequence[Row]) -> Layout:
    sounds = [_sound(heading) for heading in headings]
    columns: dict[str, int] = {}
    for each in FIELDS[kind]:
        said = mapping.columns.get(each.name)
        names = (said,) if said is not None else (each.name, *each.headings)
        for sound in map(_sound, names):
            if sound and sound in sounds and (said is not None or sounds.index(sound) not in columns.values()):
                columns[each.name] = sounds.index(sound)
                break
    return Layout(kind, columns, {name: headings[place] for name, place in columns.items()}, rows)


def _lacking(layout: Layout, mapping: ListMapping) -> list[str]:
    lacking = [
        each.name
        for each in FIELDS[layout.kind]
        if each.required and each.name not in layout.columns and each.name not in mapping.defaults
    ]
    if layout.kind != "deliveries" and not {"title", "title_en", "title_zh"} & layout.columns.keys():
        lacking.append("title")
    return lacking


def _why(table: Table, mapping: ListMapping, kinds: Sequence[Kind]) -> str:
    if not table.rows:
        return "there is no row in it"
    if mapping.header_row is not None and not any(row.number == mapping.header_row for row in table.rows):
        return f"row {mapping.header_row} is empty or not there; name the row of the headings"
    row = next((row for row in table.rows if mapping.header_row in {None, row.number}), table.rows[0])
    headings = [str(cell) for cell in row.cells if isinstance(cell, str) and cell.strip()]
    told = [
        f"{kind} (no column for {', '.join(_lacking(_layout(kind, [str(cell or '') for cell in row.cells], mapping, ()), mapping))})"
        for kind in kinds
    ]
    shown = ", ".join(f"'{heading[:30]}'" for heading in headings[:12])
    return f"its columns are not understood as {' or '.join(told)}; row {row.number} has {shown}: say them in a mapping"


def _listed(table: Table, layout: Layout) -> str:
    place = len(table.rows) - len(layout.rows) - 1
    return ", ".join(f"'{str(cell)[:30]}'" for cell in table.rows[place].cells[:20] if isinstance(cell, str) and cell.strip())


def _check(mapping: ListMapping, kind: Kind, name: str) -> None:
    known = [each.name for each in FIELDS[kind]]
    for part, names in (("columns", mapping.columns), ("defaults", mapping.defaults), ("values", mapping.values)):
        for each in names:
            if each not in known:
                near = Near(known).to(each)
                hint = f"did you mean '{near}'?" if near else f"use one of {', '.join(known)}"
                raise FileRefusedError(f"{name}: {part}.{each[:40]}: a list of {kind} has no such field; {hint}")


def _sound(heading: str) -> str:
    return _SOUND.sub("", heading).casefold()
