"""One example of each policy, with the names that its sentence is told with: for the reference page, which tests run."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from plumbline.text import Text
from tracking_service.domain.policies.material import Line
from tracking_service.domain.policies.scope import Scope

#: Where the examples stand.
SCOPE: Final = Scope(
    site="riverside",
    order="PO-2026-0117",
    milestone="PO-2026-0117~deck",
    zone=ZoneInfo("Asia/Shanghai"),
    lines={
        "10": Line("PO-2026-0117~10", Text("Rebar HRB400 Ø16", "钢筋 HRB400 Ø16"), "t"),
        "20": Line("PO-2026-0117~20", Text("Anchor bolt M24", "地脚螺栓 M24"), "pcs"),
    },
    titles={
        ("place", "pit"): Text("the foundation pit", "基坑"),
        ("place", "gate"): Text("the main gate", "大门"),
        ("device", "rig-1"): Text("Piling rig 1", "1 号桩机"),
        ("device", "rig-2"): Text("Piling rig 2", "2 号桩机"),
        ("device", "probe-3"): Text("Concrete probe 3", "3 号测温点"),
        ("metric", "temp_c"): Text("temperature (°C)", "温度(°C)"),
        ("check", "rebar-cage"): Text("Rebar cage", "钢筋笼隐蔽验收"),
        ("role", "supervisor"): Text("the supervising engineer", "监理工程师"),
        ("role", "welder"): Text("welder", "焊工"),
        ("role", "foreman"): Text("foreman", "工长"),
    },
)

#: How much the order asks for.
EXPECTED: Final[Mapping[str, Decimal]] = {"PO-2026-0117~10": Decimal(40), "PO-2026-0117~20": Decimal(600)}

_REBAR: Final[Mapping[str, Any]] = {"material_arrived": {"lines": ["10"], "ratio": 0.95, "certificates": True}}
_CAGE: Final[Mapping[str, Any]] = {"inspection_passed": {"checks": ["rebar-cage"], "photos": 2}}

#: By kind, in the order of the page.
EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "material_arrived": _REBAR,
    "equipment_working": {"equipment_working": {"equipment": ["rig-1", "rig-2"], "zone": "pit", "minutes": 600}},
    "crew_checked_in": {
        "crew_checked_in": {"place": "gate", "crew": [{"role": "welder", "people": 4}, {"role": "foreman", "people": 1}]}
    },
    "reading_held": {"reading_held": {"device": "probe-3", "metric": "temp_c", "above": 5, "below": 70, "hours": 72}},
    "inspection_passed": _CAGE,
    "signed_off": {"signed_off": {"role": "supervisor"}},
    "date_reached": {"date_reached": {"at": "2026-12-01"}},
    "all_of": {"all_of": [_REBAR, _CAGE, {"signed_off": {"role": "supervisor", "after_rest": True}}]},
    "any_of": {
        "any_of": [
            {"reading_held": {"device": "probe-3", "metric": "temp_c", "above": 5, "hours": 72}},
            {"date_reached": {"at": "2026-12-29"}},
        ]
    },
    "n_of": {
        "n_of": {
            "n": 2,
            "of": [
                _REBAR,
                {
                    "crew_checked_in": {
                        "place": "gate",
                        "crew": [{"people": 12}],
                        "shift": {"starts": "07:00", "ends": "16:30"},
                    }
                },
                {"equipment_working": {"equipment": ["rig-1"], "zone": "pit", "minutes": 10, "unbroken": True}},
            ],
        }
    },
}
