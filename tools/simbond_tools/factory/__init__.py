"""Provisioning devices in a factory, for station software of one's own (docs/factory.md, examples/factory_station.py).

with Station(Path("station"), passphrase=...) as station:
    result = provision(station, "/dev/ttyUSB2", Plan())          # one unit
    results = Batch(station, Plan(manifest)).once(ports)         # several at once
report = upload(api, Path("station/station.log").read_bytes())   # when there is a network
"""

from .batch import Batch as Batch
from .errors import FactoryError as FactoryError
from .errors import Stop as Stop
from .label import Label as Label
from .manifest import Manifest as Manifest
from .manifest import read as read_manifest
from .station import Station as Station
from .station import create as create_station
from .summary import Summary as Summary
from .unit import Outcome as Outcome
from .unit import Plan as Plan
from .unit import Result as Result
from .unit import Stage as Stage
from .unit import provision as provision
from .upload import Report as Report
from .upload import upload as upload

__all__ = [
    "Batch",
    "FactoryError",
    "Label",
    "Manifest",
    "Outcome",
    "Plan",
    "Report",
    "Result",
    "Stage",
    "Station",
    "Stop",
    "Summary",
    "create_station",
    "provision",
    "read_manifest",
    "upload",
]
