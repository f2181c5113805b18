"""Documents lead somewhere: links and anchors resolve, README reaches every guide, the index every decision."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.splitlines()]


@cache
def _prose(path: Path) -> str:
    """A document without its code, in which brackets mean other things."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`(?!\])", "", text)


@cache
def _anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings: lower case, no punctuation, hyphens for blanks, numbered where they repeat."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        again = 1
        while (anchor := name if again == 1 else f"{name}-{again - 1}") in found:
            again += 1
        found.add(anchor)
    return found


def _links(path: Path) -> list[tuple[Path, str]]:
    """What a document links to in this repository: a path, and an anchor or nothing."""
    found = []
    for link in _LINK.findall(_prose(path)):
        target, _hash, anchor = link.partition("#")
        if ":" not in target:
            found.append(((path.parent / target).resolve() if target else path, anchor))
    return found


@pytest.mark.parametrize("document", _documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_resolves(document: Path) -> None:
    for target, anchor in _links(document):
        assert target.exists(), target
        assert not anchor or anchor in _anchors(target), f"{target}#{anchor}"


def test_readme_reaches_every_guide() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document.is_dir():
            document = document / "README.md"
        if document.suffix == ".md" and document.exists() and document not in reached:
            reached.add(document)
            waiting += [target for target, _anchor in _links(document)]
    guides = {path for path in _documents() if {ROOT / "docs", ROOT / "examples"} & set(path.parents)}
    assert guides <= reached


def test_the_index_lists_every_decision() -> None:
    index = ROOT / "docs" / "adr" / "README.md"
    assert {target for target, _anchor in _links(index)} == set(index.parent.glob("*.md")) - {index}


@pytest.mark.parametrize(
    ("heading", "anchor"), [("## When it fails", "when-it-fails"), ("### `simbond flash`: how", "simbond-flash-how")]
)
def test_anchors_are_those_of_the_headings(heading: str, anchor: str, tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text(f"{heading}\n```sh\n# none\n```\n{heading}\n")
    assert _anchors(document) == {anchor, f"{anchor}-1"}
