"""The sentences of the wall's activity list and of the evidence page."""

from decimal import Decimal

from plumbline.counted import counted as in_units
from plumbline.event import CheckIn, Inspection, State
from plumbline.linking import Known, Share
from plumbline.text import Text, joined, visible

_STATES = {
    "off": Text("off", "已关闭"),
    "idle": Text("idle", "待机"),
    "working": Text("working", "作业中"),
    "fault": Text("reports a fault", "报故障"),
}
_RESULTS = {
    "passed": Text("passed", "合格"),
    "failed": Text("failed", "不合格"),
    "conditional": Text("passed with conditions", "有条件通过"),
}
_METHODS = {
    "badge": Text("badge", "胸卡"),
    "qr": Text("QR code", "二维码"),
    "gps": Text("GPS", "定位"),
    "manual": Text("by hand", "人工登记"),
}


def brought(shares: tuple[Share, ...], *, counted: bool, over: bool, lacking: bool = False) -> Text:
    """A linked scan: what it brought."""
    what = joined(
        Text(
            f"{in_units(share.quantity, share.line.unit).en} {share.line.title.en} ({share.line.order}/{share.line.number})",
            f"{share.line.title.zh} {in_units(share.quantity, share.line.unit).zh}({share.line.order}/{share.line.number})",
        )
        for share in shares
    )
    if not counted:
        return Text(f"Seen again, counted once: {what.en}", f"重复扫描，只计一次：{what.zh}")
    if lacking:
        return Text(f"Arrived, its certificate is missing: {what.en}", f"到货，缺少质量证明书：{what.zh}")
    if over:
        return Text(f"Arrived, more than ordered: {what.en}", f"到货，超出订购量：{what.zh}")
    return Text(f"Arrived: {what.en}", f"到货：{what.zh}")


def showed(known: Known) -> Text:
    """A badge or a machine's tag was scanned."""
    if known.kind == "person":
        return Text(f"Badge of {known.title.en} was scanned", f"扫描到{known.title.zh}的胸卡")
    if known.kind == "zone":
        return Text(f"Sign of {known.title.en} was scanned", f"扫描到{known.title.zh}的标牌")
    return Text(f"Tag of {known.title.en} was scanned", f"扫描到{known.title.zh}的标牌")


def waits(text: str, reason: Text) -> Text:
    """A scan, or an inspection, that waits."""
    shown = visible(text, 48)
    return Text(f"Not linked: {shown}: {reason.en}", f"未关联：{shown}：{reason.zh}")


def checked_in(event: CheckIn, place: Text) -> Text:
    """A person came or went."""
    person, method = visible(event.person, 48), _METHODS[event.method]
    if event.direction == "in":
        return Text(f"{person} checked in at {place.en} ({method.en})", f"{person} 在{place.zh}签到({method.zh})")
    return Text(f"{person} left {place.en} ({method.en})", f"{person} 离开{place.zh}({method.zh})")


def changed_state(event: State, device: Text) -> Text:
    """A machine changed its state."""
    state = _STATES[event.state]
    code = f" {visible(event.code, 32)}" if event.code else ""
    return Text(f"{device.en}: {state.en}{code}", f"{device.zh}：{state.zh}{code}")


def inspected(event: Inspection, point: Text, order: str) -> Text:
    """A quality check was carried out."""
    result = _RESULTS[event.result]
    return Text(f"Inspection {point.en}: {result.en} ({order})", f"检查 {point.zh}：{result.zh}({order})")


def gateway_turned(gateway: str, *, online: bool) -> Text:
    """A gateway came back or fell silent."""
    if online:
        return Text(f"Gateway {gateway} is online", f"网关 {gateway} 已上线")
    return Text(f"Gateway {gateway} went offline", f"网关 {gateway} 已离线")


def proof(title: Text, unit: str, quantity: Decimal, device: Text, symbol: str | None) -> Text:
    """One line of evidence: a scan that counts."""
    what = in_units(quantity, unit)
    code_en, code_zh = (f" ({visible(symbol, 48)})", f"({visible(symbol, 48)})") if symbol else ("", "")
    return Text(
        f"{device.en} scanned {what.en} {title.en}{code_en}",
        f"{device.zh}扫描到{title.zh} {what.zh}{code_zh}",
    )
