"""Planning files that people and programs really write: units, languages, encodings, several projects, odd rows."""

import pytest

from tracking_service.errors import FileRefusedError
from tracking_service.schedules import Schedule, Span, Task, chosen, is_schedule, read
from tracking_service.schedules.fields import local_time


def mspdi(*tasks: str, before: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Project xmlns="http://schemas.microsoft.com/project">'
        f"<Name>p.xml</Name><Title>Hall 3</Title>{before}<Tasks>{''.join(tasks)}</Tasks></Project>"
    ).encode()


def task(uid: int, name: str = "Task", level: int = 1, more: str = "") -> str:
    return f"<Task><UID>{uid}</UID><ID>{uid}</ID><Name>{name}</Name><OutlineLevel>{level}</OutlineLevel>{more}</Task>"


def link(uid: int, kind: int, lag: int, form: int, more: str = "") -> str:
    return (
        f"<PredecessorLink><PredecessorUID>{uid}</PredecessorUID><Type>{kind}</Type>{more}"
        f"<LinkLag>{lag}</LinkLag><LagFormat>{form}</LagFormat></PredecessorLink>"
    )


def one(data: bytes, name: str = "plan", encoding: str | None = None) -> Schedule:
    return chosen(read(data, name, encoding), name, None)


def by_id(plan: Schedule) -> dict[str, Task]:
    return {each.id: each for each in plan.tasks}


def test_microsoft_project_tells_units_of_durations_and_lags():
    plan = one(
        mspdi(
            task(1, more="<Duration>PT36H30M0S</Duration><DurationFormat>7</DurationFormat>"),
            task(2, more="<Duration>P3DT0H0M0S</Duration><DurationFormat>8</DurationFormat>" + link(1, 3, -4800, 8)),
            task(3, more=link(1, 0, 50, 19) + link(2, 2, 25, 20)),
            task(4, more="<Duration>PT0H0M30.6S</Duration><DurationFormat>39</DurationFormat>" + link(3, 1, 600, 40)),
            before="<MinutesPerDay>600</MinutesPerDay>",
        )
    )
    tasks = by_id(plan)
    assert tasks["1"].duration == Span(2_190)
    assert tasks["2"].duration == Span(4_320, elapsed=True)
    assert tasks["2"].duration.days(plan.minutes_per_day) == 3
    assert [(each.uid, each.kind, each.lag) for each in tasks["2"].predecessors] == [("1", "SS", Span(-480, elapsed=True))]
    assert [(each.kind, each.lag_percent, each.lag.elapsed) for each in tasks["3"].predecessors] == [
        ("FF", 50, False),
        ("SF", 25, True),
    ]
    assert tasks["4"].predecessors[0].lag == Span(60, elapsed=True)
    assert tasks["4"].duration.minutes == pytest.approx(0.51)


def test_blank_inactive_external_and_unnamed_rows_are_told():
    plan = one(
        mspdi(
            task(0, "", 0),
            "<Task><UID>1</UID><ID>1</ID><IsNull>1</IsNull></Task>",
            task(2, "Dig", more="<Active>0</Active>"),
            task(3, "Theirs", more="<ExternalTask>1</ExternalTask>"),
            task(
                4,
                "",
                more="<WBS>1.4</WBS><Duration>PT1H0M0S</Duration>"
                + link(99, 1, 0, 7)
                + link(2, 1, 0, 7, "<CrossProject>1</CrossProject>"),
            ),
        )
    )
    assert [(each.title, each.active, each.external) for each in plan.tasks] == [
        ("Dig", False, False),
        ("Theirs", True, True),
        ("1.4", True, False),
    ]
    assert plan.tasks[-1].predecessors == ()
    told = " | ".join(plan.remarks)
    for part in ("empty row", "without a name", "another project", "does not have"):
        assert part in told


def test_summaries_and_milestones_follow_from_the_rows_where_the_file_does_not_say_them():
    nothing = "<Duration>PT0H0M0S</Duration>"
    tasks = by_id(one(mspdi(task(1), task(2, level=2, more=nothing), task(3, "", more=nothing), task(4, ""))))
    assert [(each.summary, each.milestone) for each in tasks.values()] == [(True, False), (False, True), (False, True)]
    mpx = "MPX,P,4.0,ANSI\n61,90,1,3,40\n70,1,A,1,5d\n70,2,B,2,0d\n"
    assert [(each.summary, each.milestone) for each in one(mpx.encode()).tasks] == [(True, False), (False, True)]


def test_levels_make_parents_even_where_they_jump():
    plan = one(mspdi(task(1, level=1), task(2, level=4), task(3, level=2), task(4, level=1)))
    assert [each.parent for each in plan.tasks] == [None, "1", "1", None]


def test_without_levels_the_outline_number_says_it():
    rows = [(1, "1"), (2, "1.1"), (3, "1.1.1")]
    tasks = [f"<Task><UID>{uid}</UID><Name>t</Name><OutlineNumber>{number}</OutlineNumber></Task>" for uid, number in rows]
    assert [each.level for each in one(mspdi(*tasks)).tasks] == [1, 2, 3]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("<Start>tomorrow</Start>", "<Start> 'tomorrow' is no time"),
        ("<Finish>2024-02-30T08:00:00</Finish>", "<Finish> '2024-02-30T08:00:00' day"),
        ("<Duration>8h</Duration>", "<Duration> '8h' is no duration"),
        ("<Duration>P1M</Duration>", "counts years or months"),
        ("<PercentComplete>much</PercentComplete>", "<PercentComplete> 'much' is no number"),
        ("<PredecessorLink><PredecessorUID>1</PredecessorUID><Type>9</Type></PredecessorLink>", "<Type> is '9'"),
    ],
)
def test_a_field_that_cannot_be_read_is_told_with_line_and_task(more, said):
    with pytest.raises(FileRefusedError) as refused:
        read(mspdi(task(1), "\n", task(7, more=more)), "plan.xml")
    assert "plan.xml: line 2" in str(refused.value)
    assert said in str(refused.value)


def test_the_same_number_twice_is_refused_with_both_lines():
    with pytest.raises(FileRefusedError, match="line 2: task UID 5 stands on line 1 already"):
        read(mspdi(task(5), "\n", task(5)), "plan.xml")


def test_chinese_programs_declare_gb2312():
    data = mspdi(task(1, "基础开挖")).decode().replace("UTF-8", "GB2312").encode("gb18030")
    assert one(data).tasks[0].title == "基础开挖"


@pytest.mark.parametrize("declared", ["utf-16", "UTF-16"])
def test_a_program_s_string_saved_as_utf_8_is_read_all_the_same(declared):
    data = mspdi(task(1, "Größe")).decode().replace("UTF-8", declared)
    assert one(data.encode()).tasks[0].title == "Größe"
    assert one(data.encode("utf-16")).tasks[0].title == "Größe"


def test_a_prefix_on_every_element_changes_nothing():
    data = (
        b'<p:Project xmlns:p="http://schemas.microsoft.com/project"><p:Tasks><p:Task><p:UID>1</p:UID><p:Name>A</p:Name>'
        b"</p:Task></p:Tasks></p:Project>"
    )
    assert one(data).tasks[0].title == "A"


WBS = "%T\tPROJWBS\n%F\twbs_id\tproj_id\tseq_num\tproj_node_flag\twbs_short_name\twbs_name\tparent_wbs_id\n"
TASK = (
    "%T\tTASK\n%F\ttask_id\tproj_id\twbs_id\tclndr_id\tcomplete_pct_type\ttask_type\tstatus_code\ttask_code\ttask_name"
    "\tremain_drtn_hr_cnt\ttarget_drtn_hr_cnt\tact_start_date\tearly_start_date\tearly_end_date\n"
)


def xer(*parts: str, version: str = "20.12", end: str = "%E\n") -> str:
    project = "%T\tPROJECT\n%F\tproj_id\tproj_short_name\texport_flag\n%R\t1\tBRIDGE\tY\n%R\t2\tOTHER\tN\n"
    return f"ERMHDR\t{version}\t2024-01-01\tProject\n{project}" + "".join(parts) + end


def two_activities(name: str = "Piles") -> str:
    wbs = WBS + "%R\t10\t1\t0\tY\tBRIDGE\tNew bridge\t\n%R\t11\t1\t5\tN\tF\tFoundations\t10\n"
    rows = (
        f"%R\t7\t1\t11\t\tCP_Drtn\tTT_Task\tTK_Active\tA100\t{name}\t20\t80\t2024-05-06 08:00\t2024-05-07 08:00\t2024-05-17 17:00\n"
        "%R\t8\t1\t11\t\tCP_Phys\tTT_FinMile\tTK_NotStart\tA20\tPiles done\t0\t0\t\t2024-05-17 17:00\t2024-05-17 17:00\n"
    )
    return wbs + TASK + rows


def test_an_xer_file_of_utf_8_of_china_of_the_west_and_of_russia_has_its_names():
    for name, encoding in (
        ("Fundação nº 5 – été", "cp1252"),
        ("钻孔灌注桩施工，第一段", "gb18030"),
        ("钻孔灌注桩施工，第一段", "utf-8"),
        ("钻孔灌注桩施工", "utf-16"),
        ("Буронабивные сваи первой очереди", "cp1251"),
        ("桩 €", "cp936"),
    ):
        text = xer(two_activities(name if encoding != "cp936" else "桩基工程第二标段"))
        data = text.encode("gb18030" if encoding == "cp936" else encoding)
        if encoding == "cp936":  # its euro sign is one byte
            data = data.replace(b"New bridge", b"New bridge \x80")
        plan = one(data)
        assert by_id(plan)["A100"].title == (name if encoding != "cp936" else "桩基工程第二标段"), encoding
        assert bool(plan.remarks) == (encoding not in {"utf-8", "utf-16"})
    assert by_id(one(xer(two_activities("桩")).encode("gb18030"), encoding="gbk"))["A100"].title == "桩"


def test_activities_stand_in_their_wbs_and_summaries_span_them():
    relations = "%T\tTASKPRED\n%F\ttask_id\tpred_task_id\tpred_type\tlag_hr_cnt\n%R\t8\t7\tPR_SS\t12,5\n%R\t8\t99\tPR_FS\t0\n"
    plan = one(xer(two_activities(), relations).encode())
    tasks = by_id(plan)
    assert [(each.id, each.level) for each in plan.tasks] == [("BRIDGE", 0), ("BRIDGE.F", 1), ("A20", 2), ("A100", 2)]
    assert tasks["BRIDGE.F"].start == local_time(2024, 5, 6, 8)
    assert tasks["BRIDGE"].finish == local_time(2024, 5, 17, 17)
    assert tasks["A100"].percent == 75
    assert tasks["A20"].milestone
    assert [(each.kind, each.lag) for each in tasks["A20"].predecessors] == [("SS", Span(750))]
    assert "another project" in plan.remarks[0]


def test_of_several_projects_one_must_be_named():
    both = xer(two_activities()).replace("\tOTHER\tN", "\tOTHER\tY").replace("%R\t8\t1\t11", "%R\t8\t2\t12")
    schedules = read(both.encode(), "all.xer")
    with pytest.raises(FileRefusedError, match=r"all.xer: 2 projects; say which one: 'BRIDGE' \(New bridge\), 'OTHER'"):
        chosen(schedules, "all.xer", None)
    assert [each.id for each in chosen(schedules, "all.xer", "OTHER").tasks] == ["A20"]
    with pytest.raises(FileRefusedError, match="no project 'X'; the file has 'BRIDGE'"):
        chosen(schedules, "all.xer", "X")


def test_projects_that_are_there_only_for_their_relationships_are_left_aside():
    assert one(xer(two_activities()).replace("%R\t8\t1\t11", "%R\t8\t2\t12").encode()).project == "BRIDGE"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (xer(two_activities(), end=""), "line 13: the file ends without %E: it is cut off"),
        (xer(), "XER version 20.12: there is no table TASK"),
        (xer("%T\tTASK\n%F\tid\tname\n%R\t1\tx\n", version="3.5"), "XER version 3.5: table TASK has no column task_id"),
        (xer(two_activities()).replace("2024-05-06 08:00", "06-May-24"), "act_start_date '06-May-24' is no time"),
        (xer(two_activities()).replace("\t80\t", "\tlong\t"), "target_drtn_hr_cnt 'long' is no number"),
        (xer(two_activities()).replace("\t17:00\n", "\n").replace("%R\t8", "%Q\t8"), "'%Q' is none of"),
        (xer(WBS + "%R\t1\t1\t0\tN\ta\tA\t2\n%R\t2\t1\t0\tN\tb\tB\t1\n", TASK), "lies in itself"),
        (xer("%T\tTASK\n%R\t1\n"), "a row of table TASK before its columns"),
    ],
)
def test_an_xer_file_that_cannot_be_read_says_line_and_reason(text, said):
    with pytest.raises(FileRefusedError) as refused:
        read(text.encode(), "p.xer")
    assert said in str(refused.value)
    assert str(refused.value).startswith("p.xer: ")


def test_notes_over_several_lines_belong_to_their_row():
    text = xer(two_activities("Piles\nsecond line"), "%T\tTASKMEMO\n%F\tmemo\n%R\tone\ntwo\n\nthree\n")
    assert by_id(one(text.replace("\n", "\r\n").encode()))["A100"].title == "Piles second line"


PMXML = """<?xml version="1.0"?><APIBusinessObjects xmlns="http://xmlns.oracle.com/Primavera/P6/V8.3/API/BusinessObjects">
<Project><ObjectId>1</ObjectId><Id>P1</Id><Name>Quay</Name><RelationshipLagCalendar>24 Hour Calendar</RelationshipLagCalendar>
{inside}</Project>{beside}<BaselineProject><ObjectId>9</ObjectId></BaselineProject></APIBusinessObjects>"""
PARTS = """<WBS><ObjectId>5</ObjectId><ProjectObjectId>1</ProjectObjectId><Code>W</Code><Name>Wall</Name></WBS>
<Activity><ObjectId>5</ObjectId><ProjectObjectId>1</ProjectObjectId><Id>A1</Id><Name>Sheet piles</Name><WBSObjectId>5</WBSObjectId>
<PlannedStartDate>2024-01-08T07:00:00</PlannedStartDate><PercentCompleteType>Physical</PercentCompleteType>
<PhysicalPercentComplete>0.4</PhysicalPercentComplete><PlannedDuration>16</PlannedDuration></Activity>
<Activity><ObjectId>6</ObjectId><ProjectObjectId>1</ProjectObjectId><Id>A2</Id><Name>Handover</Name><WBSObjectId>5</WBSObjectId>
<Type>Finish Milestone</Type><Status>Completed</Status></Activity>
<Relationship><PredecessorActivityObjectId>5</PredecessorActivityObjectId><SuccessorActivityObjectId>6</SuccessorActivityObjectId>
<Type>Finish to Finish</Type><Lag>24</Lag></Relationship>"""


@pytest.mark.parametrize("places", [{"inside": PARTS, "beside": ""}, {"inside": "", "beside": PARTS}])
def test_primavera_s_xml_of_every_version_has_the_same_plan(places):
    tasks = by_id(one(PMXML.format(**places).encode()))
    assert list(tasks) == ["P1.W", "A1", "A2"]
    assert (tasks["A1"].percent, tasks["A1"].parent, tasks["A1"].start) == (40, tasks["P1.W"].uid, local_time(2024, 1, 8, 7))
    assert (tasks["A2"].milestone, tasks["A2"].percent) == (True, 100)
    assert [(each.kind, each.lag) for each in tasks["A2"].predecessors] == [("FF", Span(1_440, elapsed=True))]


def test_of_primavera_s_xml_with_several_projects_one_must_be_named():
    other = "<Project><ObjectId>2</ObjectId><Id>P2</Id></Project>"
    activity = "<Activity><ObjectId>7</ObjectId><ProjectObjectId>2</ProjectObjectId><Id>B1</Id><Name>Dredge</Name></Activity>"
    data = PMXML.format(inside=PARTS, beside=other + activity).encode()
    with pytest.raises(FileRefusedError, match=r"2 projects; say which one: 'P1' \(Quay\), 'P2' \(P2\)"):
        one(data)
    assert [each.title for each in chosen(read(data, "p"), "p", "P2").tasks] == ["Dredge"]
    assert len(chosen(read(data, "p"), "p", "Quay").tasks) == 3


def test_primavera_s_xml_names_the_part_that_is_wrong():
    with pytest.raises(FileRefusedError, match=r"q.xml: line .*Activity A1: <PlannedDuration> 'x' is no number"):
        read(PMXML.format(inside=PARTS.replace(">16<", ">x<"), beside="").encode(), "q.xml")


MPX_GERMAN = """MPX;Microsoft Project for Windows;4,0;ANSI
10;€;3;2;.;,
11;2;0;1;7,5;37,5;0,00 €/h;0,00 €/h;1;0
12;1;1;480;.;:;;;9;1
30;Halle;;;Standard
60;Name;PSP-Code;Gliederungsebene;Dauer;Anfang;Ende;% Abgeschlossen;Vorgänger;Meilenstein;Nr.;Einmalige Nr.
61;1;2;3;40;50;51;44;70;81;90;98
70;Rohbau;1;1;12,5t;Mon 06.05.24;Mit 22.05.24;0%;;Nein;1;11
70;Stützen;1.1;2;5t;Mon 06.05.24 08:00;Fre 10.05.24 17:00;50%;;Nein;2;12
70;"Träger; erste";1.2;2;1w;13.05.24;17.05.24;0%;2EA+2t;Nein;3;13
70;Fertig;1.3;2;0t;17.05.24;17.05.24;0%;"3AA-50%;2EE+1ft";Ja;4;14
"""


def test_mpx_in_german_has_its_own_words_separators_and_dates():
    plan = one(MPX_GERMAN.encode("cp1252"))
    tasks = by_id(plan)
    assert plan.minutes_per_day == 450
    assert tasks["1"].duration.days(450) == 12.5
    assert (tasks["2"].start, tasks["2"].finish) == (local_time(2024, 5, 6, 8), local_time(2024, 5, 10, 17))
    assert (tasks["3"].title, tasks["3"].start, tasks["3"].parent) == ("Träger; erste", local_time(2024, 5, 13), "11")
    assert tasks["3"].duration.days(450) == 5
    assert [(each.uid, each.kind, each.lag) for each in tasks["3"].predecessors] == [("12", "FS", Span(900))]
    assert next((each.uid, each.kind, each.lag_percent) for each in tasks["4"].predecessors) == ("13", "SS", -50)
    assert tasks["4"].predecessors[1].lag == Span(1_440, elapsed=True)
    assert tasks["4"].milestone


def test_mpx_of_china_of_france_and_of_america():
    chinese = MPX_GERMAN.replace("Rohbau", "主体结构施工").replace("Dauer", "工期").replace("Ja", "是").replace("Nein", "否")
    chinese = chinese.replace("Vorgänger", "前置任务").replace("Stützen", "柱").replace("Träger", "梁").replace("€", "¥")
    chinese = chinese.replace("12,5t", "12,5d").replace("5t", "5d").replace("0t", "0d").replace("2EA+2t", "2FS+2d")
    chinese = chinese.replace("3AA-50%;2EE+1ft", "3SS-50%;2FF+1ed")
    tasks = by_id(one(chinese.encode("gb18030")))
    assert (tasks["1"].title, tasks["4"].milestone, tasks["3"].predecessors[0].lag) == ("主体结构施工", True, Span(900))
    french = "MPX;Project;4,0;850\n60;Nom;Durée;Début;Prédécesseurs;ID\n61;1;40;50;70;90\n70;Béton;3j;7 mai 2024;;1\n70;Fin;2sj;;1FD+1he;2\n"
    with pytest.raises(FileRefusedError, match="line 5: duration '2sj' is not understood"):
        read(french.encode("cp850"), "f.mpx")
    tasks = by_id(one(french.replace("2sj", "2s").encode("cp850")))
    assert (tasks["1"].title, tasks["1"].start, tasks["2"].duration) == ("Béton", local_time(2024, 5, 7), Span(4_800))
    assert tasks["2"].predecessors[0].lag == Span(60, elapsed=True)
    american = "MPX\tProject\t4.0\tANSI\n12\t0\t0\t480\t/\t:\tam\tpm\t0\n60\tName\tStart\tID\n70\tPour\t5/7/24 12:30 pm\t1\n70\tCure\t1/2/99 12:05 AM\t2\n"
    tasks = by_id(one(american.encode()))
    assert (tasks["1"].start, tasks["2"].start) == (local_time(2024, 5, 7, 12, 30), local_time(1999, 1, 2, 0, 5))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "own format (.mpp)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"), "an old Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"PK\x03\x04junk", "the archive is damaged"),
        (b"name,start\n", "not a planning file"),
        (b"<html><body/></html>", "first element is <html>"),
        (b"MPXabc", "not followed by a separator"),
    ],
)
def test_other_files_are_refused_with_what_they_are(data, said):
    with pytest.raises(FileRefusedError) as refused:
        read(data, "file")
    assert said in str(refused.value)


def test_what_is_a_planning_file_is_told_by_its_first_bytes():
    assert is_schedule(b"\xef\xbb\xbf <?xml?><a/>")
    assert is_schedule("ERMHDR\t".encode("utf-16"))
    assert not is_schedule(b'{"number": "PO-1"}')
    assert not is_schedule(b"PK\x03\x04")
