"""The plan of a site as map tiles: cut from its picture, which lies on the ground by its four corners.

`drawing` turns the picture (SVG or a bitmap) into pixels, in a process of its own: a picture may be huge, or hostile.
`mercator` and `quadrilateral` say which pixel of the plan a pixel of a tile is; `tiles` cuts and keeps them.
"""

from tracking_service.plan.tiles import MAX_ZOOM, MIN_ZOOM, PlanTiles, Tile

__all__ = ["MAX_ZOOM", "MIN_ZOOM", "PlanTiles", "Tile"]
