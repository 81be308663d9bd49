"""Environment: dust, noise, wind and warmth, each against the limit that the law sets, and its source.

Limits are China's, where the demo site lies. A site elsewhere changes them here and builds its boards.
"""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.choices import chosen_site
from dashboards.boards.columns import setting, titled
from dashboards.boards.parts import NOW, course, place, sheet, tile
from dashboards.edition import Edition

#: µg/m³: GB 3095-2026, class II, mean of 24 hours, in force from March 2026 to the end of 2030; then they are 50 and 100.
PM2_5_LIMIT: Final = 60
PM10_LIMIT: Final = 120
#: dB(A): GB 12523-2025 (from 2026 in the place of GB 12523-2011, whose figures these were already), boundary of a construction
#: site, 6 to 22 h and 22 to 6 h.
NOISE_DAY_LIMIT: Final = 70
NOISE_NIGHT_LIMIT: Final = 55
#: m/s: JGJ 196-2010, tower cranes stop.
WIND_LIMIT: Final = 12
#: °C: Measures for work in hot weather (2012), article 8: shorter shifts; no work outside.
HEAT_SHIFTS: Final = 35
HEAT_STOP: Final = 40

_AIR: Final = "GB 3095-2026, class II, mean of 24 hours"
_NOISE: Final = "GB 12523-2025, boundary of a construction site"


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    state = titled("state", setting("mappings", words.LIMIT))
    dust = titled("highest", setting("unit", "conμgm3"), setting("decimals", 0))
    return [
        tile(
            edition,
            f"PM2.5, mean of 24 h (limit {PM2_5_LIMIT} µg/m³)",
            queries.mean_against("pm2_5", PM2_5_LIMIT),
            place(0, 0, 5, 5),
            fields={"value": dust, "state": state},
            about=f"At the sensor where it is highest. Limit: {_AIR}.",
            since="24h",
        ),
        tile(
            edition,
            f"PM10, mean of 24 h (limit {PM10_LIMIT} µg/m³)",
            queries.mean_against("pm10", PM10_LIMIT),
            place(5, 0, 5, 5),
            fields={"value": dust, "state": state},
            about=f"At the sensor where it is highest. Limit: {_AIR}.",
            since="24h",
        ),
        tile(
            edition,
            f"Noise, of 15 minutes (limit {NOISE_DAY_LIMIT}, at night {NOISE_NIGHT_LIMIT} dB(A))",
            queries.highest_now("noise_db"),
            place(10, 0, 5, 5),
            fields={
                "value": titled("highest", setting("unit", "dB"), setting("decimals", 0)),
                "state": titled("state", setting("mappings", words.NOISE)),
            },
            about=f"The loudest reading of any sensor. Limit: {_NOISE}, {NOISE_DAY_LIMIT} dB(A) from 6 to 22 h, {NOISE_NIGHT_LIMIT} at night.",
            since=NOW,
        ),
        tile(
            edition,
            f"Wind, of 15 minutes (limit {WIND_LIMIT} m/s)",
            queries.highest_now("wind_mps"),
            place(15, 0, 5, 5),
            fields={
                "value": titled("highest", setting("unit", "velocityms"), setting("decimals", 1)),
                "state": titled("state", setting("mappings", words.WIND)),
            },
            about="The strongest wind at any station or crane. Limit: JGJ 196-2010, tower cranes stop; the maker's limit holds where it is lower.",
            since=NOW,
            of_rows="max",
        ),
        tile(
            edition,
            f"Temperature, of 15 minutes (limit {HEAT_SHIFTS} °C)",
            queries.highest_now("temperature_c"),
            place(20, 0, 4, 5),
            fields={
                "value": titled("highest", setting("unit", "celsius"), setting("decimals", 0)),
                "state": titled("state", setting("mappings", words.WARMTH)),
            },
            about="Measures for work in hot weather (China, 2012), article 8: shorter shifts from 35 °C, at most six hours outside "
            "from 37 °C, none from 40 °C, by the day's highest temperature.",
            since=NOW,
        ),
        course(
            edition,
            "PM2.5",
            queries.minutes("pm2_5"),
            place(0, 5, 12, 8),
            alias="$tag_device",
            unit="conμgm3",
            limits=[(PM2_5_LIMIT, words.BAD)],
            about=f"Means; the line is {PM2_5_LIMIT} µg/m³: {_AIR}.",
        ),
        course(
            edition,
            "PM10",
            queries.minutes("pm10"),
            place(12, 5, 12, 8),
            alias="$tag_device",
            unit="conμgm3",
            limits=[(PM10_LIMIT, words.BAD)],
            about=f"Means; the line is {PM10_LIMIT} µg/m³: {_AIR}.",
        ),
        course(
            edition,
            "Noise, day 70 and night 55 dB(A)",
            queries.minutes("noise_db"),
            place(0, 13, 12, 8),
            alias="$tag_device",
            unit="dB",
            limits=[(NOISE_NIGHT_LIMIT, words.WARN), (NOISE_DAY_LIMIT, words.BAD)],
            about=f"Arithmetic means. {_NOISE}: {NOISE_DAY_LIMIT} dB(A) from 6 to 22 h, {NOISE_NIGHT_LIMIT} dB(A) at night, of the "
            "equivalent level. That is never below the arithmetic mean: what is over the line here is over the limit.",
        ),
        course(
            edition,
            "Noise, loudest moments",
            queries.minutes("noise_db", peak=True),
            place(12, 13, 12, 8),
            alias="$tag_device",
            unit="dB",
            limits=[(NOISE_NIGHT_LIMIT + 15, words.BAD)],
            about="GB 12523-2025: at night no moment may be more than 15 dB(A) over the limit.",
        ),
        course(
            edition,
            "Wind",
            queries.minutes("wind_mps", peak=True),
            place(0, 21, 8, 7),
            alias="$tag_device",
            unit="velocityms",
            limits=[(WIND_LIMIT, words.BAD)],
            about=f"Highest of each minute; the line is {WIND_LIMIT} m/s (JGJ 196-2010).",
        ),
        course(
            edition,
            "Temperature",
            queries.minutes("temperature_c"),
            place(8, 21, 8, 7),
            alias="$tag_device",
            unit="celsius",
            limits=[(HEAT_SHIFTS, words.WARN), (HEAT_STOP, words.BAD)],
            about="Means; shorter shifts from 35 °C, no work outside from 40 °C (Measures for work in hot weather, 2012).",
        ),
        sheet(
            edition,
            "Sensors: their last words in 24 h",
            queries.SENSORS,
            place(16, 21, 8, 7),
            columns={
                "device": titled("sensor"),
                "pm2_5": titled("PM2.5", setting("decimals", 0)),
                "pm10": titled("PM10", setting("decimals", 0)),
                "noise_db": titled("dB(A)", setting("decimals", 0)),
                "temperature_c": titled("°C", setting("decimals", 1)),
                "humidity": titled("humidity", setting("unit", "percent"), setting("decimals", 0)),
                "wind_mps": titled("m/s", setting("decimals", 1)),
            },
            as_of="",
        ),
    ]


BOARD: Final = Board(
    title=naming.ENVIRONMENT,
    reader="Health, safety and environment officers; authorities that visit",
    answers="Are dust, noise, wind and heat within the law's limits now and over the day, at which sensor, and what is the limit's source?",
    reads="Tiles of what holds now read readings as they came; the day is read by minutes (`environment_1m`).",
    span="24h",
    refresh="1m",
    variables=lambda: [chosen_site()],
    panels=_panels,
)
