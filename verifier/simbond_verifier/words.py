"""Every reason in words, English and Chinese: for operators, for holders of cards, for the documents."""

from enum import StrEnum

from .reasons import EXPLAINED, Reason


class Language(StrEnum):
    EN = "en"
    ZH = "zh"


def explain(reason: Reason, language: Language = Language.EN) -> str:
    """What a reason code means, in a sentence."""
    return _WORDS[language][reason]


def preferred(accepted: str) -> Language:
    """The language that an Accept-Language header (RFC 9110 section 12.5.4) asks for, English where it asks for
    none that is there."""
    best, weight = Language.EN, 0.0
    for part in accepted.split(","):
        tag, _, parameter = part.partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        for language in Language:
            if tag.strip().lower().partition("-")[0] == language and quality > weight:
                best, weight = language, quality
    return best


CHINESE: dict[Reason, str] = {
    Reason.OVERSIZED: "报文超过 1024 个八位组，未予解析。",
    Reason.TRUNCATED: "报文在 CBOR 结束之前中断。",
    Reason.MALFORMED: "报文不是一个格式正确的 COSE_Sign1 结构。",
    Reason.NOT_CANONICAL: "CBOR 未采用确定性编码（RFC 8949 第 4.2.1 节）。",
    Reason.DUPLICATE_KEY: "某个 CBOR 映射中同一个键出现了两次。",
    Reason.WRONG_TAG: "报文没有 COSE_Sign1 标签（CBOR 标签 18）。",
    Reason.WRONG_ALGORITHM: "签名算法不是 ES256（-7）。",
    Reason.CLAIMS_INVALID: "某个声明缺失、未知或类型错误（docs/evidence.cddl）。",
    Reason.IMEI_INVALID: "IMEI 不是 14 位十进制数字，或者是占位值。",
    Reason.ICCID_INVALID: "ICCID 不是以 89 开头的 19 或 20 位号码。",
    Reason.IMSI_INVALID: "IMSI 不是 15 位十进制数字。",
    Reason.CELL_INVALID: "服务小区的格式未知。",
    Reason.KEY_UNKNOWN: "没有任何已登记的设备使用此密钥；请先登记设备。",
    Reason.KEY_REVOKED: "该设备的密钥已被吊销。",
    Reason.SIGNATURE_INVALID: "签名验证失败：报文系伪造或已损坏。",
    Reason.NONCE_WRONG: "该随机数不是本验证方签发给此密钥的。",
    Reason.NEXT_KEY_INVALID: "新密钥未能证明自身，或其登记请求中的 IMEI 不一致。",
    Reason.NEXT_KEY_USED: "新密钥正在或曾经被本验证方的其他设备使用；一个密钥只能使用一次。",
    Reason.ROTATION_TOO_SOON: "该设备的密钥更换至今不足一小时。",
    Reason.REPLAYED: "此证据已收到过，只计一次。",
    Reason.COUNTER_BACK: "启动计数与运行时间倒退：证据是旧的，或设备丢失了计数器。",
    Reason.LATE: "随机数已过期或没有随机数：证据只说明过去，不能证明当前状态。",
    Reason.CARD_UNKNOWN: "该卡从未导入。",
    Reason.CARD_NOT_BOUND: "该卡尚未绑定任何设备。",
    Reason.CARD_RETIRED: "该卡已注销，不再有设备和使用场景。",
    Reason.CARD_SUSPENDED: "该卡已停机；新的合格证据或运营人员可以复机。",
    Reason.TRAY_EMPTY: "绑定设备报告卡槽为空。",
    Reason.CARD_UNREADABLE: "绑定设备中有卡但无法读取（PIN、忙或故障）。",
    Reason.CARD_CHANGED: "绑定设备报告的不是与其绑定的卡。",
    Reason.FOREIGN_DEVICE_CLAIM: "另一台设备声称持有此卡，尚无独立来源佐证。",
    Reason.FOREIGN_DEVICE: "该卡在非绑定设备中使用（机卡分离），且有第二个来源佐证。",
    Reason.IMEI_MISMATCH: "绑定密钥报告的 IMEI 与登记的 IMEI 不一致。",
    Reason.IMEI_UNREADABLE: "绑定设备没有给出其 IMEI。",
    Reason.IMSI_MISMATCH: "卡报告的 IMSI 与导入的 IMSI 不一致。",
    Reason.ICCID_MISMATCH: "模组自身读出的 ICCID 与 EF_ICCID 中的不一致。",
    Reason.SCENARIO_MISMATCH: "设备配置的使用场景与该卡的场景不同。",
    Reason.SCENARIO_UNKNOWN: "本验证方未加载该卡的使用场景。",
    Reason.MODEL_NOT_ALLOWED: "设备的型号核准码（TAC）不在该场景允许的型号之内。",
    Reason.OUT_OF_AREA: "该卡在场景限定的区域之外使用。",
    Reason.TAMPER: "设备报告其外壳被打开。",
    Reason.SIM_STATEMENT_MISSING: "该卡的 SIM 已登记密钥，但没有为此证据签名。",
    Reason.SIM_STATEMENT_INVALID: "随证据附上的声明不是由该卡 SIM 的登记密钥签署的。",
    Reason.SIM_KEY_UNKNOWN: "SIM 为此证据签了名，但该卡没有登记 SIM 密钥，未予核验。",
    Reason.KEY_PROTECTION: "设备保护密钥的方式低于场景的要求。",
    Reason.CLONE: "两台设备使用同一密钥：其计数器在两处同时前进。",
    Reason.NETWORK_IMEI_DIFFERS: "网络侧看到的 IMEI 与绑定设备的不一致（机卡分离）。",
    Reason.TRAFFIC_UNATTESTED: "该卡正在使用，而其设备未在期限内提交证明。",
    Reason.SILENT: "绑定设备未在期限内提交证明，网络侧也看不到该卡。",
    Reason.NEVER_USED: "静默卡：该卡发放已久，从未被使用。",
    Reason.SLEEPING: "睡眠卡：该卡曾经使用，之后长期没有出现。",
    Reason.MANY_CARDS: "网络侧在同一 IMEI 中看到的卡多于场景允许的数量，可能是卡池设备（GOIP）。",
    Reason.PHONE: "网络侧看到该卡在手机中使用。",
    Reason.ROAMING: "该卡在境外或非归属网络中使用。",
    Reason.IMPOSSIBLE_TRAVEL: "该卡在短时间内出现在相距过远的两地。",
    Reason.USE_NOT_ALLOWED: "该卡被用于其场景没有的功能（语音、短信或数据）。",
    Reason.APN_NOT_ALLOWED: "该卡使用了其场景没有的接入点（APN）。",
    Reason.OFTEN_WARNED: "该卡被预警的次数超过场景的限度。",
    Reason.SWAP_ANNOUNCED: "该卡的换机已申报并获批准，换机造成的异常不计。",
    Reason.BOUND_BY_USE: "依场景规定，该卡由此证据与该设备绑定。",
    Reason.CHECK_EXPIRED: "该卡未在期限内完成二次核验。",
}

_WORDS = {Language.EN: EXPLAINED, Language.ZH: CHINESE}
