"""Boards are of the types of `@grafana/schema`, each panel's options of its own panel's, as `tsc` sees it.

The schema is that of the Grafana in docker-compose.yml: that of 9.5 knows fewer keys than its Grafana takes.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from dashboards import build
from dashboards.edition import Edition

HERE = Path(__file__).parents[1] / "grafana"
NODE = HERE / "node_modules"
#: Panel type → where the schema has its options.
PANELS = {
    "stat": ("stat", "StatPanelCfg"),
    "table": ("table", "TablePanelCfg"),
    "timeseries": ("timeseries", "TimeSeriesPanelCfg"),
    "bargauge": ("bargauge", "BarGaugePanelCfg"),
    "state-timeline": ("statetimeline", "StateTimelinePanelCfg"),
    "geomap": ("geomap", "GeomapPanelCfg"),
}
#: What Grafana writes itself in every board and the published type has not: a variable's `auto` is of its intervals.
UNTYPED = {"auto", "auto_min", "auto_count"}


def checked(folder: Path, boards: dict[str, dict]) -> list[str]:
    """What `tsc` says of boards."""
    lines = [f"import type {{ Dashboard }} from '@grafana/schema';\nimport type {{ Plain }} from '{HERE}/plain';"]
    for panel, (place, name) in PANELS.items():
        path = f"@grafana/schema/dist/esm/raw/composable/{place}/panelcfg/x/{name}_types.gen"
        lines.append(f"import type {{ Options as {name} }} from '{path}'; // {panel}")
    for number, board in enumerate(boards.values()):
        variables = [
            {key: value for key, value in one.items() if key not in UNTYPED}
            for one in board.get("templating", {}).get("list", [])
        ]
        remarks = [
            {**one, "target": {key: value for key, value in one["target"].items() if key in ("refId", "datasource")}}
            for one in board["annotations"].get("list", [])
        ]  # the rest of a target is the datasource's own, as in a panel's targets, whose type says so
        whole = board | {"templating": {"list": variables}, "annotations": {"list": remarks}}
        lines.append(f"export const board{number}: Plain<Dashboard> = {json.dumps(whole, indent=1)};")
        for panel in board["panels"]:
            options = json.dumps(panel["options"], indent=1)
            lines.append(f"export const panel{number}x{panel['id']}: Plain<{PANELS[panel['type']][1]}> = {options};")
    (folder / "boards.ts").write_text("\n".join(lines))
    settings = {
        "compilerOptions": {
            "noEmit": True,
            "strict": True,
            "skipLibCheck": True,
            "module": "esnext",
            "moduleResolution": "bundler",
            "target": "es2022",
            "types": [],
            "paths": {"@grafana/schema": [f"{NODE}/@grafana/schema"], "@grafana/schema/*": [f"{NODE}/@grafana/schema/*"]},
        },
        "files": ["boards.ts"],
    }
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    command = ["node", f"{NODE}/typescript/bin/tsc", "-p", str(folder), "--pretty", "false"]
    environment = os.environ | {"PATH": f"{HERE.parents[1] / '.venv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = [line[:400] for line in done.stdout.splitlines()]
    assert done.returncode == 0 or said, done.stderr
    return said


@pytest.fixture(scope="session", autouse=True)
def installed():
    if not NODE.is_dir():
        pytest.skip("tests/grafana/node_modules is not there; run scripts/setup test")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_boards_are_of_grafanas_own_types(tmp_path, language):
    assert checked(tmp_path, build.models(Edition(language=language))) == []


def test_a_misspelt_option_and_a_wrong_word_are_found(tmp_path):
    (name, board) = next(iter(build.models().items()))
    panel = next(panel for panel in board["panels"] if panel["type"] == "stat")
    panel["options"]["textMode"] = "valu"
    board["panels"][0]["gridPos"]["width"] = 3
    said = "\n".join(checked(tmp_path, {name: board}))
    assert "valu" in said
    assert "width" in said
