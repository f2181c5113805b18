"""What a shell is offered as values (docs/cli.md). Nothing is opened or asked: a shell waits for it."""

import click


def ports(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """The serial ports that are there, for `shell_complete` of --port; none where pyserial is not installed."""
    try:
        from serial.tools.list_ports import comports
    except ModuleNotFoundError:
        return []
    return sorted(port.device for port in comports() if port.device.startswith(incomplete))
