"""What policies name of a site must be there."""

from msgspec import structs

from plumbline.site import SiteFile, Zone
from tracking_service.document.naming import strangers
from tracking_service.document.order import OrderDocument

PIT = Zone(id="pit", title_en="Pit", title_zh="基坑", kind="work", polygon=((0, 0), (0, 1), (1, 1)))
YARD = SiteFile(id="yard", title_en="Yard", title_zh="工地", timezone="UTC", lat=0, lon=0, zones=(PIT,))


def order(policy):
    title = {"en": "A", "zh": "甲"}
    return OrderDocument.model_validate(
        {"number": "o", "site": "yard", "title": title, "milestones": [{"key": "m", "title": title, "policy": policy}]}
    )


def working(zone="pit", device="rig"):
    return {"equipment_working": {"equipment": [device], "zone": zone, "minutes": 5}}


def test_a_zone_with_a_slip_in_its_name_is_told_with_the_one_that_was_meant():
    found = list(strangers(order({"all_of": [working(), {"n_of": {"n": 1, "of": [working("pitt")]}}]}), YARD))
    path = "milestones.m.policy.all_of.1.n_of.of.0.equipment_working.zone"
    assert found == [f"{path}: there is no zone 'pitt' in the site file of 'yard'; did you mean 'pit'?"]


def test_a_device_must_be_known_only_where_others_are_set_aside():
    held = {"reading_held": {"device": "probe", "metric": "t", "above": 5, "hours": 1}}
    assert list(strangers(order(held), YARD)) == []
    strict = structs.replace(YARD, unknown_devices="set_aside")
    assert "add the device there first" in next(strangers(order(held), strict))
