"""Device profiles: what a kind of device measures, in which units, and how its bytes are framed.

A profile is `firmware_configs/<id>/profile.toml`, beside what is flashed or set on the device. The configuration of a
gateway names profiles by id; ingest and the boards take units and titles from them.
"""

from plumbline.profile.device import DeviceProfile, load, load_all
from plumbline.profile.line import LineCheck, LineCounter, LineShape
from plumbline.profile.metric import Filter, Metric, Window
from plumbline.profile.modbus import Identity, ModbusShape, ModbusState, Register
from plumbline.profile.mqtt import CheckInFields, FixFields, MqttShape, StateFields
from plumbline.profile.serial import CodeId, Framing, Keyboard, Layout, SerialLine

__all__ = [
    "CheckInFields",
    "CodeId",
    "DeviceProfile",
    "Filter",
    "FixFields",
    "Framing",
    "Identity",
    "Keyboard",
    "Layout",
    "LineCheck",
    "LineCounter",
    "LineShape",
    "Metric",
    "ModbusShape",
    "ModbusState",
    "MqttShape",
    "Register",
    "SerialLine",
    "StateFields",
    "Window",
    "load",
    "load_all",
]
