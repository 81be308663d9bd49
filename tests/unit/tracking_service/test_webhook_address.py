"""Where webhooks may go."""

import contextlib
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.errors import SettingsError
from tracking_service.webhooks.address import WebhookRefusedError, addresses, is_public, networks, parse


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds tell their secrets
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_what_is_not_on_the_public_internet_is_not_public_however_it_is_wrapped(ip):
    assert not is_public(ipaddress.ip_address(ip))


@pytest.mark.parametrize("ip", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"])
def test_what_is_on_the_public_internet_is_public(ip):
    assert is_public(ipaddress.ip_address(ip))


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("ftp://host/", "not a web address"),
        ("https://", "not a web address"),
        ("https://user:pass@host/", "user or password"),
        ("https://host:99999/", "not a URL"),
        ("https://host:0/", "not a web address"),
        ("https://host/#part", "'#'"),
        ("https://host/a b", "ASCII"),
        ("https://h\r\nX: y/", "ASCII"),
        ("https://[::1", "not a URL"),
        ("https://例.example/", "ASCII"),
        ("https://host/" + "a" * 3000, "2048"),
        ("file:///etc/passwd", "not a web address"),
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused_with_the_reason(url, wrong):
    with pytest.raises(WebhookRefusedError, match=wrong):
        parse(url)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text):
    for url in (text, f"https://{text}", f"http://[{text}]/"):
        with contextlib.suppress(WebhookRefusedError):
            assert parse(url).host


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://2130706433/",  # 127.0.0.1 as one number
        "https://0x7f.1/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25lo]/",
    ],
)
async def test_this_machine_is_not_called_however_it_is_written(url):
    with pytest.raises((WebhookRefusedError, OSError)):
        await addresses(parse(url), [])


async def test_a_name_with_one_private_address_is_not_called_at_all(monkeypatch):
    def found(*_arguments, **_more):
        return [(socket.AF_INET, 1, 6, "", ("1.1.1.1", 443)), (socket.AF_INET, 1, 6, "", ("10.0.0.5", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(WebhookRefusedError, match=r"10\.0\.0\.5, which is not on the public internet"):
        await addresses(parse("https://erp.example/"), [])
    assert await addresses(parse("https://erp.example/"), networks("10.0.0.0/8")) == ["1.1.1.1", "10.0.0.5"]


async def test_unencrypted_calls_go_only_where_the_operator_allows_it():
    with pytest.raises(WebhookRefusedError, match="https"):
        await addresses(parse("http://1.1.1.1/"), networks("10.0.0.0/8"))
    assert await addresses(parse("http://127.0.0.1:81/x?y=1"), networks("127.0.0.1, ::1")) == ["127.0.0.1"]


def test_networks_of_the_operator_are_read_or_refused():
    assert [str(network) for network in networks(" 10.0.0.0/8,192.168.7.20 ,, fd00::/8")] == [
        "10.0.0.0/8",
        "192.168.7.20/32",
        "fd00::/8",
    ]
    with pytest.raises(SettingsError, match=r"'10\.0\.0\.1/8' is no network"):
        networks("10.0.0.1/8")


def test_the_host_header_names_the_port_where_it_is_not_the_usual_one():
    assert parse("https://erp.example/in?x=1").authority == "erp.example"
    assert parse("https://erp.example:8443/").authority == "erp.example:8443"
    assert parse("https://[2606:4700::1111]:8443/").authority == "[2606:4700::1111]:8443"
    assert parse("https://erp.example/in?x=1").path == "/in?x=1"
