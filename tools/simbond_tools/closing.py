"""What is given back at the end of a with statement."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Closed by close(), best by `with`, which closes it however its block ends."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
