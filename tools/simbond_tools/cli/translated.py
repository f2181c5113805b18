"""Commands whose help is in the reader's language."""

from collections.abc import Iterable

import click

from simbond_tools.i18n import _, language

from .wrapping import wrapped


class _Formatter(click.HelpFormatter):
    """Click's counts characters; in Chinese they are two columns wide, and there are no blanks between words."""

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':{self.current_indent}}{heading}{':' if heading.isascii() else '：'}\n")

    def write_text(self, text: str) -> None:
        if language() == "en":
            super().write_text(text)
            return
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write_paragraph()
            for line in wrapped(" ".join(paragraph.split()), self.width - self.current_indent):
                self.write(" " * self.current_indent + line + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        if language() == "en":
            super().write_dl(rows, col_max, col_spacing)
            return
        indent = " " * self.current_indent
        margin = min(max(len(term) for term, _text in rows), col_max) + col_spacing
        for term, text in rows:
            lines = wrapped(text, self.width - self.current_indent - margin)
            if len(term) + col_spacing > margin:
                self.write(f"{indent}{term}\n")
                term = ""
            for line in lines:
                self.write(f"{indent}{term:{margin}}{line}".rstrip() + "\n")
                term = ""


class _Context(click.Context):
    formatter_class = _Formatter


class TranslatedCommand(click.Command):
    """Shows its help, and that of its options, in the language in force: cls=TranslatedCommand, help=N_("...")."""

    context_class = _Context

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        kept = [(part, part.help) for part in (self, *self.params) if isinstance(part, click.Command | click.Option)]
        epilog = self.epilog
        try:
            for part, text in kept:
                part.help = text and _(text)
            self.epilog = epilog and _(epilog)
            super().format_help(ctx, formatter)
        finally:
            for part, text in kept:
                part.help = text
            self.epilog = epilog
