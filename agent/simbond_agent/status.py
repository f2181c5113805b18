"""What the agent tells the outside: one JSON object a line."""

import json


def masked(digits):
    """An identifier for a log: its last 4 digits. None stays None."""
    return digits and "*" * (len(digits) - 4) + digits[-4:]


def failure(e):
    """What is told of an exception: its words, and its code (codes.py) or None."""
    code = getattr(e, "code", None)
    return str(e) or type(e).__name__, code if isinstance(code, str) else None


class Reporter:
    """Writes events to log(line). last: the last event of each kind, by name."""

    def __init__(self, log):
        self._log = log
        self.last = {}

    def event(self, name, **fields):
        self.last[name] = fields
        self.line(name, fields)

    def error(self, what, e):
        """What went wrong, by an exception."""
        detail, code = failure(e)
        self.event("error", what=what, code=code, detail=detail)

    def line(self, name, fields):
        """An event that is too long to keep."""
        fields["event"] = name
        self._log(json.dumps(fields))
