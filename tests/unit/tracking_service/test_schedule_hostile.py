"""Files that were made to hurt: refused with a reason, in bounded memory, without hanging."""

import tracemalloc
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service import charset
from tracking_service.errors import FileRefusedError
from tracking_service.schedules import reading
from tracking_service.schedules.calendars import MAX_BASES, Reach
from tracking_service.schedules.elements import parse
from tracking_service.schedules.fields import iso_minutes, iso_time

T = TypeVar("T")


def tried(call: Callable[[], T]) -> tuple[str, T | None]:
    """What it was refused with, and what it gave."""
    try:
        return "", call()
    except FileRefusedError as refused:
        return str(refused), None


LAUGHS = b'<!DOCTYPE Project [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Project><Name>&b;</Name></Project>'


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        b'<!DOCTYPE p SYSTEM "file:///etc/passwd"><Project/>',
        b'<!DOCTYPE p [<!ENTITY % x SYSTEM "http://localhost/x"> %x;]><Project/>',
    ],
)
def test_document_types_and_their_entities_are_refused(data):
    with pytest.raises(FileRefusedError, match="line 1: a document type"):
        reading.read(data, "plan.xml")


def test_elements_in_elements_are_bounded():
    with pytest.raises(FileRefusedError, match="65 deep"):
        reading.read(b"<Project>" + b"<Tasks>" * 100_000, "plan.xml")


def test_a_tag_with_a_hundred_thousand_attributes_is_refused_before_it_is_unpacked():
    attributes = b" ".join(b'a%d="x"' % each for each in range(100_000))
    with pytest.raises(FileRefusedError, match="line 2: more than 1000000 bytes without an end"):
        reading.read(b"<Project>\n<Tasks " + attributes + b"/></Project>", "plan.xml")


@pytest.mark.parametrize("text", [b"x", b" ", b"\n", "梁".encode()])
def test_a_text_without_end_is_refused_before_it_is_kept(text):
    data = b"<Project><Tasks><Task><Name>" + text * 20_000_000 + b"</Name></Task></Tasks></Project>"
    with pytest.raises(FileRefusedError, match="a text of more than 1000000 characters"):
        parse(data, "plan.xml", frozenset({"Tasks", "Task", "Name"}))


def test_a_file_beyond_the_bound_is_refused_before_it_is_read():
    with pytest.raises(FileRefusedError, match="more than 64 MB"):
        reading.read(bytes(reading.MAX_BYTES + 1), "plan.xml")


def test_elements_that_nobody_wants_cost_no_memory():
    data = b"<Project><Tasks>" + b"<Task><Junk><a/><a/></Junk></Task>" * 20_000 + b"</Tasks></Project>"
    tracemalloc.start()
    parse(data, "plan.xml", frozenset({"Tasks"}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # a piece of the file and no elements


@pytest.mark.parametrize("begin", [b"ERMHDR\t8.0\n%T\tTASK\n%F\ta\n%R\t", b"MPX,x,4.0,ANSI\n70,"])
def test_a_row_without_end_is_refused(begin):
    with pytest.raises(FileRefusedError, match="characters; this is no"):
        reading.read(begin + b"x," * 1_500_000, "plan")


def test_a_wbs_of_a_hundred_thousand_elements_in_a_chain_is_refused():
    rows = "".join(f"%R\t{each}\t1\tn\t{each - 1}\n" for each in range(1, 5_000))
    text = (
        "ERMHDR\t8.0\n%T\tPROJECT\n%F\tproj_id\n%R\t1\n%T\tTASK\n%F\ttask_id\tproj_id\twbs_id\ttask_name\n"
        f"%T\tPROJWBS\n%F\twbs_id\tproj_id\twbs_name\tparent_wbs_id\n{rows}%E\n"
    )
    with pytest.raises(FileRefusedError, match="more than 1000 deep"):
        reading.read(text.encode(), "p.xer")


BEGINNINGS = st.sampled_from(
    [
        b"<Project><Tasks><Task><UID>1</UID>",
        b"<APIBusinessObjects><Project><ObjectId>1</ObjectId><Activity>",
        b"ERMHDR\t8.0\n%T\tPROJECT\n%F\tproj_id\n%R\t1\n%T\tTASK\n%F\ttask_id\tproj_id\twbs_id\ttask_name\ttarget_drtn_hr_cnt\n%R\t",
        b"MPX,Microsoft Project,4.0,ANSI\n61,1,40,50,70,90\n70,",
        b"MPX;Project;4,0;ANSI\n12,1\n60;Name;Dauer;Anfang;ID\n61;1;40;50;90\n70;a;",
        b"",
    ]
)
ENDS = st.sampled_from([b"", b"</Task></Tasks></Project>", b"</Activity></Project></APIBusinessObjects>", b"\n%E\n", b"\n"])
MIDDLES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    st.lists(
        st.sampled_from(
            [
                *b"<Name> </Name> <Start> 2024-01-01T08:00:00 </Start> <Duration> PT8H </Duration> 1 , ; 1d 07/01/03 2FS+1d -5e%".split(
                    b" "
                ),
                b"\t",
                b"\n70,",
                b"\n%R\t",
                b"%T\tTASKPRED",
                b"99999999999",
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@given(BEGINNINGS, MIDDLES, ENDS)
@settings(max_examples=400, deadline=None)
def test_whatever_stands_in_a_file_it_is_read_or_refused_with_its_name(begin, middle, end):
    said, schedules = tried(lambda: reading.read(begin + middle + end, "the file"))
    assert said.startswith("the file: ") or not said
    for schedule in schedules or ():
        known = {task.uid for task in schedule.tasks}
        assert all(link.uid in known for task in schedule.tasks for link in task.predecessors)
        assert all(task.title for task in schedule.tasks)


@given(st.text(max_size=40))
def test_texts_that_are_no_time_or_duration_are_value_errors(text):
    for convert in (iso_time, iso_minutes):
        try:
            convert(text)
        except ValueError:
            continue


@given(st.floats(min_value=0, max_value=1e6).map(lambda value: round(value, 3)))
def test_hours_minutes_and_seconds_add_up(minutes):
    hours, rest = divmod(minutes, 60)
    assert iso_minutes(f"PT{int(hours)}H{int(rest)}M{(rest - int(rest)) * 60:.4f}S") == pytest.approx(minutes, abs=1e-4)


@given(st.binary(max_size=400))
def test_bytes_are_decoded_or_refused(data):
    said, decoded = tried(lambda: charset.decode(data, "file"))
    assert said.startswith("file: ") if decoded is None else decoded.text is not None


@pytest.mark.parametrize("encoding", ["rot13", "zlib", "nonsense", "utf-8\n", "idna" * 20, ""])
def test_encodings_that_are_none_are_refused(encoding):
    with pytest.raises(FileRefusedError, match="there is no encoding"):
        charset.decode(b"text", "file", encoding)


def test_an_encoding_that_does_not_fit_is_told_with_the_line():
    with pytest.raises(FileRefusedError, match="file: line 2: byte 0xfc is not utf-8"):
        charset.decode("eins\nfünf".encode("latin-1"), "file", "utf-8")


def test_calendars_that_stand_on_each_other_without_end_are_followed_a_few_floors_down():
    """Two thousand took half a minute, when each went through all those below it."""
    floors = "".join(
        f"<Calendar><UID>{uid}</UID><BaseCalendarUID>{uid - 1}</BaseCalendarUID><WeekDays><WeekDay><DayType>{uid % 7 + 1}</DayType>"
        f"<DayWorking>1</DayWorking></WeekDay></WeekDays></Calendar>"
        for uid in range(5_000)
    )
    plan = reading.read(f"<Project><Calendars>{floors}</Calendars></Project>".encode(), "plan.xml")[0]
    calendars = plan.calendars
    assert len(calendars) == 5_000
    assert len(calendars["3"].weekdays) == 4
    assert len(calendars["4999"].weekdays) == min(7, MAX_BASES)
    reach = Reach(calendars, date(2024, 1, 1), date(2024, 12, 31))
    assert all(reach.exceptions(each) == {} for each in calendars.values())
