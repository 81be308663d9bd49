"""Calendars of planning files: weeks, hours and exceptions, carried into the order so that its dates count them."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.difference import difference
from tracking_service.document import OrderDocument, nanoseconds
from tracking_service.planning.calendar import Calendar as Days
from tracking_service.planning.network import schedule as network
from tracking_service.planning.work import work_of
from tracking_service.schedules import Calendar, Schedule, chosen, read
from tracking_service.schedules.calendars import Exceptional, Reach, shifts
from tracking_service.schedules.taking import Taken, taken

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = {"en": "Hall", "zh": "厂房"}
DAY = "2026-09-28"  # a Monday


def order(**changes) -> OrderDocument:
    line = {"line": "1", "title": TITLE, "quantity": 5}
    return OrderDocument.model_validate({"number": "PO-1", "site": "harbour", "title": TITLE, "lines": [line]} | changes)


def one(data: str | bytes) -> Schedule:
    return chosen(read(data.encode() if isinstance(data, str) else data, "plan"), "plan", None)


def into(data: str | bytes, **changes) -> Taken:
    return taken(order(**changes), one(data), SHANGHAI)


def mspdi(calendar: str, *tasks: str, more: str = "", hours: bool = True) -> str:
    times = "<WorkingTimes>{}</WorkingTimes>".format(
        "".join(
            f"<WorkingTime><FromTime>{begin}</FromTime><ToTime>{end}</ToTime></WorkingTime>"
            for begin, end in (("08:00:00", "12:00:00"), ("13:00:00", "17:00:00"))
        )
    )
    week = "".join(
        f"<WeekDay><DayType>{day}</DayType><DayWorking>{int(1 < day < 7)}</DayWorking>"
        f"{times if hours and 1 < day < 7 else ''}</WeekDay>"
        for day in range(1, 8)
    )
    standard = f"<Calendar><UID>1</UID><Name>Standard</Name><WeekDays>{week}</WeekDays>{calendar}</Calendar>"
    return (
        '<Project xmlns="http://schemas.microsoft.com/project"><Name>p</Name><CalendarUID>1</CalendarUID>'
        f"<Calendars>{standard}{more}</Calendars><Tasks>{''.join(tasks or [task(1)])}</Tasks></Project>"
    )


def task(uid: int, start: str = f"{DAY}T08:00:00", finish: str = "2026-10-02T17:00:00", days: int = 5, more: str = "") -> str:
    return (
        f"<Task><UID>{uid}</UID><ID>{uid}</ID><Name>T{uid}</Name><Start>{start}</Start><Finish>{finish}</Finish>"
        f"<Duration>PT{days * 8}H0M0S</Duration><Milestone>0</Milestone>{more}</Task>"
    )


def exception(first: str, last: str, working: int = 0, more: str = "<Type>1</Type>") -> str:
    period = f"<TimePeriod><FromDate>{first}T00:00:00</FromDate><ToDate>{last}T23:59:00</ToDate></TimePeriod>"
    return f"<Exception>{period}<DayWorking>{working}</DayWorking>{more}</Exception>"


GOLDEN_WEEK = f"<Exceptions>{exception('2026-10-01', '2026-10-07')}{exception('2026-10-10', '2026-10-10', 1)}</Exceptions>"


def test_microsoft_project_s_golden_week_and_make_up_saturday_come_into_the_order():
    document = into(mspdi(GOLDEN_WEEK)).document
    assert document.workdays == ("mon", "tue", "wed", "thu", "fri")
    assert document.workhours == ("08:00-12:00", "13:00-17:00")
    assert document.holidays == tuple(date(2026, 10, day) for day in (1, 2, 5, 6, 7))
    assert document.extra_workdays == (date(2026, 10, 10),)


def test_float_and_dates_count_the_schedule_s_own_days_and_hours():
    link = "<PredecessorLink><PredecessorUID>1</PredecessorUID><Type>1</Type></PredecessorLink>"
    document = into(
        mspdi(
            GOLDEN_WEEK,
            task(1, finish="2026-10-08T17:00:00", days=4),
            task(2, "2026-10-09T08:00:00", "2026-10-10T17:00:00", 2, link),
            task(3, finish="2026-09-29T12:00:00", days=1, more=""),
        )
    ).document
    start = nanoseconds(document.tasks[0].start)
    work = work_of(document, zone=SHANGHAI, now=start, done={})
    dates = network(work.tasks(start), due=work.calendar.day(work.due))
    assert [dates[key].total_float for key in "123"] == [0, 0, 5]
    ends = {key: work.calendar.end(dates[key].early_finish) for key in "12"}
    assert ends == {task.key: nanoseconds(task.finish) for task in document.tasks[:2]}


def test_the_difference_shows_a_changed_calendar_and_the_same_file_again_nothing():
    before = into(mspdi(GOLDEN_WEEK)).document
    assert difference(before, taken(before, one(mspdi(GOLDEN_WEEK)), SHANGHAI).document) == []
    later = GOLDEN_WEEK.replace("2026-10-07", "2026-10-06").replace("2026-10-10", "2026-10-17")
    (change,) = difference(before, taken(before, one(mspdi(later)), SHANGHAI).document)
    assert change.told() == (
        "changed  order PO-1 'Hall / 厂房'  holidays: 2026-10-07 → none; extra_workdays: 2026-10-10 → 2026-10-17"
    )


def test_a_file_without_calendars_leaves_the_order_s_and_a_choice_does_too():
    own = {"workdays": ["mon"], "holidays": ["2026-10-01"]}
    plain = f'<Project xmlns="http://schemas.microsoft.com/project"><Tasks>{task(1)}</Tasks></Project>'
    assert into(plain, **own).document.workdays == ("mon",)
    kept = taken(order(**own), one(mspdi(GOLDEN_WEEK)), SHANGHAI, calendar=False).document
    assert (kept.workdays, kept.holidays, kept.extra_workdays) == (("mon",), (date(2026, 10, 1),), ())


def test_exceptions_of_project_2003_and_working_weeks_of_a_period_are_read():
    period = "<TimePeriod><FromDate>2026-{}T00:00:00</FromDate><ToDate>2026-{}T23:59:00</ToDate></TimePeriod>"
    old = f"<WeekDay><DayType>0</DayType><DayWorking>0</DayWorking>{period.format('10-01', '10-02')}</WeekDay>"
    saturday = "<WeekDays><WeekDay><DayType>7</DayType><DayWorking>1</DayWorking></WeekDay></WeekDays>"
    weeks = f"<WorkWeeks><WorkWeek>{period.format('10-05', '10-31')}{saturday}</WorkWeek></WorkWeeks>"
    document = into(mspdi(weeks).replace("</WeekDays><WorkWeeks>", f"{old}</WeekDays><WorkWeeks>")).document
    assert document.holidays == (date(2026, 10, 1), date(2026, 10, 2))
    assert document.extra_workdays == tuple(date(2026, 10, day) for day in (10, 17, 24, 31))


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("<Type>6</Type><Period>2</Period><DaysOfWeek>2</DaysOfWeek>", ["09-28", "10-12", "10-26"]),
        ("<Type>6</Type><DaysOfWeek>12</DaysOfWeek>", ["09-29", "09-30", "10-06", "10-07"]),
        ("<Type>7</Type><Period>10</Period>", ["09-28", "10-08"]),
        ("<Type>4</Type><Period>1</Period><MonthDay>30</MonthDay>", ["09-30", "10-30", "11-30", "12-30"]),
        ("<Type>5</Type><MonthItem>4</MonthItem><MonthPosition>4</MonthPosition>", ["09-28", "10-26", "11-30", "12-28"]),
        ("<Type>5</Type><MonthItem>1</MonthItem><MonthPosition>1</MonthPosition>", ["10-02", "11-03", "12-02"]),
        ("<Type>2</Type><Month>9</Month><MonthDay>1</MonthDay>", ["10-01"]),
        ("<Type>3</Type><Month>10</Month><MonthItem>7</MonthItem><MonthPosition>3</MonthPosition>", ["11-26"]),
        (
            "<EnteredByOccurrences>1</EnteredByOccurrences><Occurrences>2</Occurrences><Type>4</Type><MonthDay>1</MonthDay>",
            ["10-01"],  # the second is a Sunday
        ),
    ],
)
def test_exceptions_that_come_again_and_again_are_carried_over_as_days(rule, days):
    listed = f"<Exceptions>{exception(DAY, '2026-12-31', more=rule)}</Exceptions>"
    told = [f"{day:%m-%d}" for day in into(mspdi(listed)).document.holidays]
    assert told[: len(days)] == days
    if "Occurrences" in rule:
        assert len(told) == 1


def test_a_holiday_of_a_hundred_years_and_many_of_them_are_bounded():
    forever = exception("1950-01-01", "2190-01-01", more="<Type>7</Type><Period>1</Period>")
    made = into(mspdi(f"<Exceptions>{forever * 5_000}</Exceptions>"))
    assert len(made.document.holidays) <= 2_000
    assert made.document.holidays[0] == date(2026, 9, 28)
    again = into(mspdi(f"<Exceptions>{forever * 5_000}</Exceptions>"))
    assert again.document.canonical() == made.document.canonical()
    plan = mspdi(f"<Exceptions>{forever}</Exceptions>", task(1, finish="2100-01-01T17:00:00"))
    assert any("more than 2000 holidays" in each for each in into(plan).remarks)


def test_a_calendar_with_nonsense_in_it_is_told_and_the_rest_of_the_plan_is_taken():
    wrong = (
        "<Exceptions><Exception><TimePeriod><FromDate>soon</FromDate></TimePeriod></Exception>"
        + exception("2026-10-02", "2026-10-01")
        + exception("2026-10-01", "2026-10-01", more="<Type>many</Type>")
        + "</Exceptions>"
    )
    made = into(mspdi(wrong))
    assert made.document.holidays == (date(2026, 10, 1),)
    assert any("a part of a calendar cannot be read" in each for each in made.remarks)


def test_the_order_s_days_are_those_of_most_tasks_and_another_calendar_s_task_lasts_from_start_to_finish():
    night = (
        "<Calendar><UID>2</UID><Name>Weekend shift</Name><BaseCalendarUID>1</BaseCalendarUID><WeekDays><WeekDay><DayType>7</DayType>"
        "<DayWorking>1</DayWorking></WeekDay></WeekDays></Calendar>"
    )
    other = task(3, "2026-10-02T08:00:00", "2026-10-05T17:00:00", 3, "<CalendarUID>2</CalendarUID>")
    made = into(mspdi("", task(1), task(2), other, more=night))
    assert made.document.workdays == ("mon", "tue", "wed", "thu", "fri")
    assert [each.duration_days for each in made.document.tasks] == [5, 5, None]
    assert any("'Standard': working days and hours are those of this calendar" in each for each in made.remarks)
    assert any("task 3: it is planned by a calendar of its own" in each for each in made.remarks)


def xer(data: str) -> str:
    return (
        "ERMHDR\t8.0\n%T\tCALENDAR\n%F\tclndr_id\tclndr_name\tday_hr_cnt\tbase_clndr_id\tclndr_data\n"
        "%R\t7\tGlobal\t8\t\t(0||CalendarData()((0||DaysOfWeek()())(0||Exceptions()((0||0(d|46297)())))))\n"
        f"%R\t1\tSix days\t10\t7\t{data}\n"
        "%T\tPROJECT\n%F\tproj_id\tproj_short_name\tclndr_id\n%R\t1\tP\t7\n"
        "%T\tTASK\n%F\ttask_id\tproj_id\twbs_id\tclndr_id\ttask_code\ttask_name\ttarget_drtn_hr_cnt\ttarget_start_date\ttarget_end_date\n"
        f"%R\t1\t1\t\t1\tA\tDig\t50\t{DAY} 07:00\t2026-10-02 18:00\n%E\n"
    )


def test_primavera_s_days_count_from_1899_and_its_line_ends_are_del_characters():
    shift = "(0||0(s|07:00|f|12:00)())(0||1(f|18:00|s|13:00)())"
    week = "".join(f"\x7f\x7f  (0||{day}()({'' if day == 1 else shift}))" for day in range(1, 8))
    data = f"(0||CalendarData()(\x7f\x7f(0||DaysOfWeek()({week}))(0||Exceptions()((0||0(d|46296)())\x7f(0||1(d|46299)({shift}))))))"
    document = into(xer(data)).document
    assert document.workdays == ("mon", "tue", "wed", "thu", "fri", "sat")
    assert document.workhours == ("07:00-12:00", "13:00-18:00")
    assert document.holidays == (date(2026, 10, 1), date(2026, 10, 2))  # the second by its base
    assert document.extra_workdays == (date(2026, 10, 4),)
    assert document.tasks[-1].duration_days == 5


def test_primavera_s_xml_tells_holidays_and_days_of_work():
    hours = "<WorkTime><Start>08:00:00</Start><Finish>16:59:00</Finish></WorkTime>"
    week = "".join(
        f"<StandardWorkHours><DayOfWeek>{day}</DayOfWeek>{hours}</StandardWorkHours>"
        for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    )
    exceptions = "".join(
        f"<HolidayOrException><Date>{day}T00:00:00</Date>{time}</HolidayOrException>"
        for day, time in (("2026-10-01", "<WorkTime/>"), ("2026-10-10", hours))
    )
    data = (
        "<APIBusinessObjects><Calendar><ObjectId>1</ObjectId><Name>C</Name>"
        f"<StandardWorkWeek>{week}</StandardWorkWeek><HolidayOrExceptions>{exceptions}</HolidayOrExceptions></Calendar>"
        "<Project><ObjectId>1</ObjectId><Id>P</Id><Activity><ObjectId>1</ObjectId><Id>A</Id><Name>Dig</Name>"
        f"<CalendarObjectId>1</CalendarObjectId><PlannedStartDate>{DAY}T08:00:00</PlannedStartDate></Activity></Project>"
        "</APIBusinessObjects>"
    )
    document = into(data).document
    assert document.workhours == ("08:00-17:00",)
    assert (document.holidays, document.extra_workdays) == ((date(2026, 10, 1),), (date(2026, 10, 10),))


def test_mpx_tells_hours_and_exceptions_in_the_file_s_own_words():
    data = (
        "MPX,P,4.0,ANSI\n12,1,0,480,/,:,am,pm\n20,Standard,0,1,2,2,1,1,0\n25,2,08:00 am,12:00 pm,01:00 pm,05:00 pm\n"
        "26,01/10/2026,02/10/2026,0\n26,10/10/2026,10/10/2026,1,08:00 am,05:00 pm\n26,nonsense 1,x,0\n30,P,,,Standard\n"
        "61,90,1,3,40,50\n70,1,A,1,5d,28/09/2026\n"
    )
    made = into(data)
    document = made.document
    assert document.workhours == ("08:00-12:00", "13:00-17:00")
    assert document.holidays == (date(2026, 10, 1), date(2026, 10, 2))
    assert document.extra_workdays == (date(2026, 10, 10),)
    assert any("a record of a calendar is left out" in each for each in made.remarks)


def test_a_calendar_that_is_its_own_base_ends():
    calendars = {"a": Calendar("a", "A", base="b"), "b": Calendar("b", "B", base="a")}
    assert Reach(calendars, date(2026, 1, 1), date(2027, 1, 1)).exceptions(calendars["a"]) == {}


RULES = st.builds(
    Exceptional,
    first=st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    last=st.dates(date(1990, 1, 1), date(2190, 1, 1)),
    working=st.booleans(),
    every=st.integers(1, 9),
    weekdays=st.frozensets(st.integers(1, 7), max_size=3),
    day=st.sampled_from([0, 0, 1, 29, 31]),
    position=st.sampled_from([0, 0, 1, 5]),
    month=st.sampled_from([0, 0, 2, 12]),
    times=st.sampled_from([0, 0, 3, 500]),
)


@given(st.lists(RULES, max_size=5), st.integers(0, 2_000))
def test_a_window_shows_what_the_whole_shows_there(rules, begin):
    """Where it begins and ends changes nothing of what lies in it, and only days that differ from their weekday are told."""
    calendar = Calendar("c", "C", exceptions=rules)
    first = date(2020, 1, 1)
    whole = Reach({}, first, date(2030, 1, 1)).exceptions(calendar)
    start = first + timedelta(begin)
    some = Reach({}, start, start + timedelta(365)).exceptions(calendar)
    assert some == {day: works for day, works in whole.items() if start <= day <= start + timedelta(365)}
    assert all(works != (day.isoweekday() in calendar.weekdays) for day, works in whole.items())


HOURS = st.lists(st.tuples(st.integers(0, 1440), st.integers(0, 1440)), min_size=1, max_size=4).map(shifts).filter(bool)


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@given(HOURS, st.integers(-400, 400).map(lambda n: n / 16), st.sets(st.dates(date(2026, 1, 1), date(2026, 2, 1))))
def test_a_working_day_with_hours_comes_back_as_itself(hours, day, extra):
    calendar = Days(
        SHANGHAI,
        nanoseconds(datetime(2026, 1, 1, tzinfo=SHANGHAI)),
        ("mon", "wed"),
        extra=extra,
        hours=[f"{clock(begin)}-{clock(end)}" for begin, end in hours],
    )
    assert calendar.day(calendar.at(day)) == pytest.approx(day, abs=1e-9)
    assert calendar.day(calendar.end(day)) == pytest.approx(day, abs=1e-9)
    assert calendar.end(day) <= calendar.at(day)
