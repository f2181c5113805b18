"""Events, states and facts in words: none is left out, in either language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier import happened, notice
from simbond_verifier.facts_in_words import duration, moment, told
from simbond_verifier.lifecycle import Access, Event, State
from simbond_verifier.store import appeals, proposals
from simbond_verifier.words import Language

SOURCES = [ast.parse(file.read_text("utf-8")) for file in Path(happened.__file__).parent.rglob("*.py")]
ENUMERATED = {"decision-": ["asked", *proposals.Outcome], "appeal-": ["filed", *appeals.Outcome]}
KIND = re.compile(r"[a-z]+(-[a-z]+)*")


def constants() -> dict[str, ast.expr]:
    """The verifier's module-level constants, by name."""
    lines = [line for module in SOURCES for line in module.body if isinstance(line, ast.Assign)]
    return {target.id: line.value for line in lines for target in line.targets if isinstance(target, ast.Name)}


CONSTANTS = constants()


def calls_of(names: set[str], within: ast.AST) -> Iterator[ast.Call]:
    for call in ast.walk(within):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in names:
            yield call


def recorders() -> set[str]:
    """The functions that write an event of the kind that they are given, themselves or by another of these."""
    functions = [f for module in SOURCES for f in ast.walk(module) if isinstance(f, ast.FunctionDef)]
    found = {"record"}
    while True:
        more = {
            function.name
            for function in functions
            for call in calls_of(found, function)
            if {"kind", "what"} & {a.arg for a in function.args.args} & {ast.unparse(a) for a in call.args}
        }
        if more <= found:
            return found
        found |= more


def recorded() -> Iterator[str]:
    """Every kind of event that the verifier's sources write."""
    names = recorders()
    for module in SOURCES:
        for call in calls_of(names, module):
            for argument in call.args:
                yield from kinds(argument)


def kinds(argument: ast.expr) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(text)) if KIND.fullmatch(text):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), _]) if start in ENUMERATED:
            yield from (start + end for end in ENUMERATED[start] if end != "open")
        case ast.IfExp(body=one, orelse=other):
            yield from (*kinds(one), *kinds(other))
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in CONSTANTS:
            yield from kinds(CONSTANTS[name])


def test_every_kind_of_event_that_is_written_has_words() -> None:
    written = set(recorded()) - {"asked"}  # which becomes decision-asked on its way

    assert len(written) > 25  # they were found at all
    assert {*written, *Event} - happened.KINDS.keys() == set()


@pytest.mark.parametrize(
    ("words", "names"),
    [(happened.STATES, State), (happened.ACCESS, Access), (happened.NOTICES, notice.Kind)],
    ids=["states", "access", "notices"],
)
def test_every_state_access_and_notice_has_words(words: dict[str, tuple[str, str]], names: type) -> None:
    assert {str(name) for name in names} <= words.keys()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", happened.KINDS)
def test_a_sentence_of_its_own_in_each_language(kind: str) -> None:
    en, zh = (happened.happened(kind, language) for language in (Language.EN, Language.ZH))

    assert en.endswith(".")
    assert zh.endswith("。")
    assert re.search(r"[一-鿿]", zh)
    assert list(happened.KINDS.values()).count((en, zh)) == 1


def test_what_a_newer_verifier_writes_is_shown_as_it_is() -> None:
    assert happened.happened("teleported", Language.ZH) == "teleported"


def test_facts_are_told_with_moments_and_durations_that_people_read() -> None:
    facts = {"seen": "35345606000002", "bound": ["86123405000001"], "at": 1795382624.8, "for_s": 90000}
    detail = {"facts": {"network-imei-differs": facts}, "reason": "", "hold": False, "new_fact": 3}

    assert [fact.line(Language.EN) for fact in told(detail)] == [
        "seen: 35345606000002",
        "bound to: 86123405000001",
        "seen at: 2026-11-22 22:03:44Z".replace("22:03:44", moment(1795382624.8)[11:19]),
        "for: 1 d 1 h",
        "new fact: 3",
    ]
    assert "持续：1 天 1 小时" in [fact.line(Language.ZH) for fact in told(detail, Language.ZH)]


def test_materials_are_told_by_their_names() -> None:
    (fact,) = told({"materials": [{"name": "id.jpg", "sha256": "00" * 32}, {"name": "form.pdf", "sha256": "11" * 32}]})

    assert fact.value == "id.jpg, form.pdf"


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists)))
def test_no_fact_is_too_strange_to_be_told(facts: dict[str, object]) -> None:
    for language in Language:
        assert all(isinstance(fact.line(language), str) for fact in told(facts, language))


@given(st.floats(0, 1e9))
def test_a_duration_has_two_units_at_most(seconds: float) -> None:
    assert len(re.findall(r"\d+ \w+", duration(seconds))) in (1, 2)
