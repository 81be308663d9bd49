"""What the office ordered for Harbour East: three orders, their material lines, deliveries and milestones.

All numbers are made up within GS1's range for examples (company prefix 9506000).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

_PREFIX: Final = "9506000"


def with_check_digit(digits: str) -> str:
    """Append the check digit of a GTIN or SSCC (GS1 General Specifications, 7.9.1)."""
    total = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def gtin(item: int) -> str:
    """The GTIN-14 of the demo's article number `item`."""
    return with_check_digit(f"0{_PREFIX}{item:05d}")


def sscc(unit: int) -> str:
    """The SSCC of the demo's pallet number `unit`."""
    return with_check_digit(f"0{_PREFIX}{unit:09d}")


def piece_label(order: str, line: str, piece: int) -> str:
    """The text of our own label on one piece of a line."""
    return f"PL1:{order}/{line}/{piece}"


@dataclass(frozen=True)
class Calendar:
    """Turns an hour of the story into a time of the real clock: the story's day is told fast, the days after it are real ones."""

    start: datetime
    """The real time at which the story begins."""
    start_hour: float
    seconds_per_hour: float
    zone: ZoneInfo

    def __getitem__(self, hour: float) -> datetime:
        """The real time of a story hour; outside 0 to 24, that hour of the site's day so many real days later or earlier."""
        if not 0 <= hour < 24:
            day = self.start.astimezone(self.zone).date() + timedelta(days=int(hour // 24))
            return datetime.combine(day, time(int(hour % 24)), self.zone).astimezone(UTC)
        return self.start + timedelta(seconds=(hour - self.start_hour) * self.seconds_per_hour)


@dataclass(frozen=True)
class Line:
    """A material line, and how its pieces are labelled."""

    line: str
    en: str
    zh: str
    unit: str
    quantity: int
    needed_hour: float
    gtin: str | None = None
    batch: str | None = None
    pallets: tuple[tuple[str, int], ...] = ()
    """(SSCC, how many pieces stand on it)."""
    delivery_note: str = ""
    supplier: str | None = None
    promised_hour: float | None = None


@dataclass(frozen=True)
class Milestone:
    """A milestone; `policy` says what completes it, where it is not that its lines have arrived."""

    key: str
    en: str
    zh: str
    lines: tuple[str, ...]
    due_hour: float
    task: str | None = None
    policy: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Task:
    """A task of the work breakdown, from one hour to another; what it waits for."""

    key: str
    wbs: str
    en: str
    zh: str
    start_hour: float | None
    finish_hour: float
    after: tuple[str, ...] = ()
    parent: str | None = None
    owner: str | None = None
    percent: float | None = None


@dataclass(frozen=True)
class Order:
    """An order with its lines and milestones; hours are of the story's day."""

    number: str
    en: str
    zh: str
    customer: str
    lines: tuple[Line, ...]
    milestones: tuple[Milestone, ...]
    start_hour: float | None
    """When work towards its milestones begins; `None`: they are told by their dates alone."""
    due_hour: float
    tasks: tuple[Task, ...] = ()
    inspections: tuple[Mapping[str, Any], ...] = ()

    def document(self, site: str, hour: Calendar) -> dict[str, Any]:
        """The JSON document that an ERP would post; `hour` gives the time of a story hour."""
        return {
            "number": self.number,
            "site": site,
            "title": {"en": self.en, "zh": self.zh},
            "customer": self.customer,
            "start": _iso(hour[self.start_hour]) if self.start_hour is not None else None,
            "due": _iso(hour[self.due_hour]),
            "tasks": [
                {
                    "key": task.key,
                    "wbs": task.wbs,
                    "title": {"en": task.en, "zh": task.zh},
                    "start": _iso(hour[task.start_hour]) if task.start_hour is not None else None,
                    "finish": _iso(hour[task.finish_hour]),
                    "after": [{"task": other} for other in task.after],
                    "parent": task.parent,
                    "owner": task.owner,
                    "percent": task.percent,
                }
                for task in self.tasks
            ],
            "inspections": list(self.inspections),
            "lines": [
                {
                    "line": line.line,
                    "title": {"en": line.en, "zh": line.zh},
                    "gtin": line.gtin,
                    "batch": line.batch,
                    "unit": line.unit,
                    "quantity": line.quantity,
                    "supplier": line.supplier,
                    "promised": _iso(hour[line.promised_hour]) if line.promised_hour is not None else None,
                    "needed_by": _iso(hour[line.needed_hour]),
                }
                for line in self.lines
            ],
            "deliveries": [
                {"sscc": code, "line": line.line, "quantity": pieces, "delivery_note": line.delivery_note}
                for line in self.lines
                for code, pieces in line.pallets
            ],
            "milestones": [
                {
                    "key": milestone.key,
                    "title": {"en": milestone.en, "zh": milestone.zh},
                    "due": _iso(hour[milestone.due_hour]),
                    "task": milestone.task,
                    "policy": milestone.policy or {"material_arrived": {"lines": list(milestone.lines), "ratio": 1.0}},
                }
                for milestone in self.milestones
            ],
            "notify": [{"name": "陈经理", "email": "pm@harbour-east.example", "language": "zh"}],
        }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


STEEL: Final = Order(
    "PO-2041",
    "Tower A, structural steel",
    "A 塔楼钢结构",
    "Harbour Development Co.",
    (
        Line(
            "10", "Steel columns HW400", "H 型钢柱 HW400", "pcs", 24, 24 * 4 + 7, delivery_note="DN-7701", supplier="hb-steel"
        ),
        Line("20", "Rebar HRB400 Ø25", "螺纹钢 HRB400 Ø25", "bundles", 16, 24 * 5 + 7, gtin(101), "H25-0917"),
        Line(
            "30",
            "Bolts M24 10.9S",
            "高强螺栓 M24 10.9S",
            "boxes",
            40,
            24 * 6 + 7,
            pallets=tuple((sscc(300 + i), 10) for i in range(4)),
            delivery_note="DN-7718",
        ),
    ),
    (
        Milestone("columns-on-site", "Columns on site", "钢柱到场", ("10",), 24 * 4 + 12, "columns"),
        Milestone("steel-complete", "Tower A steel complete", "A 塔钢材齐套", ("10", "20", "30"), 24 * 6 + 17, "steel"),
        Milestone(
            "erection-begun",
            "Erection has begun",
            "钢结构开始吊装",
            (),
            24 + 17,
            "ready",
            {
                "all_of": [
                    {"crew_checked_in": {"place": "gate", "crew": [{"people": 6}]}},
                    {"equipment_working": {"equipment": ["crane-1"], "minutes": 5}},
                ]
            },
        ),
        Milestone(
            "columns-accepted",
            "Columns accepted",
            "钢柱验收",
            (),
            24 * 8 + 17,
            "erect",
            {
                "all_of": [
                    {"material_arrived": {"lines": ["10"]}},
                    {"inspection_passed": {"checks": ["plumb"], "photos": 1}},
                    {"signed_off": {"role": "supervisor", "after_rest": True}},
                ]
            },
        ),
    ),
    -24 * 21 + 7,
    24 * 20 + 17,
    (
        Task("a", "1", "Tower A, levels 1 to 3", "A 塔 1 至 3 层", -24 * 21 + 7, 24 * 20 + 17, owner="chen"),
        Task("foundations", "1.1", "Foundations", "基础", -24 * 21 + 7, -24 * 6 + 17, (), "a", percent=100),
        Task("columns", "1.2", "Columns delivered", "钢柱进场", 7, 24 * 4 + 12, (), "a"),
        Task("steel", "1.3", "Rebar and bolts delivered", "钢筋与螺栓进场", 7, 24 * 6 + 17, (), "a"),
        Task("ready", "1.4", "Crane and crew ready", "塔吊与班组就位", 7, 24 + 17, (), "a", "li"),
        Task(
            "erect",
            "1.5",
            "Erect columns",
            "吊装钢柱",
            24 * 4 + 13,
            24 * 11 + 17,
            ("foundations", "columns", "ready"),
            "a",
            "li",
        ),
        Task("deck", "1.6", "Composite deck", "组合楼板", 24 * 12 + 7, 24 * 16 + 17, ("erect", "steel"), "a", "li"),
        Task("handover", "1.7", "Levels 1 to 3 handed over", "1 至 3 层移交", None, 24 * 20 + 17, ("deck",), "a"),
    ),
    (
        {"check": "plumb", "title": {"en": "Plumb of columns", "zh": "钢柱垂直度"}, "kind": "hold", "photo_required": True},
        {"check": "bolts", "title": {"en": "Bolt torque", "zh": "螺栓扭矩"}, "kind": "witness", "role": "quality"},
    ),
)
FACADE: Final = Order(
    "PO-2050",
    "Tower B, façade panels",
    "B 塔楼幕墙板",
    "Harbour Development Co.",
    (
        Line("10", "Precast panels P-B07", "预制墙板 P-B07", "pcs", 20, 13, delivery_note="DN-8102"),
        Line("20", "Sealant, weatherproof", "耐候密封胶", "boxes", 12, 24 * 5 + 7, gtin(205), "S2-118", supplier="seal"),
    ),
    (Milestone("panels-on-site", "Level 7 panels on site", "7 层墙板到场", ("10",), 14),),
    None,
    24 * 9 + 17,
)
SERVICES: Final = Order(
    "PO-2063",
    "Plant room, cables and pumps",
    "机房电缆与水泵",
    "East Port Utilities",
    (
        Line(
            "10",
            "Cable drums 4×240",
            "电缆盘 4×240",
            "drums",
            8,
            24 * 11 + 7,
            pallets=tuple((sscc(600 + i), 1) for i in range(8)),
            delivery_note="DN-9004",
        ),
        Line(
            "20",
            "Circulation pumps",
            "循环水泵",
            "pcs",
            4,
            24 * 12 + 7,
            gtin(307),
            "CP-22",
            supplier="pumps",
            promised_hour=24 * 13 + 9,
        ),
    ),
    (Milestone("plant-room-ready", "Plant room material ready", "机房材料齐套", ("10", "20"), 24 * 12 + 17),),
    7,
    24 * 14 + 17,
)
ORDERS: Final = (STEEL, FACADE, SERVICES)
#: Who works for the company that builds, and who delivers: what `plumbline tracking import` takes as a company document.
COMPANY: Final[Mapping[str, Any]] = {
    "company": "east-port-construction",
    "title": {"en": "East Port Construction", "zh": "东港建设"},
    "people": [
        {"id": "chen", "name": "陈经理", "roles": ["project_manager"], "email": "pm@harbour-east.example", "language": "zh"},
        {"id": "li", "name": "李工", "roles": ["site_engineer", "quality"], "language": "zh"},
        {"id": "zhao", "name": "赵监理", "roles": ["supervisor"], "language": "zh"},
    ],
    "suppliers": [
        {"id": "hb-steel", "title": {"en": "Hebei Steelworks", "zh": "河北钢厂"}},
        {"id": "seal", "title": {"en": "Harbour Sealants", "zh": "海港密封材料"}},
        {"id": "pumps", "title": {"en": "Delta Pumps", "zh": "三角洲水泵"}},
    ],
}
