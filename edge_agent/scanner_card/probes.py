"""The codes of the card. Each tells one thing apart; most carry the card's mark and their number, so order does not matter.

The mark and what ends a code are letters and digits that no layout puts elsewhere without being found out. Code 4 ends with accents before letters that go with them:
that tells whether the scanner types accents as dead keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.gs1 import check_digit

Purpose = Literal["plain", "symbols", "letters", "gs1", "control", "chinese", "long", "retail", "short"]

#: Every code of this card begins so; the digit is the card's edition.
MARK: Final = "PLC1"
END: Final = "END"
GS: Final = "\x1d"
#: Number of the code that is too short to carry the mark.
SHORT: Final = 8
#: GS1's own example article; no shop sells it.
_LEAD: Final = "010950600013435210"
_FILLING: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One code of the card."""

    number: int
    format: str
    """As zxing-cpp spells it."""
    identifier: str
    """The AIM identifier that the symbol has."""
    text: str
    """What it holds; GS where FNC1 separates."""
    purpose: Purpose
    en: str
    zh: str
    needed: bool = True
    """Whether a profile can be learnt without it."""

    @property
    def gs1(self) -> bool:
        """Whether it is a GS1 symbol: FNC1 in front."""
        return self.purpose == "gs1"

    @property
    def lead(self) -> str:
        """What stands in front of the mark."""
        return self.text.partition(MARK)[0] if MARK in self.text else ""


def _gtin(body: str) -> str:
    return body + check_digit(body)


def _text(number: int, body: str) -> str:
    return f"{MARK}{number:02}{body}{END}"


def _gs1_text(number: int) -> str:
    return f"{_LEAD}{MARK}{number:02}{GS}21{END}"


PROBES: Final[Mapping[int, Probe]] = {
    probe.number: probe
    for probe in (
        Probe(
            number=1, format="Code128", identifier="]C0", purpose="plain", text=_text(1, "ABC123"),
            en="Code 128: what stands before and behind", zh="Code 128：前缀和后缀",
        ),
        Probe(
            number=2, format="Code39", identifier="]A0", purpose="plain", text=_text(2, "ABC123"),
            en="Code 39: code identifier", zh="Code 39：条码类型标识",
        ),
        Probe(
            number=3, format="QRCode", identifier="]Q1", purpose="symbols", text=_text(3, " !\"#$%&'()*+,-./0123456789"),
            en="Signs and digits", zh="符号与数字",
        ),
        Probe(
            number=4, format="QRCode", identifier="]Q1", purpose="symbols", text=_text(4, ":;<=>?@[\\]^_`{|}~^a`e~n"),
            en="Signs that keyboards move", zh="键盘布局易错的符号",
        ),
        Probe(
            number=5, format="DataMatrix", identifier="]d1", purpose="letters",
            text=_text(5, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            en="Small and capital letters", zh="大小写字母",
        ),
        Probe(
            number=6, format="DataMatrix", identifier="]d2", purpose="gs1", text=_gs1_text(6),
            en="GS1 DataMatrix: separator", zh="GS1 DataMatrix：分隔符",
        ),
        Probe(
            number=7, format="Code128", identifier="]C1", purpose="gs1", text=_gs1_text(7),
            en="GS1-128: separator", zh="GS1-128：分隔符",
        ),
        Probe(
            number=SHORT, format="Code128", identifier="]C0", purpose="short", text="P7", needed=False,
            en="A very short code", zh="极短的条码",
        ),
        Probe(
            number=9, format="EAN13", identifier="]E0", purpose="retail", text=_gtin("401234567890"),
            en="EAN-13: check digit", zh="EAN-13：校验位",
        ),
        Probe(
            number=10, format="UPCA", identifier="]E0", purpose="retail", text=_gtin("06141410003"),
            en="UPC-A: leading zero", zh="UPC-A：前导零",
        ),
        Probe(
            number=11, format="QRCode", identifier="]Q3", purpose="gs1", text=_gs1_text(11),
            en="GS1 QR Code: separator", zh="GS1 QR 码：分隔符",
        ),
        Probe(
            number=12, format="QRCode", identifier="]Q1", purpose="chinese", text=_text(12, "钢筋验收"), needed=False,
            en="Chinese text", zh="中文内容",
        ),
        Probe(
            number=13, format="DataMatrix", identifier="]d1", purpose="control", text=_text(13, "A\x1eB\x04C"), needed=False,
            en="Control characters RS, EOT", zh="控制字符 RS、EOT",
        ),
        Probe(
            number=14, format="QRCode", identifier="]Q1", purpose="long", text=_text(14, _FILLING * 9),
            en="Long code: nothing cut off", zh="长码：不被截断",
        ),
    )
}  # fmt: skip
