"""What was seen, and what is known of an event, in words: names, moments and durations as people read them (UTC)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .words import Language

_NAMES: dict[str, tuple[str, str]] = {
    "accused_at": ("claimed since", "声称始于"),
    "allowed": ("allowed", "允许"),
    "apn": ("access point (APN)", "接入点（APN）"),
    "appeal": ("appeal", "申诉"),
    "area": ("area", "位置区"),
    "asked_by": ("asked for by", "提出人"),
    "at": ("seen at", "时间"),
    "attested_at": ("last attested", "最近证明"),
    "before": ("and before", "此前"),
    "between": ("between", "介于"),
    "bound": ("bound to", "绑定"),
    "bound_at": ("bound since", "绑定于"),
    "by": ("by", "经由"),
    "cards": ("cards", "卡数"),
    "cell": ("cell", "小区"),
    "challenged": ("challenged", "已质询"),
    "corroborated_by": ("corroborated by", "佐证来源"),
    "counter": ("counter (boots, seconds)", "计数器（启动次数、秒）"),
    "counters": ("counters (boots, seconds)", "计数器（启动次数、秒）"),
    "deadline": ("deadline", "期限"),
    "decision": ("decision", "决定"),
    "due_at": ("due", "应于"),
    "entries": ("entries of the ledger", "账本条数"),
    "finding": ("finding", "核查结果"),
    "for_s": ("for", "持续"),
    "force": ("beyond the quota", "超出限额"),
    "foreign_imei": ("foreign IMEI", "异常 IMEI"),
    "from": ("from", "自"),
    "home": ("home networks", "归属网络"),
    "imei": ("IMEI", "IMEI"),
    "imei2": ("second IMEI", "第二 IMEI"),
    "kid": ("key id", "密钥标识"),
    "km": ("kilometres", "公里"),
    "lat": ("latitude", "纬度"),
    "lon": ("longitude", "经度"),
    "materials": ("materials", "材料"),
    "more_s": ("longer by", "顺延"),
    "network": ("the network said", "网络侧状态"),
    "order": ("work order", "工单"),
    "plmn": ("network (PLMN)", "网络（PLMN）"),
    "reason": ("reason", "理由"),
    "retired_key": ("old key", "旧密钥"),
    "reverify": ("to be verified anew", "须重新核验"),
    "rule": ("rule", "规则"),
    "scenario": ("scenario", "场景"),
    "seconds": ("within seconds", "间隔秒数"),
    "seen": ("seen", "所见"),
    "seen_at": ("last seen", "最近出现"),
    "sha256": ("SHA-256", "SHA-256"),
    "technician": ("technician", "外勤人员"),
    "times": ("times", "次数"),
    "to": ("to", "至"),
    "until": ("until", "截至"),
    "up_to": ("up to number", "截至编号"),
    "use": ("use", "功能"),
    "used_at": ("last used", "最近使用"),
    "what": ("measure", "措施"),
    "withheld": ("withheld, number", "暂缓编号"),
    "withheld_at": ("withheld since", "暂缓始于"),
    "within_s": ("within", "在此期间内"),
    "woke_at": ("back since", "恢复于"),
    "words": ("words", "说明"),
}
_MOMENTS = ("at", "before", "between", "deadline", "until")
"""Besides what ends with _at."""


class Fact(NamedTuple):
    """A name and a value, for people."""

    name: str
    value: str

    def line(self, language: Language) -> str:
        return self.name + ("：" if language is Language.ZH else ": ") + self.value


def told(facts: Mapping[str, Any], language: Language = Language.EN) -> Iterator[Fact]:
    """Facts of a sign or an event. Those below `facts`, which stand by reason, follow one after the other; what is not
    known, or false, is left out."""
    for name, value in facts.items():
        if name == "facts" and isinstance(value, Mapping):
            for below in value.values():
                yield from told(below, language)
        elif value not in (None, False, [], ""):
            words = _NAMES.get(name, (name.replace("_", " "),) * 2)
            yield Fact(words[language is Language.ZH], _value(name, value, language))


def moment(at: float) -> str:
    """A moment in UTC, to the second."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{at} s after 1970"


def duration(seconds: float, language: Language = Language.EN) -> str:
    """A duration in its two largest units."""
    rest, parts = round(abs(seconds)), []
    for size, units in ((86400, (" d", " 天")), (3600, (" h", " 小时")), (60, (" min", " 分")), (1, (" s", " 秒"))):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{units[language is Language.ZH]}")
    return " ".join(parts[:2]) or f"0{(' s', ' 秒')[language is Language.ZH]}"


def _value(name: str, value: Any, language: Language) -> str:
    match value:
        case list():
            return (", ", "、")[language is Language.ZH].join(_value(name, one, language) for one in value)
        case {"name": file, **_more}:
            return str(file)
        case True:
            return ("yes", "是")[language is Language.ZH]
        case int() | float() if name.endswith("_at") or name in _MOMENTS:
            return moment(value)
        case int() | float() if name.endswith("_s"):
            return duration(value, language)
    return str(value)
