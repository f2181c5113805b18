"""`--lang`, and help in the reader's language."""

from collections.abc import Callable
from typing import Any

import click

from simbond_tools import i18n
from simbond_tools.i18n import N_, _


def lang_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--lang`; the command gets no parameter for it. Help behind it is in that language, too."""
    return click.option(
        "--lang",
        type=click.Choice(i18n.LANGUAGES),
        is_eager=True,
        expose_value=False,
        callback=lambda context, parameter, value: i18n.use(value),
        help=N_("Language; otherwise SIMBOND_LANG, then the locale, decides."),
    )(function)


class TranslatedCommand(click.Command):
    """Shows its help, and that of its options, in the reader's language: cls=TranslatedCommand, help=N_("...")."""

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        kept = [
            (thing, thing.help) for thing in (self, *self.params) if isinstance(thing, click.Command | click.Option)
        ]
        try:
            for thing, text in kept:
                thing.help = _(text) if text else text
            super().format_help(context, formatter)
        finally:
            for thing, text in kept:
                thing.help = text
