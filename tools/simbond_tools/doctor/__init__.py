"""What is wrong with a device, in one verdict. Pure: findings in, verdicts out; gather.py asks the cable.

findings = Findings.read(gather(...))      # or the "findings" of `simbond doctor --json`
diagnosis = judge(findings)
diagnosis.verdict.code                     # "no-sim"; docs/doctor.md lists them
"""

from .findings import Findings
from .judge import Diagnosis, Judged, judge
from .verdicts import BY_CODE, VERDICTS, Severity, Verdict

__all__ = ["BY_CODE", "VERDICTS", "Diagnosis", "Findings", "Judged", "Severity", "Verdict", "judge"]
