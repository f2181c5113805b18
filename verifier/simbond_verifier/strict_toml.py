"""TOML files that people write, read strictly: a typing error is found at once."""

import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from .misspelt import unknown


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
        raise Unreadable(f"{source}: {'; '.join(_told(model, fault) for fault in e.errors())}") from None


def _told(model: type[BaseModel], fault: ErrorDetails) -> str:
    *above, name = fault["loc"] or ("file",)
    where = ".".join(map(str, above))
    match fault["type"]:
        case "extra_forbidden":
            told = unknown("field", str(name), _fields(model, above))
            return f"[{where}]: {told}" if where else told
        case "missing":
            return f"field '{'.'.join(map(str, fault['loc']))}' is missing"
    return f"{'.'.join([*map(str, above), str(name)])}: {fault['msg']}"


def _fields(model: type[BaseModel], path: Iterable[int | str]) -> Iterable[str]:
    """The fields that the table at a path knows; numbers in it are places in lists."""
    found: type[BaseModel] = model
    for name in path:
        if name in found.model_fields:
            found = next(_tables(found.model_fields[str(name)].annotation), found)
    return found.model_fields


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables in a field's type: itself, or what it is a list, a choice or a mapping of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables(part)
