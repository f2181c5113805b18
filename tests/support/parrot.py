"""A board without a board."""

from typing import Any

from simbond_tools.flash.board import Board, literal


class Parrot(Board):
    """Says the same to everything."""

    def __init__(self, said: str) -> None:
        self.said = said

    def run(self, source: str) -> str:
        return self.said

    def value(self, expression: str) -> Any:
        return literal(self.said)

    def close(self) -> None: ...
