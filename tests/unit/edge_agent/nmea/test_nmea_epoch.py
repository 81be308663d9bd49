"""Epochs: sentences of one instant put together."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.nmea import UERE_M, Doubt, Epoch, NmeaStream, read_log, unrolled
from edge_agent.nmea.sentence import checksum_of


def log(*bodies: str) -> bytes:
    return b"".join(b"$%s*%02X\r\n" % (body.encode(), checksum_of(body.encode())) for body in bodies)


def epochs(*bodies: str) -> list[Epoch]:
    return list(read_log([log(*bodies)]))


GGA = "GPGGA,123519.5,4807.038,N,01131.000,W,1,08,0.9,545.4,M,46.9,M,,"
RMC = "GPRMC,123519.5,A,4807.038,N,01131.000,W,010.0,084.4,230394,003.1,W"


def test_one_instant_in_several_sentences_is_one_epoch() -> None:
    [epoch] = epochs(GGA, RMC, "GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1", "GPGST,123519.5,1,1,1,1,3.0,4.0,5.0")
    assert epoch.time == "1994-03-23T12:35:19.500Z"
    assert (epoch.mode, epoch.sats_used, epoch.hdop, epoch.alt_msl) == (3, 8, 1.3, 545.4)
    assert epoch.lat == pytest.approx(48 + 7.038 / 60)
    assert epoch.lon == pytest.approx(-(11 + 31 / 60))
    assert epoch.speed_mps == pytest.approx(5.1444, abs=1e-4)
    assert epoch.course_deg == 84.4
    assert epoch.accuracy_m == 5.0


def test_accuracy_comes_from_hdop_where_the_receiver_sends_no_gst() -> None:
    assert epochs(GGA)[0].accuracy_m == pytest.approx(0.9 * UERE_M)


def test_a_receiver_that_sends_only_gga_has_positions_without_a_time() -> None:
    [first, second] = epochs(GGA, GGA.replace("123519", "123520"))
    assert (first.time, first.mode, second.mode) == (None, 3, 3)


def test_a_receiver_that_sends_only_rmc_has_2d_fixes() -> None:
    assert [epoch.mode for epoch in epochs(RMC, RMC.replace("123519", "123520"))] == [2, 2]


def test_gga_after_midnight_belongs_to_the_next_day() -> None:
    times = [
        epoch.time
        for epoch in epochs(
            "GNRMC,235959.00,A,4807.038,N,01131.000,E,0,0,311223,,",
            "GNGGA,000000.00,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        )
    ]
    assert times == ["2023-12-31T23:59:59.000Z", "2024-01-01T00:00:00.000Z"]


def test_a_late_sentence_of_yesterday_keeps_yesterdays_date() -> None:
    [_, late] = epochs(
        "GNRMC,000000.00,A,4807.038,N,01131.000,E,0,0,010124,,",
        "GNGGA,235959.90,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
    )
    assert late.time == "2023-12-31T23:59:59.900Z"


@pytest.mark.parametrize(("year", "expected"), [("80", 1980), ("99", 1999), ("00", 2000), ("79", 2079)])
def test_two_digits_of_a_year_stand_for_1980_to_2079(year: str, expected: int) -> None:
    assert dt.datetime.fromisoformat(epochs(RMC.replace("230394", f"2303{year}"))[0].time or "").year == expected


def test_zda_gives_the_date_with_its_century() -> None:
    [epoch] = epochs("GPZDA,123519.5,06,02,2026,00,00", GGA)
    assert epoch.time == "2026-02-06T12:35:19.500Z"


@pytest.mark.parametrize("date", ["2208-1", "310299", "000000", "", "٢٣٠٣٩٤"])
def test_an_impossible_date_is_no_date(date: str) -> None:
    assert [epoch.time for epoch in epochs(RMC.replace("230394", date))] == [None] * bool(date.isascii())


@pytest.mark.parametrize(
    "body",
    [
        "GPGGA,123519,4807.038,N,01131.000,E,0,00,99.9,545.4,M,46.9,M,,",
        "GPGGA,123519,,,,,0,00,,,M,,M,,",
        "GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W",
        "GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W,N",
        "GPGLL,3728.0549,N,12213.8639,W,014413.076,N,V",
        "GNGNS,123519,4807.038,N,01131.000,E,NNNN,00,,,0.0,,0000",
        "GPGGA,123519,9907.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,4861.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPRMC,000416.984,V,36000.0000,N,72000.0000,E,0.000000,,260120,,",
    ],
)
def test_what_the_receiver_does_not_vouch_for_is_no_fix(body: str) -> None:
    [epoch] = epochs(body)
    assert (epoch.mode, epoch.lat, epoch.lon) == (1, None, None)


@pytest.mark.parametrize(
    ("body", "mode"),
    [
        ("PASHR,POS,0,08,123519.50,4807.038,N,01131.000,W,545.4,,084.4,010.0,000.1,1.9,0.9,1.6,1.0,ZF00", 3),
        ("PGRMF,290,293895,230394,123519.5,13,4807.038,N,01131.000,W,A,1,19,84,2,1", 2),
        ("PTNL,GGK,123519.50,032394,4807.03800000,N,01131.00000000,W,3,10,1.9,EHT545.4,M", 3),
        ("GPRMC,123519.5,D,4807.038,N,01131.000,W,010.0,084.4,230394,,", 2),
        ("GPRMC,123519.5,A,4807.038,n,01131.000,w,010.0,084.4,230394,,", 2),
    ],
)
def test_a_receiver_that_says_it_its_own_way_has_a_fix(body: str, mode: int) -> None:
    [epoch] = epochs("GPZDA,123519.5,23,03,1994,00,00", body)
    assert (epoch.time, epoch.mode, epoch.alt_msl) == ("1994-03-23T12:35:19.500Z", mode, None)
    assert (epoch.lat, epoch.lon) == (pytest.approx(48 + 7.038 / 60), pytest.approx(-(11 + 31 / 60)))
    if epoch.speed_mps is not None:
        assert (epoch.speed_mps, epoch.course_deg) == (pytest.approx(5.2, abs=0.1), pytest.approx(84.2, abs=0.3))


@pytest.mark.parametrize(
    "body",
    [
        "PASHR,POS,,00,123519.50,,,,,,,,,,,,,,ZF00",
        "PGRMF,290,293895,230394,123519,13,4807.038,N,01131.000,W,A,0,19,84,2,1",
        "PTNL,GGK,123519.50,032394,4807.038,N,01131.000,W,0,00,,,",
    ],
)
def test_a_receiver_that_says_it_its_own_way_that_it_has_no_fix_has_none(body: str) -> None:
    [epoch] = epochs(body)
    assert (epoch.mode, epoch.lat) == (1, None)


@pytest.mark.parametrize(("lat", "lon"), [("17.038", "7.125"), ("0017.038", "00007.125"), ("17.0380", "07.125")])
def test_degrees_without_their_leading_zeros_are_read(lat: str, lon: str) -> None:
    [epoch] = epochs(f"GPGGA,123519,{lat},S,{lon},W,1,08,0.9,545.4,M,46.9,M,,")
    assert (epoch.lat, epoch.lon) == (pytest.approx(-17.038 / 60), pytest.approx(-7.125 / 60))


@pytest.mark.parametrize("lon", ["48", "7", "", "7.", ".5", "61.5"])
def test_degrees_that_lost_their_minutes_are_no_place(lon: str) -> None:
    [epoch] = epochs(f"GPGGA,123519,4807.038,N,{lon},E,1,08,0.9,545.4,M,46.9,M,,")
    assert epoch.lat is None or lon == "7."


def test_a_receiver_that_contradicts_itself_has_no_fix() -> None:
    [epoch] = epochs(GGA, "GPGSA,A,1,,,,,,,,,,,,,,,")
    assert (epoch.mode, epoch.lat) == (1, None)


def test_two_kinds_of_sentence_that_vouch_for_a_place_outweigh_a_mode_that_lags_behind() -> None:
    [epoch] = epochs(GGA, "GPGSA,A,1,,,,,,,,,,,,,,,", RMC)
    assert (epoch.mode, epoch.lat) == (3, pytest.approx(48.1173))


def test_the_best_constellation_of_several_gives_the_mode() -> None:
    [epoch] = epochs(GGA, "GPGSA,A,3,01,,,,,,,,,,,,2,1,1", "GLGSA,A,1,,,,,,,,,,,,,,,", RMC)
    assert epoch.mode == 3


def test_the_own_sentences_of_u_blox_are_read() -> None:
    position = "4807.03800,N,01131.00000,E,121.3,G3,2.1,1.9,18.000,77.52,0.007,,0.92,1.19,0.77,9,0,0"
    [epoch] = epochs(f"PUBX,00,081350.00,{position}", "PUBX,04,081350.00,230394,113851.00,1196,15D,0,0,43")
    assert (epoch.time, epoch.mode, epoch.accuracy_m, epoch.sats_used) == ("1994-03-23T08:13:50.000Z", 3, 2.1, 9)
    assert (epoch.speed_mps, epoch.course_deg, epoch.alt_msl) == (pytest.approx(5), 77.52, None)
    assert [each.mode for each in epochs(f"PUBX,00,081350.00,{position}".replace("G3", "NF"), "PUBX,03,1")] == [1]


def test_a_receiver_without_a_time_reports_each_cycle() -> None:
    empty = ("GPGGA,,,,,,0,,,,M,,M,,", "GPGLL,,,,,,V,N", "GPRMC,,V,,,,,,,,,,N")
    assert [epoch.mode for epoch in epochs(*empty * 3)] == [1, 1, 1]


def test_the_finer_of_two_positions_stays() -> None:
    [epoch] = epochs("GPGGA,123519.5,4807.0381234,N,01131.0001234,W,4,08,0.9,545.4,M,46.9,M,,", RMC)
    assert epoch.lat == pytest.approx(48 + 7.0381234 / 60, abs=1e-10)


def test_old_vtg_without_units_is_understood() -> None:
    [epoch] = epochs(GGA, "GPVTG,054.7,034.4,010.0,018.5")
    assert (epoch.course_deg, round(epoch.speed_mps or 0, 3)) == (54.7, 5.144)


def test_release_hands_out_what_a_quiet_line_has_finished() -> None:
    stream = NmeaStream()
    assert stream.feed(log(GGA)) == []
    assert stream.flush() == []
    assert stream.holds
    assert [epoch.mode for epoch in stream.release()] == [3]
    assert stream.flush() + stream.release() == []


def test_sentences_in_the_header_of_a_log_are_not_fixes() -> None:
    data = b"# a note\n# " + log(GGA) + log(RMC)
    for size in (1, 7, len(data)):
        assert len(list(read_log(data[at : at + size] for at in range(0, len(data), size)))) == 1


@given(st.lists(st.binary(max_size=80) | st.sampled_from([log(GGA), log(RMC), b"$GPGGA,", b"$GPZDA,"]), max_size=30))
def test_no_bytes_make_it_fail(chunks: list[bytes]) -> None:
    stream = NmeaStream()
    found = [epoch for chunk in chunks for epoch in stream.feed(chunk)] + stream.close()
    assert all(-90 <= epoch.lat <= 90 and -180 <= epoch.lon <= 180 for epoch in found if epoch.lat is not None)


@given(
    kind=st.sampled_from(["GGA", "RMC", "GLL", "GSA", "GST", "VTG", "ZDA", "GNS"]),
    fields=st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$*,"), max_size=12), max_size=20
    ),
)
def test_no_fields_make_it_fail(kind: str, fields: list[str]) -> None:
    epochs(",".join([f"GP{kind}", *fields]), GGA)


@given(noise=st.lists(st.binary(max_size=100).filter(lambda data: b"$" not in data), min_size=20, max_size=20))
def test_garbage_between_sentences_loses_no_fix(noise: list[bytes]) -> None:
    lines = [log(body.replace("123519", f"1235{second:02}")) for second in range(10) for body in (GGA, RMC)]
    stream = NmeaStream()
    found = [
        epoch for garbage, line in zip(noise, lines, strict=True) for epoch in stream.feed(garbage + line)
    ] + stream.close()
    assert found == list(read_log(lines))
    assert len(found) == 10


@pytest.mark.parametrize("kept", [125, 0])
def test_a_void_repetition_of_the_last_place_takes_the_fix_back(kept: int) -> None:
    void = f"GPRMC,123520.5,V,4807.{kept + 38:03},N,01131.000,W,,,230394,,"
    assert [epoch.mode for epoch in epochs(GGA, RMC, void)] == ([3, 1] if kept else [1, 1])


def test_a_void_sentence_without_a_place_takes_nothing_back() -> None:
    assert [epoch.mode for epoch in epochs(RMC, "GPRMC,123520.5,V,,,,,,,230394,,")] == [2, 1]


def test_a_leap_second_is_the_first_instant_of_the_next_day() -> None:
    times = [
        epoch.time
        for epoch in epochs(
            "GPRMC,235959,A,4807.038,N,01131.000,E,,,311216,,",
            "GPRMC,235960,A,4807.038,N,01131.000,E,,,311216,,",
            "GPRMC,000000,A,4807.038,N,01131.000,E,,,010117,,",
        )
    ]
    assert times == ["2016-12-31T23:59:59.000Z", "2017-01-01T00:00:00.000Z", "2017-01-01T00:00:00.000Z"]


def test_two_places_at_one_instant_are_none() -> None:
    stream = NmeaStream()
    found = stream.feed(log(GGA, GGA.replace("4807", "4808"), RMC.replace("123519", "123520"))) + stream.close()
    assert [epoch.mode for epoch in found] == [1, 3]
    assert stream.contradictions == 1


@pytest.mark.parametrize(
    ("told", "today", "expected", "doubt"),
    [
        ("2027-03-01", "2027-03-01", "2027-03-01", Doubt.NONE),
        ("2007-07-16", "2027-03-01", "2027-03-01", Doubt.CORRECTED),
        ("2007-07-17", "2027-03-01", "2027-03-02", Doubt.CORRECTED),
        ("1987-11-30", "2027-03-01", "2027-03-01", Doubt.CORRECTED),
        ("2007-07-19", "2027-03-01", "2007-07-19", Doubt.KEPT),
        ("2007-07-16", "1970-01-01", "2007-07-16", Doubt.KEPT),
        ("2080-01-06", "2027-03-01", "2080-01-06", Doubt.NONE),
    ],
)
def test_a_date_of_another_gps_era_is_corrected_only_when_sure(told: str, today: str, expected: str, doubt: Doubt) -> None:
    day = dt.date.fromisoformat
    assert unrolled(day(told), day(today)) == (day(expected), doubt)


def test_a_live_receivers_date_is_corrected_and_a_logs_is_not() -> None:
    old = "GPRMC,120000,A,4807.038,N,01131.000,E,,,160707,,"
    live = NmeaStream(today=lambda: dt.date(2027, 3, 1))
    assert [epoch.time for epoch in live.feed(log(old)) + live.close()] == ["2027-03-01T12:00:00.000Z"]
    assert live.date_doubt is Doubt.CORRECTED
    assert [epoch.time for epoch in epochs(old)] == ["2007-07-16T12:00:00.000Z"]


@pytest.mark.parametrize(
    "body",
    [
        "GPGGA,123519,4807.038,N,01131.000,E,6,08,0.9,545.4,M,46.9,M,,",
        "GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W,E",
        "GPGLL,4807.038,N,01131.000,E,123519,A,S",
        "GNGNS,123519,4807.038,N,01131.000,E,EE,00,,545.4,,,",
        "PUBX,00,081350.00,4807.03800,N,01131.00000,E,121.3,DR,2.1,1.9,18.000,77.52,0.007,,0.92,1.19,0.77,9,0,0",
    ],
)
def test_a_position_that_nobody_measured_is_marked(body: str) -> None:
    assert [(epoch.mode > 1, epoch.estimated) for epoch in epochs(body)] == [(True, True)]


@pytest.mark.parametrize("hertz", [1, 5, 10, 20])
def test_every_fix_of_a_fast_receiver_is_an_epoch(hertz: int) -> None:
    times = [f"1235{at // hertz:02}.{at % hertz * 100 // hertz:02}" for at in range(3 * hertz)]
    found = epochs(*(body.replace("123519.5", time) for time in times for body in (GGA, RMC)))
    assert [epoch.mode for epoch in found] == [3] * len(times)
    assert len({epoch.time_ns for epoch in found}) == len(times)
