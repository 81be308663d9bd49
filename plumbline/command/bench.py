"""`plumbline bench`: figures, medians, ratios; with `--json` for machines."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from plumbline import logs
from plumbline.bench import e2e, folders, photos
from plumbline.bench.figures import show
from plumbline.command import bench_ingest
from plumbline.memory import calm

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def bench() -> None:
    """Measure: each benchmark prints its figures beside a peer or the limit of the same run."""
    logs.configure("warning")  # beside the figures, never among them


@app.command("e2e")
def end_to_end(
    seconds: Annotated[float, typer.Option(help="Length of the steady part.", min=1)] = 20,
    scans_per_s: Annotated[float, typer.Option(help="Scans in the steady part.", min=0.1)] = 20,
    readings_per_s: Annotated[float, typer.Option(help="Sensor readings in the steady part.", min=0)] = 200,
    flood: Annotated[int, typer.Option(help="Readings sent as fast as they go in the second part.", min=1000)] = 50_000,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Json = False,
) -> None:
    """Through the whole chain: events/s, and time from capture to committed and to visible on the wall's stream."""
    with folders.given(keep) as folder:
        figures = asyncio.run(
            e2e.measure(folder, seconds=seconds, scans_per_s=scans_per_s, readings_per_s=readings_per_s, flood=flood)
        )
    _say("Through the whole chain", figures, as_json=as_json)


app.command("ingest")(bench_ingest.ingest)


@app.command("agent")
def one_agent(
    events: Annotated[int, typer.Option(help="How many events.", min=10_000)] = 200_000,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Json = False,
) -> None:
    """A gateway's agent with serial, GPS, Modbus and MQTT readers: its memory over many events, its CPU time per event."""
    from plumbline.bench import agent  # noqa: PLC0415 - each benchmark needs only its own packages

    with folders.given(keep) as folder:
        figures = asyncio.run(agent.measure(folder, events=events))
    _say("A gateway's agent", figures, as_json=as_json)


@app.command("edge")
def edge(
    events: Annotated[int, typer.Option(help="How many events the outbox is measured with.", min=10_000)] = 100_000,
    backlog: Annotated[
        int, typer.Option(help="Events that wait when the link comes back; 5,184,000 are 72 hours at 20 a second.", min=1000)
    ] = 500_000,
    scans: Annotated[int, typer.Option(help="Labels scanned for the verdict.", min=10)] = 300,
    seconds: Annotated[float, typer.Option(help="How long 500 events/s flow for the latency.", min=1)] = 15,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Json = False,
) -> None:
    """The agent's promises: durable events/s, scan to verdict, capture to committed, live data fresh behind a backlog."""
    from plumbline.command import bench_edge  # noqa: PLC0415 - each benchmark needs only its own packages

    with folders.given(keep) as folder:
        figures = asyncio.run(bench_edge.measure(folder, events=events, backlog=backlog, scans=scans, seconds=seconds))
    _say("A gateway's promises", figures, as_json=as_json)


@app.command("tracking")
def tracking(
    seconds: Annotated[float, typer.Option(help="How long scans flow at each rate.", min=1)] = 15,
    observations: Annotated[int, typer.Option(help="Observations that the company is made anew from.", min=1000)] = 1_000_000,
    orders: Annotated[int, typer.Option(help="Its orders.", min=1)] = 1_000,
    only: Annotated[
        str | None,
        typer.Option(
            help="Parts, with commas between them, of postgresql, sqlite, rebuild, geofences; without it all.",
            show_default=False,
        ),
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option(help="Recorded tracks for geofences: GPX, or CSV with time, lat, lon.", exists=True, file_okay=False),
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Json = False,
) -> None:
    """From observation to moved milestone and notice, on PostgreSQL and SQLite; a company made anew from its log; geofences."""
    from plumbline.command import bench_tracking  # noqa: PLC0415 - each benchmark needs only its own packages

    parts = bench_tracking.PARTS if only is None else tuple(part.strip() for part in only.split(",") if part.strip())
    if unknown := sorted(set(parts) - set(bench_tracking.PARTS)):
        there = ", ".join(bench_tracking.PARTS)
        raise typer.BadParameter(f"there is no part {', '.join(unknown)}; there are {there}", param_hint="--only")
    calm()  # as the service
    with folders.given(keep) as folder:
        measured = bench_tracking.measure(
            folder, only=parts, seconds=seconds, observations=observations, orders=orders, tracks=tracks
        )
        figures = asyncio.run(measured)
    _say("Tracking", figures, as_json=as_json)


@app.command("mqtt")
def mqtt(
    messages: Annotated[
        int, typer.Option(help="How many messages wait for each way of taking them.", min=1000, max=90_000)
    ] = 20_000,
    as_json: Json = False,
) -> None:
    """Receiving over MQTT: CPU µs a message with its acknowledgement, ours beside paho on one broker."""
    from plumbline.bench import mqtt as measured  # noqa: PLC0415 - each benchmark needs only its own packages

    with folders.given(None) as place:
        figures = asyncio.run(measured.measure(place, messages=messages))
    _say("MQTT, receive and acknowledge", figures, as_json=as_json)


@app.command("outbox")
def outbox(
    events: Annotated[int, typer.Option(help="How many events.", min=1000)] = 100_000,
    as_json: Json = False,
) -> None:
    """The gateway's outbox beside bare SQLite with the same rows: events/s made durable."""
    from edge_agent.outbox import benchmark  # noqa: PLC0415 - each benchmark needs only its own packages

    with folders.given(None) as folder:
        figures = benchmark.measure(folder, events)
    _say("Outbox, events/s", figures, as_json=as_json)


@app.command("decode")
def decode(
    folder: Annotated[
        Path | None, typer.Argument(help="Photos with expected.json beside them, as in the corpus.", show_default=False)
    ] = None,
    rendered: Annotated[bool, typer.Option("--rendered", help="Labels drawn and spoilt by a generator, not photos.")] = False,
    count: Annotated[int, typer.Option(help="How many labels to draw.", min=1)] = 300,
    seed: Annotated[int, typer.Option(help="Draw the labels of this seed.", min=0)] = 1,
    turn: Annotated[
        list[int] | None, typer.Option(help="Turn each photo by 90, 180 or 270 degrees; may be given several times.")
    ] = None,
    budget_ms: Annotated[float, typer.Option(help="Time to spend on a hard photo.", min=1)] = 250,
    as_json: Json = False,
) -> None:
    """Barcodes in photos beside zxing-cpp alone: read rate, misreads, ms per photo."""
    from edge_agent.decode import benchmark  # noqa: PLC0415

    if rendered == (folder is not None):
        raise typer.BadParameter("name a folder of photos, or give --rendered")
    if not set(turn or ()) <= {0, 90, 180, 270}:
        raise typer.BadParameter("photos turn by 90, 180 or 270 degrees", param_hint="--turn")
    if folder is None:
        figures = benchmark.measure_rendered(count=count, seed=seed, budget_ms=budget_ms).as_dict()
    else:
        figures = benchmark.measure(folder, budget_ms=budget_ms, turns=turn or (0,)).as_dict()
    if as_json:
        print(json.dumps(figures))
    else:
        photos.show(str(folder or f"Labels drawn with seed {seed}"), figures)


@app.command("nmea")
def nmea(
    folder: Annotated[Path, typer.Argument(help="Logs of satellite receivers, X.log; and gpsd's answers, X.fixes.jsonl.")],
    as_json: Json = False,
) -> None:
    """Logs of satellite receivers: µs per sentence, CPU at 921,600 baud, positions found and invented."""
    from edge_agent.nmea import benchmark  # noqa: PLC0415

    _say("NMEA 0183", benchmark.measure(folder), as_json=as_json)


@app.command("heatmap")
def heatmap(
    events: Annotated[int, typer.Option(help="Raw events of the day; 580 devices report them.", min=10_000)] = 10_000_000,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Json = False,
) -> None:
    """Heat of the last hour and of a day after millions of raw events: ms on both stores, beside counting raw positions."""
    from plumbline.command import bench_heatmap  # noqa: PLC0415 - each benchmark needs only its own packages

    with folders.given(keep) as folder:
        figures = asyncio.run(bench_heatmap.measure(folder, events=events))
    _say("Heatmap", figures, as_json=as_json)


@app.command("geofence")
def geofence(
    tracks: Annotated[
        Path | None, typer.Argument(help="A folder with recorded tracks: GPX, or CSV with time, lat, lon.", show_default=False)
    ] = None,
    days: Annotated[int, typer.Option(help="How long machines stand.", min=1)] = 1,
    every_s: Annotated[float, typer.Option(help="Seconds between fixes.", min=1)] = 30,
    seeds: Annotated[int, typer.Option(help="How many machines of each kind.", min=1)] = 2,
    as_json: Json = False,
) -> None:
    """Visits to zones beside a plain test of in or out: false exits of parked machines, visits found on real tracks."""
    from tracking_service.geofence import benchmark  # noqa: PLC0415 - each benchmark needs only its own packages

    if tracks is not None and not tracks.is_dir():
        raise typer.BadParameter(f"{tracks} is no folder; name one that holds tracks")
    _say("Geofences", benchmark.measure(tracks, days=days, every_s=every_s, seeds=seeds), as_json=as_json)


@app.command("series")
def series(
    points: Annotated[int, typer.Option(help="How many points.", min=10_000)] = 500_000,
    influx: Annotated[
        str | None,
        typer.Option(help="Also an InfluxDB, beside a bare loop that posts ready-made lines: http://HOST:8086/DATABASE."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Writing into the series stores: points/s of the embedded file, of InfluxDB, and of a bare loop."""
    from ingest.series import benchmark  # noqa: PLC0415
    from ingest.series.embedded import EmbeddedStore  # noqa: PLC0415

    async def measure(folder: Path) -> dict[str, Any]:
        async with EmbeddedStore(folder / "series.duckdb") as store:
            figures: dict[str, Any] = {"embedded": await benchmark.measure_embedded(store, count=points)}
        if influx is not None:
            url, _, database = influx.rpartition("/")
            figures["influx"] = await benchmark.measure_influx(url, database, count=points)
        return figures

    with folders.given(None) as folder:
        figures = asyncio.run(measure(folder))
    _say("Series stores, points/s", figures, as_json=as_json)


def _say(title: str, figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
    else:
        show(title, figures)
