"""Ways out through Apprise: a real web server takes what they send, and nobody sees what is secret."""

import logging
from io import StringIO

import pytest

from plumbline.errors import SettingsError
from tests.servers import free_port
from tests.webhook_receiver import Receiver
from tracking_service.notices import NoticeError, Outgoing
from tracking_service.notices.ways import AppriseWay, read_ways

TOLD = Outgoing("k", "hook:", "Li", "[PO-1] 钢梁到场", "进度：60%\nmore & <b>", way="hook")


@pytest.fixture
def server():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def url_of(server: Receiver, path: str = "/SeCreTpath99") -> str:
    return server.url.replace("http://", "json://").replace("/in", path)


async def test_a_notice_goes_out_as_it_was_written(server):
    await AppriseWay("hook", url_of(server)).send(TOLD)
    (taken,) = server.taken
    assert taken.path == "/SeCreTpath99"
    assert (taken.told["title"], taken.told["message"]) == (TOLD.subject, TOLD.body.strip())


async def test_a_text_message_is_the_headline_alone(server):
    await AppriseWay("sms", url_of(server), short=True).send(TOLD)
    assert (server.taken[0].told["title"], server.taken[0].told["message"]) == ("", TOLD.subject)


async def test_each_person_of_a_way_is_reached_at_their_address(server):
    way = AppriseWay("sms", url_of(server, "/send/{to}"))
    await way.send(TOLD._replace(to="+86 138/../x"))
    assert server.taken[0].path == "/send/+86%20138%2F..%2Fx"
    with pytest.raises(NoticeError, match="needs an address") as refused:
        await way.send(TOLD)
    assert refused.value.permanent


@pytest.fixture
def logged():
    """What would be logged, were everything (pytest's own fixture also listens to loggers that hand nothing on)."""
    said = StringIO()
    handler, root = logging.StreamHandler(said), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield said
    root.setLevel(level)
    root.removeHandler(handler)


async def test_why_it_failed_is_told_without_what_is_secret(server, logged, capfd):
    server.answer(500, body=b"no such room SeCreTpath99")
    way = AppriseWay("hook", url_of(server))
    with pytest.raises(NoticeError) as failed:
        await way.send(TOLD)
    assert "500" in str(failed.value)
    away = AppriseWay("hook", f"json://user:Passw0rdOfMine@127.0.0.1:{free_port()}/SeCreTpath99")
    with pytest.raises(NoticeError) as unreachable:
        await away.send(TOLD)
    shown = f"{failed.value}{unreachable.value}{logged.getvalue()}{''.join(capfd.readouterr())}"
    assert "SeCreTpath99" not in shown
    assert "Passw0rdOfMine" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "dingtalk://SECRETSECRET@{}/".format("a" * 64),
        "feishu://{}/".format("a" * 32),
        "wecombot://{}/".format("a" * 32),
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#site",
        "workflows://host.example:443/{}/{}/".format("a" * 32, "b" * 40),
        "twilio://AC{}:{}@15551234567/{{to}}".format("a" * 32, "b" * 32),
        "mailtos://user:password@mail.example?to=site@mail.example",
    ],
)
def test_the_services_that_sites_use_are_known(url):
    assert AppriseWay("way", url)


def test_a_file_of_ways_is_read_with_urls_from_elsewhere(tmp_path):
    (tmp_path / "chat.url").write_text("json://127.0.0.1:9/SeCreTpath99\n")
    file = tmp_path / "ways.toml"
    file.write_text(
        '[ways.site-chat]\nurl_file = "chat.url"\n[ways.sms]\nurl_env = "SMS_URL"\n[ways.hook]\nurl = "json://127.0.0.1:9/x"\n'
    )
    assert sorted(read_ways(file, {"SMS_URL": "json://127.0.0.1:9/{to}"})) == ["hook", "site-chat", "sms"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[ways", "is not TOML"),
        ("[wayz.a]\nurl = 'json://h'", "'wayz' is not known"),
        ("ways = 3", "'ways' is not a table"),
        ("[ways.Mail]\nurl = 'json://h'", "small letters"),
        ("[ways.mail]\nurl = 'json://h'", "not 'mail'"),
        ("[ways.a]\nurl = 'nonsense-SeCreTpath99'", "Apprise cannot read"),
        ("[ways.a]\nurl = 'json://h'\nurl_env = 'X'", "one of url, url_file, url_env"),
        ("[ways.a]\nurl = 3", "one of url, url_file, url_env"),
        ("[ways]\na = 'json://h'", "one of url, url_file, url_env"),
        ("[ways.a]\nurl = 'json://h'\nshort = 1", "true or false"),
        ("[ways.a]\nurl_env = 'NOT_SET'", "the environment has no NOT_SET"),
        ("[ways.a]\nurl_file = 'gone'", "cannot be read"),
    ],
)
def test_a_file_that_names_no_ways_is_refused_with_the_place_and_without_the_secret(tmp_path, text, wrong):
    file = tmp_path / "ways.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=wrong) as refused:
        read_ways(file, {})
    assert str(refused.value).startswith(str(file))
    assert "SeCreTpath99" not in str(refused.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_ways(tmp_path / "none.toml", {})
