"""`docs/boards.md`: what each board answers for whom, from the boards themselves."""

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.boards import BOARDS
from dashboards.boards.board import Board
from dashboards.edition import Edition
from dashboards.naming import address

_HEAD = """# The Grafana boards

What each board answers, for whom, and what is on it. How they are made and brought into a Grafana: `dashboards/README.md`.

On a wall: `https://GRAFANA/d/<uid>?kiosk&refresh=10s`, for the Site wall of one site
`https://GRAFANA/d/plumbline-site-wall?var-site=SITE&kiosk&refresh=10s`. `kiosk` hides Grafana's own bars and the choices
at the top, so choose the site in the address. The map shows `var-source=people%7Cmachines%7Cscans` (where the work is)
unless the address says `people`, `machines`, `scans`, `noise` or `dust`. Each board leads to the others at its top; an
order in a table leads to its board, a site on the Company board to its wall.

A colour always has its word beside it: ● on track, ▲ at risk, ■ late, ? unknown. Tiles of what holds now know
fifteen minutes: where nothing has come for longer they say so instead of showing an old figure.
"""


def page() -> str:
    """The page."""
    heads = ["| board | for whom | answers |", "|---|---|---|"]
    rows = [f"| [{board.title}](#{_anchor(board)}) | {board.reader} | {board.answers} |" for board in BOARDS]
    return "\n".join([_HEAD, *heads, *rows, "", *(_section(board) for board in BOARDS)])


def _section(board: Board) -> str:
    model = board.build(Edition())
    lines = [
        f"## {board.title}",
        "",
        f"For: {board.reader}. Opens as `{address(board.title)}?kiosk&refresh={board.refresh}` with the last {board.span}.",
        f"Reads: {board.reads}",
        "",
        "| panel | what it says |",
        "|---|---|",
        *(
            f"| {panel.title} | {panel.description or ''} |".replace("  ", " ")
            for panel in model.panels or []
            if isinstance(panel, Panel)
        ),
    ]
    return "\n".join(lines) + "\n"


def _anchor(board: Board) -> str:
    return board.title.lower().replace(" ", "-")
