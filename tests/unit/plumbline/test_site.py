"""A site file is read whole, or refused with file, key and remedy."""

import pytest

from plumbline import site
from plumbline.errors import SettingsError

GOOD = """
id = "harbour"
title_en = "Harbour"
title_zh = "海港"
timezone = "Asia/Shanghai"
lat = 31.0
lon = 121.0

[[zones]]
id = "yard"
title_en = "Yard"
title_zh = "堆场"
kind = "storage"
polygon = [[121.0, 31.0], [121.001, 31.0], [121.001, 31.001], [121.0, 31.001]]

[[devices]]
id = "crane-1"
title_en = "Crane"
title_zh = "塔吊"
kind = "machine"
zone = "yard"
"""


def write(folder, text):
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_tells_zones_and_devices(tmp_path):
    loaded = site.load(write(tmp_path, GOOD))
    assert loaded.zone_at(31.0005, 121.0005).id == "yard"
    assert loaded.zone_at(31.0005, 121.0015) is None
    assert loaded.devices_by_id["crane-1"].source == "machines"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('timezone = "Asia/Shanghai"', 'timezone = "Mars/Base"', r"site\.toml: timezone: 'Mars/Base' is not an IANA zone"),
        ('timezone = "Asia/Shanghai"', 'timezone = "../../etc/passwd"', r"timezone"),
        ('zone = "yard"', 'zone = "yrad"', r"devices\.crane-1\.zone: there is no zone 'yrad'; declare it"),
        ("lat = 31.0", "lat = 131.0", r"lat: .*90"),
        ("lat = 31.0", "", r"lat: is missing; add it"),
        ("lat = 31.0", "lat = 31.0\nlatt = 1", r"latt: is not a setting here; check the spelling"),
        ('kind = "storage"', 'kind = "moon"', r"zones\[0\]\.kind"),
        ('id = "yard"', 'id = "yard/1"', r"zones\[0\]\.id"),
        ("lat = 31.0", "lat = = 31.0", r"is not TOML"),
        (
            "[[121.0, 31.0], [121.001, 31.0], [121.001, 31.001], [121.0, 31.001]]",
            "[[121.0, 31.0], [121.0, 31.0], [121.0, 31.0]]",
            r"zones\.yard\.polygon: encloses nothing; give its corners in order",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path, old, new, message):
    with pytest.raises(SettingsError, match=message):
        site.load(write(tmp_path, GOOD.replace(old, new, 1)))


def test_two_zones_of_one_id_are_refused(tmp_path):
    zone = GOOD[GOOD.index("[[zones]]") : GOOD.index("[[devices]]")]
    with pytest.raises(SettingsError, match="zones: yard stands there twice"):
        site.load(write(tmp_path, GOOD.replace("[[devices]]", zone + "[[devices]]")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match="there is no such file"):
        site.load(tmp_path / "nowhere.toml")


def test_a_file_tells_its_own_place_and_what_becomes_of_devices_that_it_does_not_name(tmp_path):
    path = write(tmp_path, GOOD)
    loaded = site.load(path)
    assert loaded.file == str(path)
    assert (loaded.takes_unknown_devices(), loaded.takes_unknown_devices(direct=True)) == (True, False)
    for word, taken in (("take", True), ("set_aside", False)):
        said = site.load(write(tmp_path, f'unknown_devices = "{word}"\n' + GOOD))
        assert (said.takes_unknown_devices(), said.takes_unknown_devices(direct=True)) == (taken, taken)


def test_budgets_stand_in_the_file_and_have_defaults(tmp_path):
    assert site.load(write(tmp_path, GOOD)).budgets == site.Budgets(devices=10_000, measurements=200, fields=500)
    assert site.load(write(tmp_path, GOOD + "\n[budgets]\ndevices = 3\n")).budgets.devices == 3
    with pytest.raises(SettingsError, match=r"budgets\.devices"):
        site.load(write(tmp_path, GOOD + "\n[budgets]\ndevices = -1\n"))
