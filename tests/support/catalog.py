"""The Chinese catalog: `python -m tests.support.catalog` takes in new texts of the code and compiles it.

Marked texts (`_`, `N_`, `ngettext`) of tools/simbond_tools are extracted, merged into simbond.po, and simbond.mo is
made from it. Then it names what lacks a translation. `--fill FILE` takes translations from another .po file (msgid and
msgstr suffice) on the way; `--prune` drops texts that are no more.
"""

import argparse
import fcntl
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tools" / "simbond_tools"
PO = SOURCES / "locale" / "zh_CN" / "LC_MESSAGES" / "simbond.po"
MO = PO.with_suffix(".mo")
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "N_": None, "ngettext": (1, 2)}
# No dates and no tool's version: two runs are to give the same file, and two people's changes not to collide.
_HEADER = """\
# Chinese texts of the simbond command. `python -m tests.support.catalog` keeps this file; translate here.
msgid ""
msgstr ""
"Language: zh_CN\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_A_DAY = datetime(2026, 11, 1, tzinfo=UTC)


def extracted() -> Catalog:
    """What the code marks."""
    template = Catalog()
    for path, _line, text, _comments, _context in extract_from_dir(SOURCES, [("**.py", "python")], keywords=_KEYWORDS):
        template.add(text, locations=[(path, 0)])
    return template


def read(path: Path = PO) -> Catalog:
    return read_text(path.read_text("utf-8"))


def read_text(texts: str) -> Catalog:
    return read_po(io.BytesIO(texts.encode()), locale="zh_CN", charset="utf-8")


def compiled(catalog: Catalog) -> bytes:
    """The .mo, of the same octets for the same texts."""
    catalog.creation_date = catalog.revision_date = _A_DAY
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    return [_name(message) for message in _texts(catalog) if not all(_forms(message.string))]


def misfits(catalog: Catalog) -> list[str]:
    """Translations whose {placeholders} are not those of the text."""
    return [
        _name(message)
        for message in _texts(catalog)
        if any(form and _placeholders(form) != _placeholders(_forms(message.id)[-1]) for form in _forms(message.string))
    ]


def _texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _name(message: Message) -> str:
    return str(_forms(message.id)[0])


def _forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return list(text) if isinstance(text, list | tuple) else [text or ""]


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{([^{}]*)\}", text))


def _written(catalog: Catalog, *, prune: bool) -> bytes:
    out = io.BytesIO()
    write_po(out, catalog, width=116, omit_header=True, include_lineno=False, sort_by_file=True, ignore_obsolete=prune)
    return _HEADER.encode() + out.getvalue()


def _fill(catalog: Catalog, path: Path) -> None:
    for message in _texts(read(path)):
        known = catalog.get(message.id)
        if known is None:
            sys.exit(f"{path}: the code marks no text {_name(message)!r}")
        known.string = message.string


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.catalog", description=__doc__)
    parser.add_argument("--fill", type=Path, metavar="FILE")
    parser.add_argument("--prune", action="store_true")
    given = parser.parse_args()
    with PO.open("a") as lock:  # two who work at once would lose each other's texts
        fcntl.flock(lock, fcntl.LOCK_EX)
        catalog = read()
        catalog.update(extracted(), no_fuzzy_matching=True)
        if given.fill:
            _fill(catalog, given.fill)
        PO.write_bytes(_written(catalog, prune=given.prune))
        MO.write_bytes(compiled(read()))
    for text in untranslated(catalog):
        print(f"not translated: {text}")
    for text in misfits(catalog):
        print(f"placeholders differ: {text}")
    sys.exit(bool(untranslated(catalog) or misfits(catalog)))


if __name__ == "__main__":
    main()
