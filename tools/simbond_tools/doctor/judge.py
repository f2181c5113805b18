"""From findings to the verdict, and what else is to be said."""

from dataclasses import dataclass, field
from typing import Any

from simbond_tools.i18n import _

from .case import Case, Facts
from .findings import Findings
from .rules import facts_of
from .verdicts import BY_CODE, VERDICTS, Severity, Verdict


@dataclass(frozen=True)
class Judged:
    """A verdict that holds. facts: what its words name; reasons and detail among them stand below it."""

    verdict: Verdict
    facts: Facts = field(default_factory=dict)

    @property
    def words(self) -> str:
        return _filled(self.verdict.words, self.facts)

    @property
    def step(self) -> str:
        return _filled(self.verdict.step, self.facts)

    @property
    def reasons(self) -> list[str]:
        """Codes of docs/reasons.md."""
        return list(self.facts.get("reasons", ()))

    @property
    def detail(self) -> str:
        """What a device, a server or a person said, in their words."""
        return str(self.facts.get("detail", "")).strip()


@dataclass(frozen=True)
class Diagnosis:
    """also: what else holds, in the order of the table; it may follow from the verdict."""

    judged: Judged
    also: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict:
        return self.judged.verdict


def judge(findings: Findings) -> Diagnosis:
    """The verdict: of those that hold, the first in the table but notes. There is one for any findings."""
    case = Case(findings)
    found = [Judged(verdict, facts) for verdict in VERDICTS if (facts := facts_of(verdict.code, case)) is not None]
    told = [one for one in found if one.verdict.severity is not Severity.NOTE]
    first = told[0] if told else Judged(BY_CODE["silent"], {"port": findings.cable.port})
    also = tuple(one for one in found if one is not first and one.verdict.severity is not Severity.WELL)
    return Diagnosis(first, also)


def _filled(template: str, facts: Facts) -> str:
    return _(template).format_map(_Stated(facts))


class _Stated(dict[str, Any]):
    """Facts in a sentence; what is not known is a question mark."""

    def __init__(self, facts: Facts) -> None:
        super().__init__({name: "?" if value in ("", None) else value for name, value in facts.items()})

    def __missing__(self, name: str) -> str:
        return "?"
