"""Every command there is."""

from collections.abc import Iterator

import click

from simbond_tools.cli import simbond


def _below(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _below(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_below(simbond, "simbond"))
"""By their words, as typed: "simbond cards list"."""
