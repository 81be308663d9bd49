"""Boards are made for an installation: its zone, language, sites and API; what cannot be is refused in words."""

import json
import re
from pathlib import Path

import pytest
from msgspec import structs

from dashboards import build
from dashboards.boards import BOARDS
from dashboards.chinese import ZH
from dashboards.edition import Edition, EditionError, View
from dashboards.wording import in_words_of
from plumbline import demo
from plumbline.cli import main
from plumbline.site import load

DEMO = Path(demo.__file__).parent / "site.toml"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus.*IANA"),
        ({"timezone": "../etc/passwd"}, "IANA"),
        ({"timezone": ""}, "IANA"),
        ({"language": "fr"}, "'fr'.*en, zh"),
        ({"api": "tracking:8080"}, "tracking:8080.*http://"),
        ({"api": "http://tracking:99999999"}, "http://"),
        ({"api": "http://tracking/?a=b"}, "http://"),
        ({"api": "http://[::1"}, "http://"),
        ({"sites": ("tower a",)}, "tower a.*site.toml"),
        ({"sites": ("a/../b",)}, "site.toml"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(wrong, told):
    with pytest.raises(EditionError, match=told):
        Edition(**wrong)


def test_an_address_of_the_api_is_of_its_site():
    edition = Edition(api="https://pl.example/base/")
    assert edition.address("tower-a", "zones.geojson") == "https://pl.example/base/api/sites/tower-a/zones.geojson"


def test_a_site_file_gives_zone_site_and_a_view_of_it_all():
    site = load(DEMO)
    edition = Edition.of([site], api="http://pl.example")
    assert (edition.timezone, edition.sites, edition.api) == ("Asia/Shanghai", ("harbour-east",), "http://pl.example")
    assert edition.view == Edition().view  # the demo's, written down for who builds without its file
    assert Edition.of([site], timezone="Europe/Berlin").timezone == "Europe/Berlin"
    assert Edition.of([site, structs.replace(site, id="b")]).view is None


@pytest.mark.parametrize("half_m", [0.0, 5.0, 150.0, 2000.0, 50_000.0])
def test_a_view_shows_the_whole_site_and_not_much_more(half_m):
    site = load(DEMO)
    north, east = half_m / 111_000, half_m / 96_000
    ring = [(site.lon + x * east, site.lat + y * north) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    view = View.around(structs.replace(site, plan_corners=None, zones=(structs.replace(site.zones[0], polygon=tuple(ring)),)))
    metres = 156_543 / 2**view.zoom * 0.867
    assert 2 * half_m <= metres * 470 * 1.01
    assert view.zoom == 20 or metres * 470 <= 2.2 * half_m


def test_the_demos_view_is_for_the_demo_alone():
    assert Edition(sites=("tower-a",)).view is None
    assert Edition(sites=("tower-a",), view=View(1.0, 2.0, 17.0)).view == View(1.0, 2.0, 17.0)


def test_the_command_takes_a_site_file_or_sites_but_not_both(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "build", "--folder", str(tmp_path), "--site-file", str(DEMO)])
    assert ended.value.code == 0
    assert {path.name: path.read_text() for path in tmp_path.glob("*.json")} == build.render()
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "build", "--folder", str(tmp_path), "--site-file", str(DEMO), "--site", "a"])
    assert ended.value.code == 2
    assert "--site-file alone" in capsys.readouterr().err


def test_the_addresses_are_those_that_the_tracking_api_says_it_serves():
    page = (Path(build.__file__).parents[1] / "docs" / "map.md").read_text()
    for what in ("zones.geojson", "tiles/{z}/{x}/{y}.png"):
        path = Edition().address("{site}", what).removeprefix(Edition().api)
        assert f"| `{path}` |" in page


def test_several_sites_lie_on_one_map_and_the_view_follows_the_heat():
    wall = build.models(Edition(sites=("a", "b")))["site-wall.json"]
    (panel,) = [panel for panel in wall["panels"] if panel["type"] == "geomap"]
    names = [layer["name"] for layer in panel["options"]["layers"]]
    assert names == ["Plan of b", "Zones of a", "Zones of b", "Cells", "Heat"]
    assert panel["options"]["view"]["layer"] == "Cells"


def test_every_word_of_every_board_has_its_chinese_and_none_is_left_over():
    english = json.dumps(build.models(), ensure_ascii=False)
    build.models(Edition(language="zh"))  # raises where a word is missing
    assert [word for word in ZH if json.dumps(word, ensure_ascii=False)[1:-1] not in english] == []


def test_chinese_boards_ask_and_show_alike():
    english, chinese = build.models(), build.models(Edition(language="zh"))
    for name, board in english.items():
        for here, there in zip(board["panels"], chinese[name]["panels"], strict=True):
            assert (here["id"], here["type"], here["gridPos"]) == (there["id"], there["type"], there["gridPos"])
            for ours, theirs in zip(here["targets"], there["targets"], strict=True):
                assert ours["query"] == re.sub(r'"(\w+)_zh" AS "\1"', r'"\1"', theirs["query"])


def test_choices_of_a_variable_are_translated_with_their_values_kept():
    wall = build.models(Edition(language="zh"))["site-wall.json"]
    (source,) = [variable for variable in wall["templating"]["list"] if variable["name"] == "source"]
    assert source["query"].startswith("施工 : people|machines|scans,人员 : people,")
    assert source["current"] == source["options"][0]


def test_a_word_without_translation_is_named():
    with pytest.raises(EditionError, match=r"'Quay'.*chinese\.py"):
        in_words_of("zh", {"title": "Quay"})
    assert in_words_of("en", {"title": "Quay"}) == {"title": "Quay"}


def test_each_board_says_for_whom_it_is_and_what_it_reads():
    for board in BOARDS:
        assert board.reader
        assert board.reads
        assert board.answers.endswith("?")
