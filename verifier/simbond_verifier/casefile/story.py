"""A case as people read it: one line for each entry, in English and Chinese. Says what the entries say; what of that is
proved, `check` says."""

from collections.abc import Callable
from typing import NamedTuple

from .. import happened as words
from ..event_kinds import DEVICE_ENDORSED, FIELD_CHECK
from ..evidence import Evidence
from ..facts_in_words import moment
from ..reasons import Reason, Tier
from ..words import Language, explain
from ..work_orders.finding import Judgement
from .check import Checked
from .facts import Fact
from .stations import Vouched

_TIERS = {
    Tier.AFFIRMING: ("it affirms", "判定：证实"),
    Tier.WARNING: ("it warns", "判定：预警"),
    Tier.CONTRAINDICATED: ("it contradicts", "判定：相悖"),
}


class Line(NamedTuple):
    """One step of the story."""

    at: float
    seq: int
    en: str
    zh: str


def tell(checked: Checked) -> list[Line]:
    """In the order in which things were done: a row is an entry some moments after it, and kinds go one by one."""
    facts = sorted(checked.facts.all, key=lambda fact: (fact.at, fact.seq))
    return [Line(fact.at, fact.seq, *_WORDS[fact.kind](fact, checked)) for fact in facts]


def _evidence(fact: Fact, checked: Checked) -> tuple[str, str]:
    claims: Evidence | None = checked.claims.get(fact.row_id)
    tier = _TIERS.get(Tier(fact.fields["tier"]) if fact.fields["tier"] in list(Tier) else Tier.NONE, ("", ""))
    why = f" ({', '.join(fact.reasons)})" if fact.reasons else ""
    why_zh = _reasons_zh(fact, "：")
    if claims is None:
        return f"Evidence {fact.row_id}, not proved to be a device's.", f"证据 {fact.row_id}：未能证实出自设备。"
    kid, imei, iccid = claims.kid.hex(), claims.imei, claims.iccid
    return (
        f"Device {kid} (IMEI {imei or 'not read'}) signed Evidence {fact.row_id}: "
        f"it holds {iccid or 'no card'}; {tier[0]}{why}.",
        f"设备 {kid}（IMEI {imei or '未读出'}）签署证据 {fact.row_id}：持有 {iccid or '无卡'}；{tier[1]}{why_zh}。",
    )


def _event(fact: Fact, checked: Checked) -> tuple[str, str]:
    kind = fact.fields["kind"]
    if fact.seq in checked.on_site:
        return _answer(fact, checked.on_site[fact.seq])
    if fact.seq in checked.vouched:
        return _vouched(fact, checked.vouched[fact.seq])
    en, zh = _plain_event(fact)
    return (f"{en} Not proved.", f"{zh}未能证实。") if kind in (FIELD_CHECK, DEVICE_ENDORSED) else (en, zh)


def _answer(fact: Fact, judged: Judgement) -> tuple[str, str]:
    """What a device signed on site."""
    ticket, said = judged.ticket, judged.evidence
    assert ticket is not None  # what is good has both
    assert said is not None
    (en, zh), by = _both(words.finding, str(fact.detail["finding"])), fact.fields["actor"]
    kid, imei, iccid, issued = said.kid.hex(), said.imei, said.iccid, moment(ticket.issued)
    return (
        f"Device {kid} (IMEI {imei or 'not read'}) signed on site that it holds {iccid or 'no card'} "
        f"(work order {ticket.order} of {issued}, brought in by {by}): {en}.",
        f"设备 {kid}（IMEI {imei or '未读出'}）现场签名：持有 {iccid or '无卡'}"
        f"（工单 {ticket.order}，签发于 {issued}，经办：{words.actor(by, Language.ZH)}）：{zh}。",
    )


def _vouched(fact: Fact, vouched: Vouched) -> tuple[str, str]:
    """What a factory station signed."""
    entry, unit, by = vouched.entry, vouched.unit, fact.fields["actor"]
    kid, imei, made = unit.kid.hex(), unit.imei, moment(entry.at)
    return (
        f"Station {entry.station} vouched for device {kid} (IMEI {imei or 'not read'}) on {made}, "
        f"in entry {entry.seq} of its log, brought in by {by}.",
        f"工位 {entry.station} 于 {made} 为设备 {kid}（IMEI {imei or '未读出'}）背书（日志第 {entry.seq} 条，"
        f"经办：{words.actor(by, Language.ZH)}）。",
    )


def _plain_event(fact: Fact) -> tuple[str, str]:
    kind, actor, evidence = (fact.fields[name] for name in ("kind", "actor", "evidence"))
    said = str(fact.detail.get("reason") or "")
    more_en = [f"by {actor}", ", ".join(fact.reasons), f"'{said}'" if said else ""]
    more_zh = [f"经办：{words.actor(actor, Language.ZH)}", _reasons_zh(fact, "原因："), f"“{said}”" if said else ""]
    if evidence is not None:
        more_en.append(f"by Evidence {evidence}")
        more_zh.append(f"依据证据 {evidence}")
    if fact.fields["card"] is not None and fact.fields["state"]:
        state, access = fact.fields["state"], fact.fields["access"]
        more_en.append(f"the card is {state}, {access}")
        more_zh.append(f"状态：{words.state(state, Language.ZH)}；网络侧：{words.access(access, Language.ZH)}")
    en, zh = _both(words.happened, kind)
    return f"{en} ({'; '.join(filter(None, more_en))})", f"{zh}（{'；'.join(filter(None, more_zh))}）"


def _reasons_zh(fact: Fact, before: str) -> str:
    """The reasons in Chinese with their codes; one of a newer verifier by its code alone."""
    known = set(Reason)
    told = [
        f"{explain(Reason(code), Language.ZH).removesuffix('。')}（{code}）" if code in known else code
        for code in fact.reasons
    ]
    return before + "，".join(told) if told else ""


def _both(word: Callable[[str, Language], str], name: str) -> tuple[str, str]:
    return word(name, Language.EN), word(name, Language.ZH)


def _command(fact: Fact, _: Checked) -> tuple[str, str]:
    en, zh = _both(words.access, fact.fields["access"])
    return f"Command {fact.row_id} to the network: {en}.", f"向网络下达指令 {fact.row_id}：{zh}。"


def _readback(fact: Fact, _: Checked) -> tuple[str, str]:
    en, zh = _both(words.access, fact.fields["said"])
    error = f" ({fact.fields['error']})" if fact.fields["error"] else ""
    return (
        f"The records of {fact.fields['target']} read back after command {fact.fields['command']}: {en}{error}.",
        f"指令 {fact.fields['command']} 后回读 {fact.fields['target']}：{zh}{error}。",
    )


def _notice(fact: Fact, _: Checked) -> tuple[str, str]:
    kind = fact.fields["kind"]
    zh = words.notice(kind, Language.ZH)
    return f"The holder was told: notice {fact.row_id} ({kind}).", f"已告知用户：通知 {fact.row_id}（{zh}）。"


def _appeal(fact: Fact, _: Checked) -> tuple[str, str]:
    statement, materials = fact.fields["statement"], len(fact.fields["materials"])
    notice = fact.fields["notice"]
    against = ("", "") if notice is None else (f" against notice {notice}", f"（针对通知 {notice}）")
    return (
        f"Appeal {fact.row_id}{against[0]}: '{statement}' ({materials} documents).",
        f"申诉 {fact.row_id}{against[1]}：“{statement}”（材料 {materials} 份）。",
    )


_WORDS = {
    "evidence": _evidence,
    "event": _event,
    "command": _command,
    "readback": _readback,
    "notice": _notice,
    "appeal": _appeal,
}
