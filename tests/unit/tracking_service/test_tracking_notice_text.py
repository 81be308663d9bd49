"""What notices say."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from plumbline.text import Text
from tracking_service.domain.milestone import Completed, Passed, Reopened, ShortAtDue
from tracking_service.domain.notice import LineStanding, MilestoneBrief, compose, dedup_key, headline

BRIEF = MilestoneBrief(
    id="PO-1~beams",
    order="PO-1",
    order_title=Text("Tower steel", "塔楼钢材"),
    title=Text("Beams on site", "钢梁到场"),
    percent=Decimal("50.00"),
    due=1_767_225_600_000_000_000,
    evidence=1,
    lines=[LineStanding("10", Text("Beam", "钢梁"), "pcs", Decimal(4), Decimal("2.0"))],
    zone=ZoneInfo("Asia/Shanghai"),
)


@pytest.mark.parametrize(
    ("event", "en", "zh"),
    [
        (Passed(50), "Beams on site: at least 50 % (50 %)", "钢梁到场：已达 50%(50%)"),
        (Completed(BRIEF.due), "Beams on site: completed on 2026-01-01 08:00", "钢梁到场：已于 2026-01-01 08:00 完成"),
        (ShortAtDue(1), "Beams on site: due, and missing 2 pcs Beam", "钢梁到场：已到期，缺 钢梁 2 件"),
        (Reopened(), "Beams on site: open again (50 %)", "钢梁到场：重新打开(50%)"),
    ],
)
def test_a_headline_says_it_in_one_sentence(event, en, zh):
    assert headline(event, BRIEF) == Text(en, zh)


def test_a_notice_has_the_order_the_evidence_and_the_material_in_the_sites_time():
    english, chinese = compose(Passed(50), BRIEF, "en"), compose(Passed(50), BRIEF, "zh")
    assert english.subject == "[PO-1] Beams on site: at least 50 % (50 %)"
    assert "Progress: 50 % (on the evidence of 1 observation)" in english.body
    assert "  10  Beam: 2 / 4 pcs" in english.body
    assert "Due: 2026-01-01 08:00" in english.body
    assert "期限：2026-01-01 08:00" in chinese.body
    assert "  10  钢梁：2 / 4 件" in chinese.body


def test_notices_about_different_things_have_different_keys():
    events = [Passed(25), Passed(50), Completed(1), Completed(2), ShortAtDue(1), ShortAtDue(2)]
    assert len({dedup_key(event, "m") for event in events}) == len(events)
