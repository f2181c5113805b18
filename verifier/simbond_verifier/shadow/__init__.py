"""The shadow run: what other scenarios, or another policy, would have done to the fleet (docs/shadow.md).

Stored history goes through the very code that decides over cards, on scratch databases beside the real one: once by the
rules in force and once by the others. Nothing of the real one is written.
"""

from .report import Outcome as Outcome
from .report import Report as Report
from .run import Cancelled as Cancelled
from .run import Candidate as Candidate
from .run import run as run
