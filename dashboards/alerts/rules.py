"""When somebody is told, and in which words: the table of alert rules. `docs/runbooks.md` says what to do about each."""

from typing import Final

from dashboards import naming
from dashboards.alerts.rule import Alert, Formula, Threshold
from dashboards.boards.environment import NOISE_DAY_LIMIT, NOISE_NIGHT_LIMIT, PM2_5_LIMIT, PM10_LIMIT
from dashboards.influxql import Column, Query, count, last, mean, quoted
from plumbline.text import Text

#: State is written each minute: what is older than this is not how things are.
_NOW_S: Final = 15 * 60
#: As long as an inspector measures: the level of 20 minutes.
_NOISE_S: Final = 20 * 60
_DUST_S: Final = 24 * 3600
#: Data are "until" a moment that moves on with each batch; an online gateway's lags by seconds.
OLD_S: Final = 30 * 60
NIGHT: Final = {"period": "night"}


def _of_all_sites(source: str, column: Column, *tags: str) -> Query:
    return Query(source=source, columns=(column,), group_by=("site", *tags), all_sites=True)


def _grown(name: str) -> Column:
    return Column(f"spread({quoted(name)})", name)


def _dust(key: str, metric: str, shown: str, limit: float) -> Alert:
    return Alert(
        key=key,
        title=Text(f"{shown} over the limit", f"{shown} 超标"),
        audience="site",
        severity="warning",
        asks=(_of_all_sites("environment_1m", mean(f"{metric}_mean"), "device"),),
        within_s=_DUST_S,
        holds=Threshold(is_="gt", figure=limit),
        lasting="10m",
        summary=Text(
            f"{shown} at {{{{ $labels.device }}}} is over the limit, site {{{{ $labels.site }}}}",
            f"工地 {{{{ $labels.site }}}} 测点 {{{{ $labels.device }}}} {shown} 超标",
        ),
        description=Text(
            f'The mean of 24 hours is {{{{ printf "%.0f" $values.R0.Value }}}} µg/m³; the limit is {limit} (GB 3095-2026, class II). '
            "Damp down the roads and cover loose material.",
            f'24 小时均值为 {{{{ printf "%.0f" $values.R0.Value }}}} µg/m³，限值 {limit}（GB 3095-2026 二级）。请洒水降尘、覆盖裸土和散料。',
        ),
        board=naming.ENVIRONMENT,
    )


def _noise(key: str, title: Text, limit: float, hours: Text, labels: dict[str, str] | None = None) -> Alert:
    return Alert(
        key=key,
        title=title,
        audience="site",
        severity="warning",
        asks=(_of_all_sites("environment_1m", mean("noise_db_mean"), "device"),),
        within_s=_NOISE_S,
        holds=Threshold(is_="gt", figure=limit),
        lasting="0s",
        summary=Text(
            "Too loud at {{ $labels.device }}, site {{ $labels.site }}",
            "工地 {{ $labels.site }} 测点 {{ $labels.device }} 噪声超标",
        ),
        description=Text(
            f'The mean of 20 minutes is {{{{ printf "%.0f" $values.R0.Value }}}} dB(A); the limit {hours.en} is {limit} (GB 12523-2025). '
            "Stop or shield the loudest work.",
            f'20 分钟均值为 {{{{ printf "%.0f" $values.R0.Value }}}} dB(A)，{hours.zh}限值 {limit}（GB 12523-2025）。请停止或遮挡最响的作业。',
        ),
        board=naming.ENVIRONMENT,
        labels=labels,
    )


ALERTS: Final[tuple[Alert, ...]] = (
    Alert(
        key="milestone-late",
        title=Text("Milestone late", "里程碑逾期"),
        audience="site",
        severity="critical",
        asks=(_of_all_sites("milestone", last("rag"), "order", "milestone"),),
        within_s=_NOW_S,
        holds=Threshold(is_="gt", figure=1.5),
        lasting="1m",
        summary=Text(
            "Milestone {{ $labels.milestone }} of order {{ $labels.order }} is late, site {{ $labels.site }}",
            "工地 {{ $labels.site }} 订单 {{ $labels.order }} 的里程碑 {{ $labels.milestone }} 已逾期",
        ),
        description=Text(
            "Its date has passed and its material has not all arrived. The board of the order shows what is missing.",
            "已过期限，物料尚未全部到场。缺少哪些物料，请看该订单的看板。",
        ),
        board=naming.ORDER,
    ),
    Alert(
        key="shortage-ahead",
        title=Text("Shortage ahead", "物料即将短缺"),
        audience="site",
        severity="warning",
        asks=(_of_all_sites("material", last("rag"), "order", "line"),),
        within_s=_NOW_S,
        holds=Threshold(is_="gt", figure=0.5),
        lasting="5m",
        summary=Text(
            "Line {{ $labels.line }} of order {{ $labels.order }} may come short, site {{ $labels.site }}",
            "工地 {{ $labels.site }} 订单 {{ $labels.order }} 第 {{ $labels.line }} 行物料可能短缺",
        ),
        description=Text(
            "It is needed within three days, or was needed already, and not all of it has arrived. Ask the supplier today.",
            "三天内（或已经）需要使用，但尚未全部到货。请今天就联系供应商。",
        ),
        board=naming.MATERIAL,
    ),
    _dust("dust-pm10-over-limit", "pm10", "PM10", PM10_LIMIT),
    _dust("dust-pm2-5-over-limit", "pm2_5", "PM2.5", PM2_5_LIMIT),
    _noise(
        "noise-over-limit",
        Text("Noise over the limit", "噪声超标"),
        NOISE_DAY_LIMIT,
        Text("by day", "昼间"),
    ),
    _noise(
        "noise-at-night-over-limit",
        Text("Noise over the limit at night", "夜间噪声超标"),
        NOISE_NIGHT_LIMIT,
        Text("at night (22 to 6 h)", "夜间（22 时至次日 6 时）"),
        NIGHT,
    ),
    Alert(
        key="gateway-silent",
        title=Text("Gateway silent", "网关失联"),
        audience="operations",
        severity="critical",
        asks=(_of_all_sites("gateway", last("online"), "gateway"),),
        within_s=_NOW_S,
        holds=Threshold(is_="lt", figure=0.5),
        lasting="5m",
        summary=Text(
            "Gateway {{ $labels.gateway }} of site {{ $labels.site }} is silent",
            "工地 {{ $labels.site }} 的网关 {{ $labels.gateway }} 失联",
        ),
        description=Text(
            "Nothing has been heard from it for at least five minutes. It keeps what its devices say and sends it later: nothing is "
            "lost, but colours that depend on it are unknown until it is back.",
            "至少五分钟没有收到它的消息。它会保存设备数据，恢复后补传，数据不会丢失；恢复之前，依赖它的状态显示为未知。",
        ),
        board=naming.GATEWAYS,
    ),
    Alert(
        key="data-old",
        title=Text("Data are old although the gateway is online", "网关在线但数据陈旧"),
        audience="operations",
        severity="warning",
        asks=(
            _of_all_sites("gateway", last("data_age_s"), "gateway"),
            _of_all_sites("gateway", last("online"), "gateway"),
        ),
        within_s=_NOW_S,
        holds=Formula(text=f"$R0 > {OLD_S} && $R1 > 0.5"),
        lasting="10m",
        summary=Text(
            "Data of gateway {{ $labels.gateway }}, site {{ $labels.site }}, are old",
            "工地 {{ $labels.site }} 的网关 {{ $labels.gateway }} 数据陈旧",
        ),
        description=Text(
            "It is online, but what the boards show of it is {{ humanizeDuration $values.R0.Value }} old: it is catching up after a "
            "break, its link is too slow, or ingest holds it up.",
            "网关在线，但看板上它的数据已是 {{ humanizeDuration $values.R0.Value }} 之前的：可能正在补传、链路太慢，或服务器接收受阻。",
        ),
        board=naming.GATEWAYS,
    ),
    Alert(
        key="events-missing",
        title=Text("Events missing", "事件缺失"),
        audience="operations",
        severity="warning",
        asks=(_of_all_sites("ledger", last("missing"), "gateway", "class"),),
        within_s=_NOW_S,
        holds=Threshold(is_="gt", figure=0),
        lasting="30m",
        summary=Text(
            'Gateway {{ $labels.gateway }} of site {{ $labels.site }}: {{ printf "%.0f" $values.R0.Value }} events missing',
            '工地 {{ $labels.site }} 的网关 {{ $labels.gateway }} 缺失 {{ printf "%.0f" $values.R0.Value }} 个事件',
        ),
        description=Text(
            "The ledger knows of {{ $labels.class }} events that have not come for half an hour, although they were asked for.",
            "账本显示有 {{ $labels.class }} 类事件半小时仍未到达，系统已要求补传。",
        ),
        board=naming.GATEWAYS,
    ),
    Alert(
        key="events-lost",
        title=Text("Events lost", "事件丢失"),
        audience="operations",
        severity="critical",
        asks=(_of_all_sites("ledger", _grown("lost"), "gateway", "class"),),
        within_s=3600,
        holds=Threshold(is_="gt", figure=0),
        lasting="0s",
        summary=Text(
            'Gateway {{ $labels.gateway }} of site {{ $labels.site }} has lost {{ printf "%.0f" $values.R0.Value }} events',
            '工地 {{ $labels.site }} 的网关 {{ $labels.gateway }} 丢失 {{ printf "%.0f" $values.R0.Value }} 个事件',
        ),
        description=Text(
            "In the last hour the gateway said that it will never have these {{ $labels.class }} events again. What they told must be "
            "entered by hand: scan the deliveries of that time once more.",
            "最近一小时，网关表示这些 {{ $labels.class }} 类事件已无法找回。其中的内容需要人工补录：请把那段时间的到货重新扫码。",
        ),
        board=naming.GATEWAYS,
    ),
    Alert(
        key="dead-letters-waiting",
        title=Text("Dead letters waiting", "有待处理的死信"),
        audience="operations",
        severity="warning",
        asks=(_of_all_sites("dead_letter", last("waiting"), "reason"),),
        within_s=_NOW_S,
        holds=Threshold(is_="gt", figure=0),
        lasting="15m",
        summary=Text(
            'Site {{ $labels.site }}: {{ printf "%.0f" $values.R0.Value }} messages could not be taken in ({{ $labels.reason }})',
            '工地 {{ $labels.site }}：{{ printf "%.0f" $values.R0.Value }} 条消息无法接收（{{ $labels.reason }}）',
        ),
        description=Text(
            "They are kept, not lost. Somebody must look at them, mend the cause and take them in again.",
            "消息已保存，没有丢失。需要有人查看、排除原因并重新接收。",
        ),
        board=naming.GATEWAYS,
    ),
    Alert(
        key="ingest-silent",
        title=Text("Ingest is silent", "数据接收停止"),
        audience="operations",
        severity="critical",
        asks=(Query(source="ingest", columns=(count("events_per_s"),), all_sites=True),),
        within_s=300,
        holds=Threshold(is_="lt", figure=1),
        lasting="5m",
        summary=Text("Ingest says nothing: all boards stand still", "数据接收没有响应：所有看板停止更新"),
        description=Text(
            "No worker of ingest has written anything for ten minutes. Gateways keep what they have; nothing is lost yet.",
            "十分钟内没有任何接收进程写入数据。网关会保存数据，暂未丢失。",
        ),
        board=naming.GATEWAYS,
        without_data="Alerting",
    ),
)
