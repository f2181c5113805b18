"""TOML files that people write, read strictly: a typing error is found at once."""

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Table(BaseModel):
    """A table of such a file: no field that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Table)


class Unreadable(ValueError):
    """A file that cannot be used; the message names file, field and cause."""


def read(model: type[T], text: str, source: str) -> T:
    """The file's text as a model. source: the file's name, for messages. Raises Unreadable."""
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as e:
        raise Unreadable(f"{source}: not TOML: {e}") from None
    except ValidationError as e:
        faults = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'file'}: {f['msg']}" for f in e.errors())
        raise Unreadable(f"{source}: {faults}") from None
