"""The documents name every command and option there is, and their examples are real."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from simbond_tools.cli import common
from simbond_verifier import policy
from simbond_verifier.api.device_openapi import PATHS_DOCUMENT
from simbond_verifier.api.routers import ROUTERS
from simbond_verifier.reasons import Reason
from simbond_verifier.scenario import DEFAULT_LADDER, Scenario, Scenarios, Step, parse
from support import reasons_table
from support.commands import COMMANDS

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text("utf-8")
API = (ROOT / "docs" / "api.md").read_text("utf-8")
POLICY = (ROOT / "docs" / "policy.md").read_text("utf-8")
SCENARIOS = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
EXAMPLE = re.search(r"```toml\n(.*?)```", SCENARIOS, re.DOTALL)[1]  # type: ignore[index]


def section(title: str) -> str:
    """A section's text, its subsections not included."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", CLI, re.DOTALL | re.MULTILINE)
    assert found, f"docs/cli.md has no section '{title}'"
    return found[1]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_a_section_with_all_its_options(path: str) -> None:
    text = section(path) + section("What all commands share") + section("Which verifier")
    options = {o for p in COMMANDS[path].params if isinstance(p, click.Option) for o in p.opts}

    assert {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", text)} == set()


def test_no_section_is_about_a_command_that_is_not_there() -> None:
    assert set(re.findall(r"^### (simbond .+)$", CLI, re.MULTILINE)) == COMMANDS.keys()


@pytest.mark.parametrize(
    "code",
    [
        *(common.NEGATIVE, common.USAGE, common.UNREACHABLE, common.REFUSED),
        *(common.NOT_FOUND, common.NOT_ALLOWED, common.LOCAL, 0, 130),
    ],
)
def test_every_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^\| {code} \| \w", CLI, re.MULTILINE)


def test_the_example_in_the_documents_is_a_scenario_that_states_every_field() -> None:
    parse(EXAMPLE, "docs/scenarios.md")
    stated = tomllib.loads(EXAMPLE)

    assert stated.keys() == Scenario.model_fields.keys()
    for name, field in Scenario.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            assert stated[name].keys() == field.annotation.model_fields.keys()


def test_every_field_is_in_the_table_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|", SCENARIOS, re.MULTILINE)
    table = {field: default.strip() for field, default in rows}
    plain = parse('id = 1\nname = "x"', "test")

    for name, value in plain.model_dump().items():
        fields = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
        for field, stated in fields.items():
            if isinstance(stated, bool | int) and field != "id":
                assert table[field] == str(stated).lower()
            assert field in table


def test_the_ladder_in_the_documents_is_the_one_in_force() -> None:
    rows = re.findall(rf"^\| `([a-z-]+)` \| `({'|'.join(Step)})` \|", SCENARIOS, re.MULTILINE)

    assert {Reason(sign): step for sign, step in rows} == DEFAULT_LADDER


def test_every_field_of_a_policy_is_in_the_table_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|", POLICY, re.MULTILINE)
    table = {field: default.strip() for field, default in rows}

    for name, value in policy.Policy().model_dump().items():
        fields = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {}
        for field, stated in fields.items():
            assert field in table
            if isinstance(stated, bool | int | float):
                assert table[field] == str(stated).lower()
    assert table.keys() - {"radius"} >= {f"radius.{field}" for field in policy.Radius.model_fields}
    assert table.keys() >= {f"radius.clients.{field}" for field in policy.RadiusClient.model_fields}


def test_the_policy_in_the_documents_may_be_loaded() -> None:
    example = re.search(r"```toml\n(.*?)```", POLICY, re.DOTALL)

    assert example is not None
    assert policy.parse(example[1], "docs/policy.md") != policy.Policy()


def test_the_shipped_examples_may_be_loaded_together() -> None:
    files = sorted((ROOT / "examples" / "scenarios").glob("*.toml"))

    assert Scenarios(parse(file.read_text("utf-8"), file.name) for file in files).names()


def test_every_reason_code_is_explained_as_the_verifier_does() -> None:
    """After a change: python -P tests/support/reasons_table.py."""
    assert reasons_table.FILE.read_text("utf-8") == reasons_table.document()


def test_what_refuses_evidence_is_listed_as_such() -> None:
    refused, appraised = reasons_table.document().split("## The Evidence is appraised")

    assert all(f"| `{reason}` |" in appraised for reason in DEFAULT_LADDER)
    assert "| `counter-back` |" in refused


def test_every_endpoint_is_documented() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    paths = {route.path for route in routes if isinstance(route, APIRoute)} | PATHS_DOCUMENT.keys()

    assert {path for path in paths if f"{path}`" not in API} == set()


def test_every_problem_of_the_operator_api_is_documented() -> None:
    raised = re.compile(r'(?:Problem\(\s*\d+,|Conflict\(|Invalid\(|NotFound\()\s*"([a-z0-9-]+)"')
    sources = (ROOT / "verifier" / "simbond_verifier").rglob("*.py")
    served = [source for source in sources if source.name != "tokens.py"]  # those are made beside the database
    codes = {code for source in served for code in raised.findall(source.read_text("utf-8"))}

    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in API} == set()
