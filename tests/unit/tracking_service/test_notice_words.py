"""What notices claim, when a claim does not hold any more, and how that is told."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from plumbline.text import Text
from tracking_service.domain import notice as words
from tracking_service.domain.milestone import Completed, Passed, Reopened, ShortAtDue
from tracking_service.domain.notice import Change, MilestoneBrief, Moved, Said, Standing, Unknown, stands

MINUTE = 60 * 10**9
AT = 1_790_042_400 * 10**9
ZONE = ZoneInfo("Asia/Shanghai")


def brief(percent="50", done_at=None, **more):
    known = {
        "order_title": Text("Steel", "钢"),
        "title": Text("Beams", "梁"),
        "due": None,
        "evidence": 2,
        "lines": [],
        "zone": ZONE,
    }
    return MilestoneBrief(id="PO-1~b", order="PO-1", percent=Decimal(percent), done_at=done_at, **known | more)


@pytest.mark.parametrize(
    ("kind", "claim", "percent", "done_at", "holds"),
    [
        ("progress", 50, 50, None, True),
        ("progress", 50, 49, None, False),
        ("progress", 50, 100, AT, True),
        ("completed", AT, 100, AT, True),
        ("completed", AT, 100, AT + 59 * 10**9, True),  # it reads the same
        ("completed", AT, 100, AT + MINUTE, False),
        ("completed", AT, 99, None, False),
        ("late", AT, 99, None, True),
        ("late", AT, 100, AT + 1, True),  # late, and done afterwards
        ("late", AT, 100, AT, False),
        ("reopened", 0, 99, None, True),
        ("reopened", 0, 100, AT, False),
        ("unknown", AT, 100, AT, True),  # nobody knew then
    ],
)
def test_a_claim_holds_or_not(kind, claim, percent, done_at, holds):
    assert stands(kind, claim, Standing(Decimal(percent), done_at)) is holds


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        ((0, None), (30, None), Passed(25)),
        ((0, None), (80, None), Passed(75)),
        ((30, None), (40, None), Moved()),
        ((30, None), (20, None), Moved()),
        ((30, None), (30, None), None),
        ((30, None), (100, AT), Completed(AT)),
        ((100, AT), (99, None), Reopened()),
        ((100, AT), (100, AT + 1), Moved()),
        ((100, None), (100, AT), Completed(AT)),
    ],
)
def test_a_milestone_that_moved_says_one_thing_at_most(before, after, event):
    now = brief(str(after[0]), after[1])
    change = words.moved(now, Standing(Decimal(before[0]), before[1]), at=AT)
    assert (change.event if change is not None else None) == event


def test_everything_that_can_be_told_has_a_kind_a_key_and_words_in_both_languages():
    events = [Passed(25), Completed(AT), Reopened(), ShortAtDue(AT), Unknown(AT, "gw-1", AT - MINUTE)]
    changes = [words.of_milestone(event, brief(done_at=AT), at=AT) for event in events]
    assert {change.kind for change in changes} <= set(words.KINDS)
    assert len({change.dedup_key for change in changes}) == len(events)
    for change in changes:
        english, chinese = words.written(change, "en"), words.written(change, "zh")
        assert english.subject.startswith("[PO-1] Beams")
        assert "里程碑：梁" in chinese.body


def test_the_unknown_says_since_when_and_why():
    change = words.of_milestone(Unknown(AT, "gw-1", AT - MINUTE), brief(), at=AT)
    assert change.headline == Text(
        "Beams: due; unknown since 2026-09-22 09:59, gateway gw-1 offline",
        "梁：已到期；自 2026-09-22 09:59 起未知，网关 gw-1 离线",
    )


def test_a_correction_quotes_what_it_takes_back_and_says_why():
    change = words.of_milestone(Reopened(), brief("75"), at=AT, cause=Text("wrong pallet", "托盘有误"))
    english = words.corrected(change, [("[PO-1] Beams: completed on 2026-09-22 10:00", AT)], ZONE, "en")
    assert english.subject == "[PO-1] Corrected: Beams: open again (75 %)"
    assert english.body.splitlines()[:6] == [
        "Corrected: Beams: open again (75 %)",
        "",
        "We told you, and it was wrong:",
        "  “[PO-1] Beams: completed on 2026-09-22 10:00”  (2026-09-22 10:00)",
        "Why: wrong pallet",
        "",
    ]
    chinese = words.corrected(change, [("旧", AT)], ZONE, "zh")
    assert "以下通知有误：" in chinese.body
    assert "原因：托盘有误" in chinese.body


def test_what_other_rooms_say_is_told_under_the_key_they_give_it():
    change = Change(event=Said("task", "7"), site="harbour", order=None, subject="gate", headline=Text("A", "甲"), at=AT)
    assert (change.kind, change.dedup_key, change.claim) == ("task", "gate|task|7", None)
    assert words.written(change, "zh") == words.Message("[harbour] 甲", "甲\n")


def test_the_policys_sentence_is_told_where_there_is_one():
    change = words.of_milestone(Passed(50), brief(why=Text("3 of 4 beams", "4 根中 3 根")), at=AT)
    assert "Why: 3 of 4 beams" in words.written(change, "en").body
