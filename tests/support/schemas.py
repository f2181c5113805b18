"""The JSON Schemas of what commands print (docs/schemas), applied to whatever a test has a command print."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


def read(line: str) -> dict[str, Any]:
    """A document that a command printed, after a check against the schema that it names."""
    document: dict[str, Any] = json.loads(line)
    name = document.get("schema")
    assert isinstance(name, str), f"the document names no schema: {line[:200]}"
    faults = [f"{fault.json_path}: {fault.message[:500]}" for fault in _validator(name).iter_errors(document)]
    assert not faults, f"{name}: {faults}"
    return document


def check(printed: str) -> None:
    """Checks every document among the lines that a command printed into a pipe."""
    for line in printed.splitlines():
        if line.startswith('{"schema": '):
            read(line)


@cache
def _validator(name: str) -> Draft202012Validator:
    registry = Registry(retrieve=_retrieve)
    return Draft202012Validator({"$ref": f"{name}.json"}, registry=registry, format_checker=FormatChecker())


@cache
def _retrieve(uri: str) -> Resource[Any]:
    return Resource.from_contents(json.loads((FOLDER / uri).read_text("utf-8")), DRAFT202012)
