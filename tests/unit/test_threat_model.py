"""docs/threat-model.md names a test for every attack: it has to be there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`((?:unit|e2e)/\w+\.py)::(\w+)`", (ROOT / "docs" / "threat-model.md").read_text("utf-8"))
    assert len(named) > 20
    for file, name in named:
        tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
