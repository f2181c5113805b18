"""Commands whose help is in the reader's language."""

import click

from simbond_tools.i18n import _


class TranslatedCommand(click.Command):
    """Shows its help, and that of its options, in the language in force: cls=TranslatedCommand, help=N_("...")."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        kept = [(part, part.help) for part in (self, *self.params) if isinstance(part, click.Command | click.Option)]
        try:
            for part, text in kept:
                part.help = text and _(text)
            super().format_help(ctx, formatter)
        finally:
            for part, text in kept:
                part.help = text
