"""Speeds that a port refuses."""

from typing import Any, cast

import pytest
import serial

from simbond_tools.field.errors import SpeedRefused, Unplugged
from simbond_tools.field.line import Line


class Port:
    """Takes these speeds."""

    def __init__(self, *takes: int) -> None:
        self.takes = takes
        self.speeds: list[int] = []

    @property
    def baudrate(self) -> int:
        return self.speeds[-1]

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        self.speeds.append(baud)
        if baud not in self.takes:
            raise ValueError("refused")

    def reset_input_buffer(self) -> None: ...


def line(port: Port) -> Line:
    return Line("a port", 115200, cast("serial.Serial", cast("Any", port)), None)


def test_a_port_that_refuses_a_speed_stays_at_its_own() -> None:
    port = Port(115200)
    on = line(port)
    with pytest.raises(SpeedRefused):
        on.set_baud(9600)
    assert on.baud == port.baudrate == 115200


def test_a_port_that_takes_not_even_its_own_speed_any_more_is_gone() -> None:
    port = Port()
    with pytest.raises(Unplugged):
        line(port).set_baud(9600)
    assert port.speeds == [9600, 115200]
