"""Every error of the cable, of a board and of the technician's folder has its exit code, and the documents know it."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simbond_tools import field, flash, onsite
from simbond_tools.cli import exit_codes
from simbond_tools.field.errors import FieldError
from simbond_tools.onsite.errors import OnSiteError

DOCS = Path(__file__).parents[2] / "docs"
ALL = exit_codes.CABLE | exit_codes.BOARD | exit_codes.FOLDER
ROW = re.compile(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| (\d+) \|", re.MULTILINE)


def stated(file: str) -> dict[str, int]:
    """What a document says of error codes."""
    rows = ROW.findall((DOCS / file).read_text("utf-8"))
    return {code: int(number) for codes, number in rows for code in re.findall(r"[a-z-]+", codes)}


def raised() -> set[str]:
    """The codes of all classes of errors."""
    for package in (field, flash, onsite):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return {error.code for root in (FieldError, OnSiteError) for error in [root, *below(root)]}


def below(root: type) -> Iterator[type]:
    for kind in root.__subclasses__():
        yield kind
        yield from below(kind)


def test_every_error_has_an_exit_code_and_there_are_no_others() -> None:
    assert raised() == ALL.keys() - {"no-answer"}  # that one is of `simbond probe` itself


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("probe.md", exit_codes.CABLE),
        ("flashing.md", exit_codes.BOARD),
        ("work-orders.md", exit_codes.FOLDER),
    ],
)
def test_the_documents_have_them_all_and_none_that_is_wrong(file: str, table: dict[str, int]) -> None:
    in_document = stated(file)

    assert table.keys() <= in_document.keys()
    assert in_document == {code: ALL[code] for code in in_document}
