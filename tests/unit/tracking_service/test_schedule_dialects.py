"""What programs write that is not in the book: other words, other zeros, marks that nobody sees, parts left out."""

import codecs

import pytest

from tracking_service.errors import FileRefusedError
from tracking_service.schedules import Schedule, Span, Task, chosen, read


def one(data: bytes, name: str = "plan") -> Schedule:
    return chosen(read(data, name), name, None)


def by_id(plan: Schedule) -> dict[str, Task]:
    return {each.id: each for each in plan.tasks}


def mspdi(*tasks: str, before: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Project xmlns="http://schemas.microsoft.com/project">'
        f"<Title>Hall 3</Title>{before}<Tasks>{''.join(tasks)}</Tasks></Project>"
    )


def task(uid: int, more: str = "", name: str = "Task", level: int = 1) -> str:
    return f"<Task><UID>{uid}</UID><ID>{uid}</ID><Name>{name}</Name><OutlineLevel>{level}</OutlineLevel>{more}</Task>"


# Microsoft Project XML


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("<Duration>P5DT0H0M0S</Duration><DurationFormat>7</DurationFormat>", Span(5 * 600)),
        ("<Duration>P1DT4H</Duration>", Span(600 + 240)),
        ("<Duration>P2W</Duration><DurationFormat>9</DurationFormat>", Span(10 * 600)),
        ("<Duration>P5DT0H0M0S</Duration><DurationFormat>8</DurationFormat>", Span(5 * 1_440, elapsed=True)),
        ("<Duration>P1W</Duration><DurationFormat>42</DurationFormat>", Span(10_080, elapsed=True)),
    ],
)
def test_days_and_weeks_of_a_duration_are_working_days_unless_they_count_by_the_clock(told, meant):
    plan = one(mspdi(task(1, told), before="<MinutesPerDay>600</MinutesPerDay>").encode())
    assert plan.tasks[0].duration == meant


@pytest.mark.parametrize("zero", ["0001-01-01T00:00:00", "1899-12-30T00:00:00", "1899-12-31T00:00:00"])
def test_a_program_s_zero_is_no_date(zero):
    plan = one(mspdi(task(1, f"<Start>{zero}</Start><Finish>2024-05-06T17:00:00</Finish>")).encode())
    assert plan.tasks[0].start is None
    assert plan.tasks[0].finish is not None


def test_a_task_with_parts_is_a_summary_and_one_without_is_none_whatever_the_file_says():
    tasks = by_id(
        one(
            mspdi(
                task(0, "<Summary>0</Summary>", level=0),
                task(1, "<Summary>0</Summary>"),
                task(2, "<Summary>1</Summary><SubprojectName>C:\\other.mpp</SubprojectName>", level=2),
            ).encode()
        )
    )
    assert [each.summary for each in tasks.values()] == [True, True, False]
    assert one(mspdi(task(0, "<Summary>0</Summary>", level=0)).encode()).tasks[0].summary


def test_a_link_to_the_stand_in_of_another_project_s_task_is_kept():
    link = "<PredecessorLink><PredecessorUID>{}</PredecessorUID><Type>1</Type><CrossProject>1</CrossProject></PredecessorLink>"
    plan = one(mspdi(task(1, "<ExternalTask>1</ExternalTask>"), task(2, link.format(1)), task(3, link.format(9))).encode())
    assert [[each.uid for each in task.predecessors] for task in plan.tasks] == [[], ["1"], []]
    assert plan.remarks == ("line 1, task 3: a link to a task of another project is left out",)


@pytest.mark.parametrize("written", ["&#x0B;", "&#11;", "&#x1f;", "\x0b", "\x01"])
def test_characters_that_xml_does_not_have_are_blanks(written):
    assert one(mspdi(task(1, name=f"Lay{written}bricks")).encode()).tasks[0].title == "Lay bricks"


def test_blank_lines_above_the_declaration_change_nothing_but_the_numbers_of_lines():
    data = b"\r\n  \n" + mspdi(task(1), "\n", task(2, "<Start>soon</Start>")).encode()
    assert one(data.replace(b"<Start>soon</Start>", b"")).tasks[1].line == 4
    with pytest.raises(FileRefusedError, match="plan: line 4, task 2"):
        one(data)
    with pytest.raises(FileRefusedError, match=r"plan: line 4, column .* cut off"):
        one(data[:-80].replace(b"<Start>soon</Start>", b""))


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_wide_characters_are_read(mark):
    codec = {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be", codecs.BOM_UTF16_LE: "utf-16-le"}
    text = mspdi(task(1, name="桩基")).replace("UTF-8", "UTF-16")
    assert one(mark + text.encode(codec.get(mark, "utf-16-be"))).tasks[0].title == "桩基"


def test_a_file_that_is_not_in_the_encoding_it_says_is_refused_with_that():
    with pytest.raises(FileRefusedError, match=r"plan: line 2: byte 0x\w\w is not utf-8; say the file's encoding"):
        one(mspdi(task(1), "\n", task(2, name="桩基工程")).encode("gb18030"))


# MPX


def mpx(*records: str, decimal: str = ",", thousands: str = ".", separator: str = ";", duration: str = "Duration") -> str:
    names = ["60", "Name", duration, "Predecessors", "Milestone", "ID"]
    head = ["MPX", "P", "4.0", "ANSI"]
    currency = ["10", "$", "1", "2", thousands, decimal]
    quoted = [f'"{each}"' if each == separator else each for each in currency]
    rows = [head, quoted, names, ["61", "1", "40", "70", "81", "90"]]
    return "\n".join([separator.join(row) for row in rows] + list(records)) + "\n"


@pytest.mark.parametrize(
    ("word", "written", "meant"),
    [
        ("Duration", "2mon", Span(40 * 480)),
        ("Duration", "2 months?", Span(40 * 480)),
        ("Duration", "1emon", Span(43_200, elapsed=True)),
        ("Duration", "3 edays", Span(4_320, elapsed=True)),
        ("Длительность", "2день", Span(960)),
        ("Длительность", "1,5 час", Span(90)),
        ("Длительность", "3минута", Span(3)),
        ("Длительность", "1неделя", Span(2_400)),
        ("Длительность", "1месяц", Span(9_600)),
        ("Длительность", "1каждый день", Span(1_440, elapsed=True)),
        ("Длительность", "2каждую неделю", Span(20_160, elapsed=True)),
        ("Длительность", "1пд", Span(1_440, elapsed=True)),
        ("工期", "5 个工作日", Span(2_400)),
        ("工期", "8 工时", Span(480)),
    ],
)
def test_mpx_durations_in_words_of_their_language(word, written, meant):
    plan = one(mpx(f"70;A;{written};;;1", duration=word).encode())
    assert plan.tasks[0].duration == meant


def test_mpx_has_no_years():
    with pytest.raises(FileRefusedError, match="line 5: duration '1y' is not understood"):
        one(mpx("70;A;1y;;;1").encode())


@pytest.mark.parametrize(
    ("decimal", "thousands", "written", "days"),
    [(",", ".", "1.200d", 1_200), (".", ",", "1,200d", 1_200), (".", ",", "1,200.5d", 1_200.5), (",", ".", "1.5d", 1.5), (".", "", "1,5d", 1.5)],
)  # fmt: skip
def test_thousands_of_an_mpx_file_are_parted_as_it_says(decimal, thousands, written, days):
    plan = one(mpx(f"70;A;{written};;;1", decimal=decimal, thousands=thousands).encode())
    assert plan.tasks[0].duration == Span(days * 480)


def test_links_are_parted_by_the_sign_that_their_lags_have_for_decimals():
    rows = ["70,A,1d,,,1", "70,B,1d,,,2", '70,C,1d,"1CF+1,5d,2FC-12,25h",,3', '70,D,1d,"1,2,3",,4']
    tasks = by_id(one(mpx(*rows, separator=",", duration="Duración").encode()))
    assert [(each.uid, each.kind, each.lag) for each in tasks["3"].predecessors] == [
        ("1", "SF", Span(720)),
        ("2", "FS", Span(-735)),
    ]
    assert [each.uid for each in tasks["4"].predecessors] == ["1", "2", "3"]


def test_russian_files_name_links_in_two_ways():
    rows = ["70;A;1д;;;1", "70;B;1д;1НК;;2", "70;C;1д;1КН;;3", "70;D;1д;1КК;;4", "70;E;1д;1НН;;5", "70;F;1д;1ОН;;6"]
    tasks = by_id(one(mpx(*rows, duration="Длительность").encode()))
    assert [tasks[each].predecessors[0].kind for each in "23456"] == ["SF", "FS", "FF", "SS", "FS"]


@pytest.mark.parametrize(
    ("word", "written"), [("Duración", "Sí"), ("Duración", "Si"), ("Duración", "Sí\u00ad"), ("Durata", "Sì")]
)
def test_a_milestone_is_one_with_and_without_accents(word, written):
    plan = one(mpx(f"70;A;1d;;{written};1", duration=word).encode("utf-8"))
    assert plan.tasks[0].milestone


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_an_mpx_file_in_wide_characters_is_read(codec):
    assert one(mpx("70;桩基;1d;;;1").encode(codec)).tasks[0].title == "桩基"
    assert one(b"\r\n" + mpx("70;A;1d;;;1").encode()).tasks[0].title == "A"


def test_the_code_page_that_an_mpx_file_names_is_its_encoding():
    data = mpx("70;Größe;1d;;;1").replace("ANSI", "1252")
    assert one(data.encode("cp1252")).remarks == ()
    assert one(mpx("70;Бетон;1d;;;1").replace("ANSI", "1251").encode("cp1251")).tasks[0].title == "Бетон"


# Primavera


def xer(*rows: str, end: str = "%E\n") -> str:
    columns = "task_id proj_id wbs_id task_code task_name status_code target_drtn_hr_cnt remain_drtn_hr_cnt act_start_date"
    return (
        "ERMHDR\t20.12\n%T\tPROJECT\n%F\tproj_id\tproj_short_name\n%R\t1\tBRIDGE\n%T\tTASK\n%F\t"
        + "\t".join(columns.split())
        + "\n"
        + "".join(f"%R\t{row}\n" for row in rows)
        + end
    )


def test_what_stands_behind_the_end_of_an_xer_file_is_none_of_it():
    row = "7\t1\t\tA1\tDig\tTK_NotStart\t8\t8\t"
    for behind in ("\x1a", "-- \nsent from the site\n", "%X\n", "\n\n"):
        assert len(one(xer(row, end="%E\n" + behind).encode()).tasks) == 1
        assert len(one(xer(row, end="%E" + behind).encode()).tasks) == 1


def test_quotes_of_an_xer_file_are_doubled():
    row = '7\t1\t\tA1\t24"" pipe ""north""\tTK_NotStart\t8\t8\t'
    assert one(xer(row).encode()).tasks[0].title == '24" pipe "north"'


@pytest.mark.parametrize(("written", "hours"), [("1.240,5", 1_240.5), ("1,240.5", 1_240.5), ("12,5", 12.5)])
def test_hours_in_the_numbers_of_the_exporting_machine(written, hours):
    assert one(xer(f"7\t1\t\tA1\tDig\tTK_NotStart\t{written}\t0\t").encode()).tasks[0].duration == Span(hours * 60)


def test_an_activity_with_more_left_than_was_planned_takes_that_long():
    rows = ["7\t1\t\tA1\tDig\tTK_Active\t40\t60\t2024-05-06 08:00", "8\t1\t\tA2\tPour\tTK_Complete\t40\t60\t"]
    tasks = by_id(one(xer(*rows).encode()))
    assert tasks["A1"].duration == Span(3_600)
    assert tasks["A1"].percent == 0
    assert tasks["A2"].duration == Span(2_400)


def test_a_project_without_activities_beside_one_with_some_does_not_count():
    project = "<Project><ObjectId>{0}</ObjectId><Id>P{0}</Id>{1}</Project>"
    activity = "<Activity><ObjectId>5</ObjectId><Id>A1</Id><Name>Dig</Name></Activity>"
    data = f"<APIBusinessObjects>{project.format(1, activity)}{project.format(2, '')}</APIBusinessObjects>"
    assert one(data.encode()).project == "P1"
