"""One module a board: what is drawn where. What is asked stands in `dashboards.queries`."""

from typing import Final

from dashboards.boards import company, environment, equipment, gateways, material, order, site_wall
from dashboards.boards.board import Board

#: In the order of the page and of the playlist.
BOARDS: Final[tuple[Board, ...]] = (
    site_wall.BOARD,
    material.BOARD,
    equipment.BOARD,
    environment.BOARD,
    gateways.BOARD,
    order.BOARD,
    company.BOARD,
)
