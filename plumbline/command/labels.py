"""`plumbline labels`: labels for the lines of an order and for the zones of a site, as PDF."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select

from plumbline.command.sql import OF_UP, Database, opened
from plumbline.errors import PlumblineError
from plumbline.site import load
from plumbline.text import Language
from tracking_service import document
from tracking_service.labels.content import Label, LabelError, of_order, of_zones
from tracking_service.labels.stock import STOCKS
from tracking_service.tables import orders

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Print labels (PDF): for an order's lines, for a site's zones.",
)

Out = Annotated[Path, typer.Option(metavar="FILE", help="Where the PDF goes.")]
Lang = Annotated[Language, typer.Option(help="Language of what stands beside the codes: en or zh.")]
StockName = Annotated[str, typer.Option(metavar="NAME", help=f"What is printed on: {', '.join(STOCKS)}.")]
Start = Annotated[int, typer.Option(min=1, help="First free label of the first sheet, row by row: sheets are used up.")]


@app.command()
def order(
    which: Annotated[str, typer.Argument(metavar="ORDER", help="The order's number, or the file of its document.")],
    line: Annotated[list[str] | None, typer.Option(help="Only this line; may be said several times.")] = None,
    pieces: Annotated[bool, typer.Option("--pieces", help="A label for each piece, so that none is counted twice.")] = False,
    gs1: Annotated[bool, typer.Option("--gs1", help="GS1 DataMatrix where a line has a GTIN, instead of our own QR.")] = False,
    stock: StockName = "a4-21",
    start: Start = 1,
    lang: Lang = "en",
    out: Out = Path("labels.pdf"),
    database: Database = OF_UP,
) -> None:
    """Print labels for the lines of an order."""
    whole = asyncio.run(_order(which, database))
    labels = of_order(whole, lines=line or (), pieces=pieces, gs1=gs1)
    _write(labels, stock, lang, out, title=f"{whole.number} {whole.title.zh if lang == 'zh' else whole.title.en}", start=start)


@app.command()
def zones(
    site: Annotated[Path, typer.Argument(metavar="SITE", help="The site file (TOML).")],
    zone: Annotated[list[str] | None, typer.Option(help="Only this zone; may be said several times.")] = None,
    stock: StockName = "a4-1",
    start: Start = 1,
    lang: Lang = "en",
    out: Out = Path("zones.pdf"),
) -> None:
    """Print signs for the zones of a site: who scans one says where he is."""
    known = load(site)
    labels = of_zones(known, zones=zone or ())
    _write(labels, stock, lang, out, title=known.title_zh if lang == "zh" else known.title_en, start=start)


async def _order(which: str, database: str) -> document.OrderDocument:
    path = Path(which)
    if path.suffix == ".json" or path.is_file():
        try:
            return document.read(path.read_bytes(), which)
        except OSError as error:
            raise PlumblineError(f"{which}: cannot be read ({error.strerror})") from error
    async with opened(database, existing=True) as engine, engine.connect() as connection:
        found = (await connection.execute(select(orders.c.document).where(orders.c.number == which))).scalar()
        if found is None:
            known = (await connection.execute(select(orders.c.number).order_by(orders.c.imported_at.desc()).limit(8))).scalars()
            raise PlumblineError(f"there is no order '{which}'; the newest are {', '.join(known) or 'none: import one'}")
    return document.read(found.encode(), f"order {which}")


def _write(labels: Sequence[Label], stock: str, lang: Language, out: Path, *, title: str, start: int) -> None:
    chosen = STOCKS.get(stock)
    if chosen is None:
        raise LabelError(f"there is no stock '{stock}'; use {', '.join(STOCKS)}")
    if not labels:
        raise LabelError("there is nothing to print a label for")
    try:
        from tracking_service.labels import sheet  # noqa: PLC0415 - only who prints needs the PDF library
    except ModuleNotFoundError as error:
        raise PlumblineError(f"'labels' needs the package {error.name}: install plumbline-site[labels]") from error
    try:
        out.write_bytes(sheet.pdf(labels, chosen, lang, title=title, start=start))
    except OSError as error:
        raise PlumblineError(f"{out}: cannot be written ({error.strerror}); choose another file with --out") from error
    many = len(labels) != 1
    print(f"{out}: {len(labels)} label{'s' if many else ''} on {chosen.title}; print at 100 %, without fitting to the page")
