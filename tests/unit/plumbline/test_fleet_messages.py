"""Messages about configuration: read back as written, refused when hostile; passwords hidden and put back in their place alone."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import fleet
from plumbline.errors import CodecError
from plumbline.fleet import DesiredConfig, GatewayStatus, PastConfig, ReportedConfig
from plumbline.secrets import MARK, hidden, hidden_file, revealed

FILE = """
[server]
brokers = ["mqtt://gate:pa@ss@server:1883", 'wss://gate:other@server/mqtt', "mqtt://127.0.0.1"]
[[reader]]
url = "rtsp://viewer:s3cret@10.0.0.20/stream?x=1"
password = "a\\"b"   # password = 'also here'
"""


def test_messages_come_back_as_they_were_written():
    desired = DesiredConfig(site="s", gateway="g", version=3, by="me", at=1, text="x", hash=fleet.digest("x"))
    past = PastConfig(version=1, outcome="refused", at=1, reason="no")
    reported = ReportedConfig(site="s", gateway="g", version=0, seen=1, state="refused", at=2, history=(past,))
    status = GatewayStatus(site="s", gateway="g", at=1, values={"online": 1.0}, readers={"a": "ok"})
    for message in (desired, reported, status):
        assert fleet.decode(fleet.encode(message), type(message)) == message


@given(st.binary(max_size=300))
def test_whatever_arrives_is_read_or_refused(payload):
    with pytest.raises(CodecError, match=r"not_json|invalid"):
        fleet.decode(payload, DesiredConfig)


def test_a_message_that_is_too_long_is_refused_unread():
    with pytest.raises(CodecError, match="too_large"):
        fleet.decode(b" " * (fleet.MAX_BYTES + 1), DesiredConfig)


def test_every_password_of_a_file_is_hidden_and_put_back():
    shown = hidden_file(FILE)
    assert shown is not None
    for secret in ("pa@ss", "other", "s3cret", 'a\\"b', "also here"):
        assert secret not in shown
    assert shown.count(MARK) == 5
    assert "mqtt://127.0.0.1" in shown
    back, unknown = revealed(shown, FILE)
    assert unknown == ["password"]  # two different ones under one name: which is meant, nobody knows
    assert tomllib.loads(back)["server"] == tomllib.loads(FILE)["server"]
    assert "s3cret" in back


@pytest.mark.parametrize("url", ["mqtt://gate:…@elsewhere:1883", "mqtt://other:…@server:1883", "mqtts://gate:…@server:1883"])
def test_a_password_is_never_given_to_another_host_or_user(url):
    back, unknown = revealed(f'brokers = ["{url}"]', FILE)
    assert unknown == [url]
    assert "pa@ss" not in back


@pytest.mark.parametrize(
    "odd", ['b = "mqtt://u:p\\u0040 @h"', 'b = "mqtt://u:p q@h"', "not toml =", 'b = "mqtt:\\u002f/u:p@h"']
)
def test_a_file_in_which_a_password_might_still_show_is_not_shown(odd):
    assert hidden_file(odd) is None


def test_a_sentence_that_quotes_a_url_does_not_tell_its_password():
    assert hidden("server.brokers[0]: broker 'mqtt://gate:pw@h:x': Port could not be cast") == (
        "server.brokers[0]: broker 'mqtt://gate:…@h:x': Port could not be cast"
    )


@given(
    user=st.text("abcdefXYZ019._-", max_size=8),
    password=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\"'\\"), min_size=1, max_size=20),
    host=st.text("abcdef.019-", min_size=1, max_size=12),
)
def test_any_password_is_hidden_or_the_file_is_not_shown(user, password, host):
    text = f'brokers = ["mqtt://{user}:{password}@{host}:1883"]\n'
    shown = hidden_file(text)
    if shown is not None:
        assert f":{password}@" not in shown
        assert revealed(shown, text) == (text, [])
