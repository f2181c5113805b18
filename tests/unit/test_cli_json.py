"""Every command that prints JSON has a schema, and every schema is a command's (docs/cli-json.md)."""

import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from simbond_tools.cli.common import ERROR_SCHEMA, schema_of
from support import schemas
from support.commands import COMMANDS

FILES = sorted(schemas.FOLDER.rglob("*.json"))
DOCUMENTS = [file for file in FILES if file.parent == schemas.FOLDER]


def printed() -> set[str]:
    """The names of the schemas of all commands that have --json."""
    with_json = [path for path, command in COMMANDS.items() if any("--json" in p.opts for p in command.params)]
    return {schema_of(click.Context(COMMANDS[path], info_name=path)) for path in with_json} | {ERROR_SCHEMA}


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and those within it."""
    if isinstance(schema, dict):
        yield schema
        for name, below in schema.items():
            for one in below.values() if name == "properties" else [below]:
                yield from subschemas(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from subschemas(one)


def test_every_command_with_json_has_a_schema_and_every_schema_is_a_commands() -> None:
    assert {file.stem for file in DOCUMENTS} == printed()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_schema_is_one_and_lets_members_be_added(file: Any) -> None:
    schema = json.loads(file.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)

    assert {"$schema", "title", "description"} <= schema.keys()
    for one in subschemas(schema):
        assert one.get("additionalProperties") is not False
        assert set(one.get("required", ())) <= one.get("properties", {}).keys()
        assert "$ref" not in one or (file.parent / one["$ref"]).exists()


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_a_document_names_the_schema_that_it_keeps_to(file: Any) -> None:
    schema = json.loads(file.read_text("utf-8"))

    assert schema["properties"]["schema"] == {"const": file.stem}
    assert "schema" in schema["required"]


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"schema": "simbond.error.v1"}',
        '{"schema": "simbond.error.v1", "error": {"code": 1, "detail": ""}}',
        '{"schema": "simbond.cards.show.v1", "iccid": "89860012345678901237"}',
    ],
)
def test_what_does_not_keep_to_its_schema_is_found(line: str) -> None:
    with pytest.raises(AssertionError):
        schemas.read(line)


def test_what_keeps_to_its_schema_may_have_more() -> None:
    assert schemas.read('{"schema": "simbond.backup.v1", "file": "f", "octets": 1, "later": true}')["later"]
