"""A case as people read it: one line for each entry, in English and Chinese. Says what the entries say; what of that is
proved, `check` says."""

from typing import NamedTuple

from ..evidence import Evidence
from ..reasons import Tier
from .check import Checked
from .facts import ENROLLED, ROTATED, SCENARIO, Fact

_KINDS = {
    "import": ("The card was imported.", "该卡已录入系统。"),
    "bind": ("The card was bound to a device.", "该卡已与设备绑定。"),
    "affirm": ("The device affirmed that it holds the card.", "设备已证实持有该卡。"),
    "alert": ("The card was warned.", "对该卡发出预警。"),
    "recheck": ("A second check of the card was ordered.", "要求对该卡进行二次核验。"),
    "restrict": ("Functions of the card were restricted.", "限制该卡部分功能。"),
    "suspend": ("The card was suspended.", "该卡被暂停服务。"),
    "open": ("The card was let into the network again, to be verified anew.", "该卡临时恢复服务，待重新核验。"),
    "lift": ("The measures against the card were lifted.", "对该卡采取的措施已解除。"),
    "expire": ("A check ran out of time; the card was suspended.", "核验逾期，该卡被暂停服务。"),
    "retire": ("The card was taken out of use for good.", "该卡已永久停用。"),
    "unbind": ("The card was taken from its device.", "该卡已与设备解除绑定。"),
    "swap-opened": ("Another device may take the card over for a while.", "已批准换机，限期内由新设备接替。"),
    "swap-expired": ("The announced device was late; the swap was given up.", "新设备逾期未证实，换机作废。"),
    "decision-asked": ("One person asked for a measure that takes another's approval.", "一人提出须由他人批准的操作。"),
    "decision-approved": ("Another person approved it.", "他人已批准。"),
    "decision-refused": ("Another person refused it.", "他人未批准。"),
    "decision-withdrawn": ("Whoever asked for it withdrew it.", "提出人已撤回。"),
    "decision-lapsed": ("Nobody decided about it in time.", "逾期无人决定，已失效。"),
    "withheld": ("A measure was held back until a person decides.", "措施暂缓执行，待人工决定。"),
    "dismissed": ("A person decided against the measure that was held back.", "经人工决定，暂缓的措施不予执行。"),
    "reminded": ("The holder was reminded of the check.", "已提醒用户按期核验。"),
    "extended": ("The verifier was away; the check runs longer.", "系统曾中断，核验期限顺延。"),
    "accused": ("Another device claimed to hold the card.", "另一设备声称持有该卡。"),
    "accusation-refuted": ("The card's own device refuted that claim.", "绑定设备已反驳该声称。"),
    "accusation-expired": ("That claim expired; nothing bore it out.", "该声称逾期，无其他来源印证。"),
    "key-revoked": ("The key of the card's device was revoked.", "设备密钥已吊销。"),
    "retired-key-used": ("A key that the device had given up was used again.", "设备已弃用的密钥再次出现。"),
    "counter-behind": ("A counter of the device's key went back.", "设备密钥的计数器倒退。"),
    "sim-key-registered": ("The key of the card's SIM was registered.", "该卡的卡内密钥已登记。"),
    "sim-key-removed": ("The key of the card's SIM was removed.", "该卡的卡内密钥已删除。"),
    "work-order-made": ("A technician was sent to check the card on site.", "已派工现场核查该卡。"),
    "work-order-cancelled": ("A work order on site was cancelled.", "现场工单已取消。"),
    "field-check": ("A device answered a check on site with its signature.", "现场核查：设备签名作答。"),
    "restored-differs": (
        "After a restore the network differed; it was told again.",
        "数据恢复后网络状态不符，已重新下达。",
    ),
    "erased": ("What is personal about the card was erased.", "该卡的个人信息已删除。"),
    "appeal-filed": ("The holder appealed.", "用户提出申诉。"),
    "appeal-upheld": ("The appeal was upheld.", "申诉通过。"),
    "appeal-rejected": ("The appeal was rejected.", "申诉未通过。"),
    "appeal-withdrawn": ("The appeal was withdrawn.", "申诉已撤回。"),
    "appeal-overdue": ("The appeal was not decided in time.", "申诉逾期未作决定。"),
    ENROLLED: ("A device was enrolled with its key.", "设备及其密钥完成登记。"),
    ROTATED: ("A device changed its key, endorsed by the old one.", "设备更换密钥，由旧密钥背书。"),
    SCENARIO: ("The rules of the scenario were loaded.", "加载了场景规则。"),
}
_TIERS = {
    Tier.AFFIRMING: ("it affirms", "判定：证实"),
    Tier.WARNING: ("it warns", "判定：预警"),
    Tier.CONTRAINDICATED: ("it contradicts", "判定：相悖"),
}
_SAID = {
    "allowed": ("allowed", "允许"),
    "restricted": ("restricted", "受限"),
    "partial": ("partly open", "部分开放"),
    "barred": ("barred", "已停"),
    "": ("nothing", "无应答"),
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
    if claims is None:
        return f"Evidence {fact.row_id}, not proved to be a device's.", f"证据 {fact.row_id}：未能证实出自设备。"
    kid, imei, iccid = claims.kid.hex(), claims.imei, claims.iccid
    return (
        f"Device {kid} (IMEI {imei or 'not read'}) signed Evidence {fact.row_id}: "
        f"it holds {iccid or 'no card'}; {tier[0]}{why}.",
        f"设备 {kid}（IMEI {imei or '未读出'}）签署证据 {fact.row_id}：持有 {iccid or '无卡'}；{tier[1]}{why}。",
    )


def _event(fact: Fact, _: Checked) -> tuple[str, str]:
    kind, actor = fact.fields["kind"], fact.fields["actor"]
    en, zh = _KINDS.get(kind, (f"{kind}.", f"{kind}。"))
    facts = {"reasons": ", ".join(fact.reasons), "words": str(fact.detail.get("reason") or "")}
    evidence = fact.fields["evidence"]
    more_en = [f"by {actor}", facts["reasons"], f"'{facts['words']}'" if facts["words"] else ""]
    more_zh = [f"经办：{actor}", f"原因：{facts['reasons']}" if facts["reasons"] else "", facts["words"]]
    if evidence is not None:
        more_en.append(f"by Evidence {evidence}")
        more_zh.append(f"依据证据 {evidence}")
    if fact.fields["card"] is not None and fact.fields["state"]:
        more_en.append(f"the card is {fact.fields['state']}, {fact.fields['access']}")
        more_zh.append(f"状态：{fact.fields['state']}，{fact.fields['access']}")
    return f"{en} ({'; '.join(filter(None, more_en))})", f"{zh}（{'；'.join(filter(None, more_zh))}）"


def _command(fact: Fact, _: Checked) -> tuple[str, str]:
    access = fact.fields["access"]
    word = _SAID.get(access, (access, access))
    return f"Command {fact.row_id} to the network: {word[0]}.", f"向网络下达指令 {fact.row_id}：{word[1]}。"


def _readback(fact: Fact, _: Checked) -> tuple[str, str]:
    said = fact.fields["said"]
    word = _SAID.get(said, (said, said))
    error = f" ({fact.fields['error']})" if fact.fields["error"] else ""
    return (
        f"The records of {fact.fields['target']} read back after command {fact.fields['command']}: {word[0]}{error}.",
        f"指令 {fact.fields['command']} 后回读 {fact.fields['target']}：{word[1]}{error}。",
    )


def _notice(fact: Fact, _: Checked) -> tuple[str, str]:
    kind = fact.fields["kind"]
    return f"The holder was told: notice {fact.row_id} ({kind}).", f"已告知用户：通知 {fact.row_id}（{kind}）。"


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
