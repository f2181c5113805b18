"""What an event was, a card's state and what the network is told, in words: for histories and case files."""

from .words import Language

KINDS: dict[str, tuple[str, str]] = {
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
    "withheld": (
        "A measure was held back until a person decides: its rule or everything is stopped, or two sources differ.",
        "措施暂缓执行，待人工决定：规则或全部自动处置已停用，或两个来源所述不符。",
    ),
    "dismissed": ("A person decided against the measure that was held back.", "经人工决定，暂缓的措施不予执行。"),
    "reminded": ("The holder was reminded of the check.", "已提醒用户按期核验。"),
    "extended": ("The verifier was away; the check runs longer.", "系统曾中断，核验期限顺延。"),
    "check-answered": (
        "The device affirmed; the check goes on, because another source says otherwise or its key is in doubt.",
        "设备已证实持卡；因其他来源所述不符或密钥存疑，核验继续。",
    ),
    "check-passed": (
        "The network sees the card in its device again; the check is passed.",
        "网络侧已恢复一致，核验通过。",
    ),
    "accused": ("Another device claimed to hold the card.", "另一设备声称持有该卡。"),
    "accusation-refuted": ("The card's own device refuted that claim.", "绑定设备已反驳该声称。"),
    "accusation-expired": ("That claim expired; nothing bore it out.", "该声称逾期，无其他来源印证。"),
    "key-revoked": ("The key of the card's device was revoked.", "设备密钥已吊销。"),
    "retired-key-used": (
        "A key that the device had given up was used again: it does not know of the rotation, or did not order it.",
        "设备已弃用的密钥再次出现：设备不知道更换密钥，或更换并非其所为。",
    ),
    "profile-left": ("Its device attested another of its cards from then on.", "此后设备证实使用其另一张卡。"),
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
    "device-enrolled": ("A device was enrolled with its key.", "设备及其密钥完成登记。"),
    "key-rotated": ("A device changed its key, endorsed by the old one.", "设备更换密钥，由旧密钥背书。"),
    "scenario-loaded": ("The rules of the scenario were loaded.", "加载了场景规则。"),
    "kill-switch-on": ("Everything automatic was stopped.", "全部自动处置已停用。"),
    "kill-switch-off": ("Everything automatic was started again.", "全部自动处置已恢复。"),
    "rule-stopped": ("A rule was stopped, because it would have cut off too many cards.", "规则因处置卡数过多已停用。"),
    "rule-started": ("A rule was started again.", "规则已恢复。"),
    "second-slot": ("The IMEI of a device's second slot was stated.", "已登记设备第二卡槽的 IMEI。"),
    "device-endorsed": ("A factory station vouched for a device.", "工厂工位已为设备背书。"),
    "station-registered": ("A factory station was registered.", "工厂工位已登记。"),
    "station-revoked": ("A factory station was revoked.", "工厂工位已吊销。"),
    "signing-key-rotated": ("The verifier signs with a new key.", "验证方已更换签名密钥。"),
    "signing-key-withdrawn": ("A key of the verifier was withdrawn.", "验证方的一个签名密钥已撤回。"),
    "restored": ("The database was restored from a backup.", "数据库已从备份恢复。"),
}

STATES: dict[str, tuple[str, str]] = {
    "stock": ("in stock", "库存"),
    "bound": ("bound", "已绑定"),
    "warned": ("warned", "预警"),
    "suspended": ("suspended", "已停机"),
    "reverifying": ("to be verified again", "复核中"),
    "retired": ("retired", "已注销"),
}
ACCESS: dict[str, tuple[str, str]] = {
    "allowed": ("allowed", "允许"),
    "restricted": ("restricted", "受限"),
    "partial": ("partly open", "部分开放"),
    "barred": ("barred", "已停"),
    "": ("nothing", "无应答"),
}
NOTICES: dict[str, tuple[str, str]] = {
    "suspended": ("suspended", "停机"),
    "restricted": ("restricted", "限制功能"),
    "recheck": ("recheck", "二次核验"),
    "reminder": ("reminder", "核验提醒"),
    "extended": ("extended", "核验延期"),
    "admitted": ("admitted", "临时恢复"),
    "passed": ("passed", "核验通过"),
    "lifted": ("lifted", "解除措施"),
    "retired": ("retired", "注销"),
    "appeal-rejected": ("appeal-rejected", "申诉未通过"),
    "appeal-overdue": ("appeal-overdue", "申诉逾期未决"),
}
FINDINGS: dict[str, tuple[str, str]] = {
    "confirmed": ("confirmed", "核实无误"),
    "expired": ("too late", "工单已过期"),
    "key-revoked": ("its key is revoked or replaced", "密钥已吊销或更换"),
    "other-device": ("another device than ordered", "不是工单所指设备"),
    "older": ("its counters are behind: a copy of the key", "计数器倒退，密钥疑被复制"),
    "tray-empty": ("no card in it", "设备内无卡"),
    "card-unreadable": ("it cannot read its card", "设备读不出卡"),
    "other-card": ("another card than ordered", "不是工单所指的卡"),
    "imei-unreadable": ("its modem states no IMEI", "模组未报出 IMEI"),
    "imei-differs": ("its modem states another IMEI", "模组报出的 IMEI 不符"),
}
"""What a device's answer on site was found to prove."""
_ACTORS = {"verifier": ("verifier", "验证方"), "command line": ("command line", "命令行")}


def happened(kind: str, language: Language) -> str:
    """What an event was, in a sentence; the kind itself where it is of a newer verifier."""
    return _in(KINDS, kind, language)


def state(name: str, language: Language) -> str:
    return _in(STATES, name, language)


def access(name: str, language: Language) -> str:
    return _in(ACCESS, name, language)


def notice(kind: str, language: Language) -> str:
    """What a notice to the card's holder is about."""
    return _in(NOTICES, kind, language)


def finding(name: str, language: Language) -> str:
    """What was found on site."""
    return _in(FINDINGS, name, language)


def actor(name: str, language: Language) -> str:
    """Who did something: a person's name stays as it is."""
    return _in(_ACTORS, name, language)


def _in(words: dict[str, tuple[str, str]], name: str, language: Language) -> str:
    return words.get(name, (name, name))[language is Language.ZH]
