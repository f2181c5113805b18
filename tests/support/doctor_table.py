"""Writes the table of docs/doctor.md from simbond_tools.doctor: `python -m tests.support.doctor_table` after a change
there."""

from pathlib import Path

from simbond_tools import i18n
from simbond_tools.doctor import VERDICTS
from simbond_tools.i18n import _

FILE = Path(__file__).parents[2] / "docs" / "doctor.md"
_BEGIN, _END = "<!-- verdicts -->\n", "<!-- end of verdicts -->\n"


def document() -> str:
    """docs/doctor.md as it has to be: its own text around the table."""
    before, begin, rest = FILE.read_text("utf-8").partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    return before + begin + _table() + end + after


def _table() -> str:
    rows = [
        f"| `{verdict.code}` | {verdict.status} | {verdict.severity} | {_both(verdict.words)} | {_both(verdict.step)} |"
        for verdict in VERDICTS
    ]
    head = ["| code | exit status | severity | verdict | next step |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def _both(text: str) -> str:
    i18n.use("zh")
    try:
        return f"{text}<br>{_(text)}"
    finally:
        i18n.use(None)


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
