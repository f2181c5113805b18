"""What an operator's request is refused with."""

from typing import Any


class Refusal(Exception):
    """A request that cannot be carried out; nothing was changed. The message says what to do next."""

    def __init__(self, code: str, detail: str, **more: Any) -> None:
        """code: stable, for machines. more: further facts, JSON values."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.more = more


class NotFound(Refusal):
    """There is no such thing."""


class Conflict(Refusal):
    """The thing is in a state that does not allow it."""


class Invalid(Refusal):
    """The request itself is wrong."""
