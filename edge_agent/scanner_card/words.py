"""What stands on the card besides the codes, in the languages of the site."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Words:
    """The card's sentences."""

    title: str
    edition: str
    steps: tuple[str, ...]
    optional: str
    footer: tuple[str, ...]


WORDS: Final[Mapping[Literal["en", "zh"], Words]] = {
    "en": Words(
        title="Scanner self-test card",
        edition="Plumbline · card 1 · print at 100 %",
        steps=(
            "On the gateway, start: plumbline scanner learn (with --port or --device, see below).",
            "Scan the codes with an orange number, one after the other; wait for the beep and about a second. Any order will do.",
            "Cover the neighbours with your hand if the scanner catches two at once. A code scanned twice does no harm.",
            "Then the codes with a grey number; leave out what the scanner does not read. The screen says when you are done.",
        ),
        optional="if it can be read",
        footer=(
            "Serial or USB-COM:  plumbline scanner learn --port /dev/serial/by-id/… --write firmware_configs/<id>/profile.toml",
            "USB keyboard:  plumbline scanner learn --device /dev/input/by-id/…-event-kbd --write firmware_configs/<id>/profile.toml",
        ),
    ),
    "zh": Words(
        title="扫描器自检卡",
        edition="Plumbline · 第 1 版 · 请按 100 % 打印",
        steps=(
            "在网关上运行：plumbline scanner learn（加 --port 或 --device，见页脚）。",
            "逐个扫描橙色编号的条码：听到提示音后等约一秒，再扫下一个。顺序不限。",
            "如果一次读到两个码，请用手遮住旁边的码。同一个码扫两次没有关系。",
            "最后扫描灰色编号的条码；读不出来的可以跳过。完成时屏幕会提示。",
        ),
        optional="能读则读",
        footer=(
            "串口或 USB 虚拟串口：plumbline scanner learn --port /dev/serial/by-id/… --write firmware_configs/<id>/profile.toml",
            "USB 键盘模式：plumbline scanner learn --device /dev/input/by-id/…-event-kbd --write firmware_configs/<id>/profile.toml",
        ),
    ),
}
