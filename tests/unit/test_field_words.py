"""What probe says of an agent, whatever that says of itself."""

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.field.console import Console
from simbond_tools.field.line import Line
from simbond_tools.field.words import of_agent

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
EVENTS = {
    "attested": ("tier", "reasons"),
    "waiting": ("why", "seconds"),
    "error": ("what", "code", "detail"),
    "enrolment": (),
}
STATUS = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries({}, optional=dict.fromkeys(members, ANYTHING)) | ANYTHING
        for name, members in EVENTS.items()
    },
)


class Agent:
    """A line on which an agent says this of itself."""

    url = "a cable"

    def __init__(self, **said: Any) -> None:
        self._said = json.dumps({"event": "reply", "id": 1, **said}).encode() + b"\n"

    def write(self, data: bytes) -> None: ...

    def read(self, most: int, timeout_s: float) -> bytes:
        return self._said


@given(STATUS | ANYTHING, ANYTHING)
def test_whatever_an_agent_says_of_itself_is_put_into_words(status: object, kid: object) -> None:
    said = Console(cast("Line", Agent(status=status, kid=kid))).status()
    for name, text in of_agent({**said, "attests": {}}):
        assert name
        assert isinstance(text, str)
