"""What a card's holder is told, in English and Chinese: what was done, why (处置原因), where to turn (救济渠道) with
which materials, and how to appeal (docs/re-verification.md). Pure.

The law that asks for it: 反电信网络诈骗法 (Anti-Telecom and Online Fraud Law), articles 12 and 32.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .appraisal import Card
from .lifecycle import Access, State
from .policy import Policy
from .reasons import Reason
from .scenario import Scenarios
from .words import Language, explain


class Kind(StrEnum):
    """What a notice is about."""

    SUSPENDED = "suspended"
    RESTRICTED = "restricted"
    RECHECK = "recheck"
    REMINDER = "reminder"
    EXTENDED = "extended"
    """The verifier could not be reached: there is more time."""
    ADMITTED = "admitted"
    """Into the network again, to be re-verified there."""
    PASSED = "passed"
    """The second check."""
    LIFTED = "lifted"
    RETIRED = "retired"
    APPEAL_REJECTED = "appeal-rejected"
    APPEAL_OVERDUE = "appeal-overdue"


MEASURES = frozenset({Kind.SUSPENDED, Kind.RESTRICTED, Kind.RECHECK, Kind.ADMITTED})
"""What burdens the holder, and so can be appealed against."""

_STATES_REMEDY = MEASURES | {Kind.REMINDER, Kind.EXTENDED, Kind.RETIRED, Kind.APPEAL_OVERDUE}

_WHAT: dict[Kind, tuple[str, str]] = {
    Kind.SUSPENDED: ("The card was suspended.", "该卡已被暂停服务。"),
    Kind.RESTRICTED: ("Functions of the card were restricted.", "该卡部分功能已被限制。"),
    Kind.RECHECK: ("A second check of the card was ordered.", "该卡需要进行二次核验。"),
    Kind.REMINDER: ("A check of the card is still open.", "该卡的核验尚未完成，特此提醒。"),
    Kind.EXTENDED: (
        "The check could not be reached for a while: there is more time.",
        "核验服务曾中断，核验期限相应延长。",
    ),
    Kind.ADMITTED: ("The card may use the network again, to be verified anew.", "该卡已临时恢复服务，待重新核验。"),
    Kind.PASSED: ("The card passed its second check.", "该卡已通过二次核验。"),
    Kind.LIFTED: ("The measures against the card were lifted.", "对该卡采取的措施已解除。"),
    Kind.RETIRED: ("The card was taken out of use for good.", "该卡已永久停用。"),
    Kind.APPEAL_REJECTED: ("The appeal was rejected.", "申诉未获通过。"),
    Kind.APPEAL_OVERDUE: (
        "The appeal is not decided yet; it is still being looked into.",
        "申诉尚未作出决定，仍在核查中。",
    ),
}

_LATE = ("Otherwise it will be suspended.", "逾期未通过核验的，将暂停服务。")
_APPEAL = (
    "You may appeal; if the appeal is upheld, the measure is lifted at once.",
    "如有异议，可以提出申诉；经核查通过的，即时解除有关措施。",
)

_NUMBER = re.compile(r"\d{14,}")
_SHOWN_DIGITS = 8
"""Of a number that is not the card's own: an IMEI's type allocation code says the model, and nobody's name."""

# Of an event's detail, what its holder is told. The rest is the operator's own.
_TOLD = ("foreign_imei", "corroborated_by", "due_at", "appeal")


class Terms(NamedTuple):
    """What the operator says in every notice."""

    channel: str = ""
    materials: tuple[str, ...] = ()
    basis: str = ""
    further: str = ""
    """Where to turn after an appeal was rejected."""
    time_zone: str = "UTC"


class Happened(NamedTuple):
    """The event that a notice tells of."""

    at: float
    by: str
    """The actor: `verifier`, or a person, whose name the notice keeps to itself."""
    reasons: tuple[Reason, ...] = ()
    words: str = ""
    detail: Mapping[str, Any] = {}
    evidence: tuple[int, float] | None = None
    """Id of the Evidence, and when it was received."""


def kind(before: Card, after: Card) -> Kind | None:
    """What the holder has to be told of a change; None where nothing changed for them.

    Whenever the network is told something, so is the holder."""
    state, access = after.status
    if state is State.RETIRED:
        return None if before.status.state is State.RETIRED else Kind.RETIRED
    if access is Access.BARRED:
        told_before = before.status.access is Access.BARRED and before.held >= after.held
        return None if told_before else Kind.SUSPENDED
    if access is Access.RESTRICTED and before.status.access is not Access.RESTRICTED:
        return Kind.RESTRICTED
    if after.deadline is not None and after.deadline != before.deadline:
        return Kind.ADMITTED if state is State.REVERIFYING else Kind.RECHECK
    if before.status.access is not access or (
        before.status.state is State.REVERIFYING and state is not State.REVERIFYING
    ):
        return Kind.LIFTED
    return Kind.PASSED if before.deadline is not None and after.deadline is None else None


def body(about: Card, kind: Kind, happened: Happened, terms: Terms, own: Iterable[str] = ()) -> dict[str, Any]:
    """The notice, as JSON.

    own: further numbers that are the holder's own, such as the IMEI of the bound device; any other number of 14 digits
    and more is cut to its first eight: a notice tells nobody about other people's devices."""
    clean = _Masked({about.iccid, *own})
    ask = kind in _STATES_REMEDY
    further = terms.further if kind is Kind.APPEAL_REJECTED else ""
    facts = {**happened.detail.get("facts", {}), **{k: happened.detail[k] for k in _TOLD if k in happened.detail}}
    reasons = [{"code": r.value, "en": explain(r), "zh": explain(r, Language.ZH)} for r in happened.reasons]
    told: dict[str, Any] = {
        "kind": kind.value,
        "card": about.iccid,
        "at": happened.at,
        "state": about.status.state.value,
        "access": about.status.access.value,
        "by": "verifier" if happened.by == "verifier" else "operator",
        "reasons": reasons,
        "words": clean(happened.words),
        "facts": clean(facts),
        "evidence": None if happened.evidence is None else dict(zip(("id", "at"), happened.evidence, strict=True)),
        "basis": terms.basis if ask else "",
        "deadline": about.deadline,
        "channel": terms.channel if ask else further,
        "materials": list(terms.materials) if ask else [],
        "appeal": kind in MEASURES | {Kind.REMINDER, Kind.EXTENDED},
    }
    return told | {"text": {"en": _text(told, terms, 0), "zh": _text(told, terms, 1)}}


_LABELS = {
    "card": ("Card", "物联网卡"),
    "reason": ("Reason", "处置原因"),
    "deadline": ("To be done by", "办理期限"),
    "channel": ("Where to turn", "救济渠道"),
    "materials": ("To be handed in", "需要提交的资料"),
    "basis": ("Legal basis", "法律依据"),
}


def _text(told: dict[str, Any], terms: Terms, language: int) -> str:
    """The whole notice in one language, to be sent as it is."""

    def labelled(name: str, value: str) -> str:
        return _LABELS[name][language] + (": ", "：")[language] + value if value else ""

    code = ("en", "zh")[language]
    deadline = "" if told["deadline"] is None else _when(told["deadline"], terms.time_zone)
    lines = [
        labelled("card", told["card"]),
        _WHAT[Kind(told["kind"])][language],
        labelled("reason", " ".join(filter(None, [*(r[code] for r in told["reasons"]), told["words"]]))),
        labelled("deadline", deadline and f"{deadline} {_LATE[language]}"),
        labelled("channel", told["channel"]),
        labelled("materials", ("; ", "；")[language].join(told["materials"])),
        labelled("basis", told["basis"]),
        _APPEAL[language] if told["appeal"] else "",
    ]
    return "\n".join(filter(None, lines))


def _when(at: float, zone: str) -> str:
    where: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
    return datetime.fromtimestamp(at, where).strftime("%Y-%m-%d %H:%M %Z")


class _Masked:
    """Values without other people's numbers."""

    def __init__(self, own: set[str]) -> None:
        self._own = own

    def __call__(self, value: Any) -> Any:
        match value:
            case str():
                return _NUMBER.sub(self._cut, value)
            case int() if len(str(abs(value))) >= 14:
                return self(str(value))
            case Mapping():
                return {self(str(name)): self(inner) for name, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self(inner) for inner in value]
        return value

    def _cut(self, found: re.Match[str]) -> str:
        number = found[0]
        # An IMEI is stored with 14 digits, and stated with its check digit or software version, too.
        if number in self._own or (len(number) <= 16 and number[:14] in self._own):
            return number
        return number[:_SHOWN_DIGITS] + "*" * (len(number) - _SHOWN_DIGITS)


def terms(policy: Policy, scenarios: Scenarios) -> dict[str, Terms]:
    """What holds for cards of each scenario."""
    general = policy.remedy
    found = {}
    for name in scenarios.names():
        own = scenarios.get(name)
        assert own is not None
        found[name] = Terms(
            own.remedy.channel or general.channel,
            own.remedy.materials or general.materials,
            general.basis,
            general.further,
            general.time_zone,
        )
    return found


def gaps(policy: Policy, scenarios: Scenarios) -> list[str]:
    """What is missing for notices that say what the law asks for, in words for the operator."""
    found = []
    for name, said in terms(policy, scenarios).items():
        if not said.channel:
            found.append(f"notices of scenario '{name}' name no remedy channel: set [remedy] channel in the policy")
        if not said.materials:
            found.append(f"notices of scenario '{name}' name no materials: set [remedy] materials in the policy")
    return found
