"""Provisioning devices in a factory, for station software of one's own (docs/factory.md, examples/factory_station.py).

from simbond_tools.factory.batch import Batch
from simbond_tools.factory.station import Station
from simbond_tools.factory.unit import Plan, provision
from simbond_tools.factory.upload import upload

with Station(Path("station")) as station:
    result = provision(station, "/dev/ttyUSB2", Plan())          # one unit
    results = Batch(station, Plan(manifest)).once(ports)         # several at once
report = upload(api, Path("station/station.log").read_bytes())   # when there is a network
"""
