"""Reply lines with named fields, filled in from the module's state: "+QCCID: {iccid}", "{tac:04X}"."""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any


class _Plain(Formatter):
    """str.format without attributes, indices and positions: a profile names fields and formats, nothing else."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        if not field_name.isidentifier():
            raise ValueError(f"{{{field_name}}} is not the name of a field")
        if field_name not in kwargs:
            raise ValueError(f"there is no field {{{field_name}}}; there are {', '.join(sorted(kwargs))}")
        return kwargs[field_name], field_name


_formatter = _Plain()


def render(template: str, fields: Mapping[str, object]) -> str:
    """`template` with its fields filled in. Raises ValueError for an unknown field or a format that does not fit it."""
    return _formatter.vformat(template, (), fields)
