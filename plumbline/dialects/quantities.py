"""What devices of many makes measure: our name for it, the series it belongs to, its unit, titles, and what is plausible.

A dialect translates its own words into these names. A configuration overrules any of them under `metrics`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plumbline.profile import Metric


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity: `metric` says unit, titles and bounds; `measurement` the series it belongs to unless declared otherwise."""

    measurement: str
    metric: Metric


#: Measurement → name, UCUM code, titles in English and Chinese, lowest and highest plausible value.
#: Bounds are those of common sensors and of outdoor sites: what lies outside is a broken sensor, not weather.
_TABLE: Final = {
    "environment": (
        ("temperature_c", "Cel", "Temperature", "温度", -60, 150),
        ("probe_temperature_c", "Cel", "Probe temperature", "探头温度", -270, 2500),
        ("dew_point_c", "Cel", "Dew point", "露点", -80, 100),
        ("humidity", "%", "Humidity", "湿度", 0, 100),
        ("humidity_g_m3", "g/m3", "Absolute humidity", "绝对湿度", 0, 600),
        ("pressure_hpa", "hPa", "Air pressure", "气压", 300, 1200),
        ("sea_pressure_hpa", "hPa", "Air pressure at sea level", "海平面气压", 800, 1200),
        ("illuminance_lx", "lx", "Illuminance", "照度", 0, 200_000),
        ("uv_index", "1", "UV index", "紫外线指数", 0, 30),
        ("co2_ppm", "[ppm]", "Carbon dioxide", "二氧化碳", 0, 40_000),
        ("co_ppm", "[ppm]", "Carbon monoxide", "一氧化碳", 0, 10_000),
        ("tvoc_ppb", "[ppb]", "Volatile organic compounds", "挥发性有机物", 0, 60_000),
        ("tvoc_ug_m3", "ug/m3", "Volatile organic compounds", "挥发性有机物", 0, 100_000),
        ("formaldehyde_mg_m3", "mg/m3", "Formaldehyde", "甲醛", 0, 100),
        ("pm1", "ug/m3", "PM1", "PM1", 0, 2000),
        ("pm2_5", "ug/m3", "PM2.5", "PM2.5", 0, 2000),
        ("pm4", "ug/m3", "PM4", "PM4", 0, 2000),
        ("pm10", "ug/m3", "PM10", "PM10", 0, 2000),
        ("noise_db", "dB[A]", "Noise", "噪声", 0, 160),
        ("wind_mps", "m/s", "Wind speed", "风速", 0, 100),
        ("gust_mps", "m/s", "Gust", "阵风", 0, 120),
        ("wind_deg", "deg", "Wind direction", "风向", 0, 360),
        ("rain_mm", "mm", "Rain", "雨量", 0, 100_000),
        ("rain_mm_h", "mm/h", "Rain rate", "雨强", 0, 500),
        ("soil_moisture", "%", "Soil moisture", "土壤湿度", 0, 100),
        ("conductivity_us_cm", "uS/cm", "Conductivity", "电导率", 0, 100_000),
        ("gas_resistance_kohm", "kOhm", "Gas resistance", "气体电阻", 0, 100_000),
        ("radiation_usv_h", "uSv/h", "Radiation", "辐射", 0, 10_000),
        ("leak", "1", "Water leak", "漏水", 0, 1),
        ("smoke", "1", "Smoke", "烟雾", 0, 1),
        ("gas", "1", "Gas alarm", "燃气报警", 0, 1),
        ("co_alarm", "1", "Carbon monoxide alarm", "一氧化碳报警", 0, 1),
    ),
    "energy": (
        ("power_w", "W", "Power", "功率", -10_000_000, 10_000_000),
        ("apparent_power_va", "V.A", "Apparent power", "视在功率", 0, 10_000_000),
        ("reactive_power_var", "var", "Reactive power", "无功功率", -10_000_000, 10_000_000),
        ("power_factor", "1", "Power factor", "功率因数", -1, 1),
        ("voltage_v", "V", "Voltage", "电压", 0, 1500),
        ("current_a", "A", "Current", "电流", -5000, 5000),
        ("frequency_hz", "Hz", "Frequency", "频率", 0, 1000),
        ("energy_kwh", "kW.h", "Energy", "电量", 0, 1e9),
        ("energy_today_kwh", "kW.h", "Energy today", "今日电量", 0, 1e6),
        ("energy_exported_kwh", "kW.h", "Exported energy", "上网电量", 0, 1e9),
    ),
    "equipment": (
        ("on", "1", "Switched on", "通电", 0, 1),
        ("contact", "1", "Contact closed", "触点闭合", 0, 1),
        ("occupancy", "1", "Occupied", "有人", 0, 1),
        ("vibration", "1", "Vibration", "振动", 0, 1),
        ("tamper", "1", "Tamper alarm", "防拆报警", 0, 1),
        ("problem", "1", "Problem", "故障", 0, 1),
        ("input", "1", "Input", "输入", 0, 1),
        ("distance_m", "m", "Distance", "距离", 0, 10_000),
        ("weight_kg", "kg", "Weight", "重量", -1_000_000, 1_000_000),
        ("count", "1", "Count", "计数", -1e12, 1e12),
        ("water_m3", "m3", "Water", "水量", 0, 1e9),
        ("gas_m3", "m3", "Gas", "燃气量", 0, 1e9),
        ("flow_m3_h", "m3/h", "Flow", "流量", -100_000, 100_000),
        ("speed_mps", "m/s", "Speed", "速度", -400, 400),
        ("rotation_rpm", "/min", "Rotation", "转速", -100_000, 100_000),
        ("angle_deg", "deg", "Angle", "角度", -360, 360),
        ("level", "%", "Level", "液位", 0, 100),
        ("position", "%", "Position", "开度", 0, 100),
        ("duration_s", "s", "Duration", "时长", 0, 1e9),
        ("raw", "1", "Raw value", "原始值", -1e12, 1e12),
    ),
    "device": (
        ("battery", "%", "Battery", "电池电量", 0, 100),
        ("battery_v", "V", "Battery voltage", "电池电压", 0, 100),
        ("battery_low", "1", "Battery low", "电量低", 0, 1),
        ("charging", "1", "Charging", "充电中", 0, 1),
        ("rssi_dbm", "dB[mW]", "Signal strength", "信号强度", -150, 30),
        ("snr_db", "dB", "Signal to noise", "信噪比", -40, 40),
        ("link_quality", "1", "Link quality", "链路质量", 0, 255),
        ("supply_v", "V", "Supply voltage", "供电电压", 0, 100),
        ("device_temperature_c", "Cel", "Device temperature", "设备温度", -60, 200),
        ("uptime_s", "s", "Uptime", "运行时间", 0, 1e10),
    ),
}

QUANTITIES: Final[Mapping[str, Quantity]] = {
    name: Quantity(measurement, Metric(unit=unit, title_en=en, title_zh=zh, minimum=low, maximum=high))
    for measurement, rows in _TABLE.items()
    for name, unit, en, zh, low, high in rows
}
