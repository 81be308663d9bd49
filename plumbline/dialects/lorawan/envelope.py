"""What every uplink says whatever its payload: how well it was heard, on which port, how full the battery is."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from plumbline.dialects.lorawan.message import Message
from plumbline.event import Event, Reading
from plumbline.profile import Metric

MEASUREMENT: Final = "lorawan"
METRICS: Final[Mapping[str, Metric]] = {
    "rssi_dbm": Metric(unit="dB[mW]", title_en="Signal strength at the best gateway", title_zh="最佳网关的信号强度"),
    "snr_db": Metric(unit="dB", title_en="Signal-to-noise ratio there", title_zh="信噪比"),
    "gateways": Metric(unit="1", title_en="Gateways that heard it", title_zh="收到该帧的网关数"),
    "spreading_factor": Metric(unit="1", title_en="Spreading factor", title_zh="扩频因子"),
    "frequency_mhz": Metric(unit="MHz", title_en="Frequency", title_zh="频率"),
    "f_port": Metric(unit="1", title_en="LoRaWAN port", title_zh="LoRaWAN 端口"),
    "f_cnt": Metric(unit="1", title_en="Frame counter", title_zh="帧计数"),
    "battery": Metric(unit="%", title_en="Battery", title_zh="电池电量"),
    "external_power": Metric(unit="1", title_en="Runs on mains", title_zh="外部供电"),
    "margin_db": Metric(unit="dB", title_en="Link margin at the device", title_zh="设备端链路余量"),
}


def reading(message: Message) -> partial[Event] | None:
    """The reading of an uplink or a device status; `None` where the server told nothing of it."""
    best = message.gateways[0] if message.gateways else None
    told = {
        "rssi_dbm": best.rssi_dbm if best else None,
        "snr_db": best.snr_db if best else None,
        "gateways": len(message.gateways) or None,
        "spreading_factor": message.spreading_factor,
        "frequency_mhz": message.frequency_mhz,
        "f_port": message.f_port,
        "f_cnt": message.f_cnt,
        "battery": message.battery.percent,
        "external_power": message.battery.external,
        "margin_db": message.battery.margin_db,
    }
    values = {name: float(value) for name, value in told.items() if value is not None}
    return partial(Reading, measurement=MEASUREMENT, values=values) if values else None
