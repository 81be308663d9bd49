"""What a configuration may say about a Modbus bus; each mistake is named by its key. And when a silent slave is asked again."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.reader import Context
from edge_agent.readers import modbus
from edge_agent.readers.modbus.breaker import Breaker
from edge_agent.readers.modbus.declaration import declaration_of
from edge_agent.readers.modbus.line import SerialWay
from edge_agent.readers.modbus.words import exception
from plumbline import profile, settings
from plumbline.errors import SettingsError

PROFILES = profile.load_all(Path(__file__).parents[4] / "firmware_configs")
ONE = {"device": "m", "profile": "eastron-sdm630"}
METRIC = {"unit": "W", "title_en": "x", "title_zh": "x"}


def build(**table: object):
    return modbus.build("bus", settings.convert(table, modbus.Settings, "test"), Context(profiles=PROFILES))


def test_the_sample_builds_and_opens_nothing():
    table = tomllib.loads((Path(modbus.__file__).parent / "sample.toml").read_text())
    assert table.pop("type") == "modbus"
    name = table.pop("name")
    assert modbus.build(name, settings.convert(table, modbus.Settings, "sample"), Context(profiles=PROFILES)) is not None


@pytest.mark.parametrize("name", [name for name, one in PROFILES.items() if one.modbus])
def test_every_profile_is_read_as_it_stands(name):
    declaration = declaration_of(
        "slaves[0]", settings.convert({"device": "m", "profile": name}, modbus.SlaveSettings, "t"), PROFILES
    )
    assert set(declaration.points) == set(PROFILES[name].metrics)
    assert all(declaration.needs(group) for group in declaration.groups)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "port, address: exactly one must be given, found none"),
        ({"port": "/dev/x", "address": "h:1"}, "port, address: exactly one must be given, found both"),
        ({"address": "h:99999"}, "address: must be host:port"),
        ({"address": ""}, "address: must be host:port"),
        ({"address": "h", "baudrate": 9600}, "baudrate: is for a serial port"),
        ({"port": "/dev/x", "framing": "tcp"}, "framing: a serial port carries RTU"),
        ({"port": "/dev/x", "baudrate": 9601}, "baudrate: 9601 is not a serial speed"),
        ({"port": "/dev/x", "slaves": [{**ONE, "unit": 0}]}, "slaves[0].unit: 0 is no slave on a serial bus"),
        ({"port": "/dev/x", "slaves": [{**ONE, "unit": 248}]}, "slaves[0].unit: 248"),
        ({"port": "/dev/x", "slaves": [ONE, {**ONE, "device": "n", "profile": "eastron-sdm120"}]},
         "baudrate: slaves[0] is set to 9600 by its profile, slaves[1] to 2400"),
        ({"address": "h", "slaves": [ONE, ONE]}, "slaves[1].device: 'm' is the name of slaves[0] too"),
        ({"address": "h", "slaves": [{"device": "m", "profile": "eastron-sdm63"}]}, "slaves[0].profile: there is no device profile 'eastron-sdm63'; did you mean"),
        ({"address": "h", "slaves": [{"device": "m", "profile": "u-blox-neo-m8"}]}, "slaves[0].profile: 'u-blox-neo-m8' is no Modbus device; those"),
        ({"address": "h", "slaves": [{"device": "m"}]}, "slaves[0]: says nothing to read"),
        ({"address": "h", "slaves": [{"device": "m", "measurement": "e", "metrics": {"x": METRIC}}]},
         "slaves[0].metrics.x: no register is declared for it; add registers.x"),
        ({"address": "h", "slaves": [{"device": "m", "measurement": "e", "registers": {"x": {"address": 0}}}]},
         "slaves[0].registers.x: its metric is missing"),
        ({"address": "h", "slaves": [{"device": "m", "metrics": {"x": METRIC}, "registers": {"x": {"address": 0}}}]},
         "slaves[0].measurement: is missing"),
        ({"address": "h", "slaves": [{"device": "m", "measurement": "e", "metrics": {"x": METRIC},
                                      "registers": {"x": {"address": 0, "type": "string", "length": 4}}}]},
         "slaves[0].registers.x.type: a string is no value to measure"),
        ({"address": "h", "slaves": [{**ONE, "only": ["power"]}]}, "slaves[0].only[0]: there is no metric 'power'; did you mean 'power_w'?"),
        ({"address": "h", "slaves": [{**ONE, "max_registers": 1}]}, "slaves[0].registers.voltage_l1_v: input 0-1 (30001-30002) is more than max_registers"),
        ({"address": "h", "slaves": [{**ONE, "state": {"rules": [{"state": "off", "metric": "amps"}], "otherwise": "off"}}]},
         "slaves[0].state.rules[0].metric: 'amps' is not read"),
        ({"address": "h", "slaves": [{"device": "m", "measurement": "e", "table": "coil", "metrics": {"x": METRIC},
                                      "registers": {"x": {"address": 0, "type": "float32"}}}]},
         "slaves[0].registers.x.type: coil 0-1 (00001-00002) holds bits, not a float32"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_key(table, said):
    with pytest.raises(SettingsError) as failed:
        build(**{"slaves": [ONE], **table})
    assert said in str(failed.value)


@pytest.mark.parametrize("key", ["uint", "regsters", "writes"])
def test_an_unknown_key_of_a_slave_is_named(key):
    with pytest.raises(SettingsError, match=rf"slaves\[0\]\.{key}: is not a setting here"):
        build(address="h", slaves=[{**ONE, key: 1}])


@pytest.mark.parametrize("address", ["10.0.0.20", "10.0.0.20:502", "meter.site.local", "[::1]:1502", "[::1]"])
def test_addresses_need_no_port(address):
    build(address=address, slaves=[ONE])


def test_the_line_is_the_slaves_own_unless_the_bus_says_otherwise():
    def line(**table: object):
        way = build(port="/dev/x", **table)._link._way
        assert isinstance(way, SerialWay)
        return way.line.baudrate, way.line.parity, way.line.bytesize, way.line.stopbits

    b23 = {"device": "b", "profile": "abb-b23"}
    assert line(slaves=[b23]) == (19200, "even", 8, 1)
    assert line(slaves=[b23], baudrate=9600, parity="none", stopbits=2) == (9600, "none", 8, 2)
    assert line(slaves=[ONE, b23], baudrate=9600, parity="even") == (9600, "even", 8, 1)


def test_what_is_declared_here_wins_over_the_profile_and_its_defaults_do_not_reach_across():
    table = {
        **ONE, "only": ["power_w"], "table": "holding", "order": "CDAB", "every_s": 3,
        "metrics": {"power_w": {**METRIC, "scale": 2.0}, "own": METRIC}, "registers": {"own": {"address": 9, "type": "uint32"}},
    }  # fmt: skip
    declaration = declaration_of("slaves[0]", settings.convert(table, modbus.SlaveSettings, "t"), PROFILES)
    assert set(declaration.points) == {"power_w", "own"}
    power, own = declaration.points["power_w"], declaration.points["own"]
    assert (power.table, power.order, power.address) == ("input", "ABCD", 52)
    assert (own.table, own.order) == ("holding", "CDAB")
    assert declaration.metrics["power_w"].scale == 2.0
    assert [group.every_s for group in declaration.groups] == [3]


@given(st.integers(1, 200), st.floats(0, 0.999), st.floats(0.1, 3600))
def test_a_silent_slave_is_asked_ever_more_rarely_but_at_least_so_often(failures, chance, retry_s):
    breaker = Breaker(first_s=min(5.0, retry_s), retry_s=retry_s, trip_after=3, chance=lambda: chance)
    for _ in range(failures):
        breaker.failed(1000.0)
    if failures < 3:
        assert breaker.again_s == 0.0
    else:
        assert 1000.0 < breaker.again_s <= 1000.0 + retry_s + 1e-6
    breaker.answered()
    assert breaker.again_s == 0.0
    assert not breaker.open


@given(st.integers(0, 255))
def test_every_exception_has_a_name_and_something_to_check(code):
    name, check = exception(code)
    assert name
    assert check


def test_a_gateway_without_modbus_devices_does_not_load_pymodbus():
    code = "import sys, edge_agent.config, edge_agent.agent, edge_agent.readers.nmea; sys.exit('pymodbus' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[4]).returncode == 0
