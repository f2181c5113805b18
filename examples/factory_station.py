"""Station software of one's own: two jigs, a database in place of the manifest, and labels to a printer.

python factory_station.py STATION PORT [PORT...]
"""

import sys
from pathlib import Path

from simbond_tools.factory.batch import Batch
from simbond_tools.factory.errors import FactoryError
from simbond_tools.factory.manifest import Expected, Manifest
from simbond_tools.factory.station import Station
from simbond_tools.factory.summary import summarize
from simbond_tools.factory.unit import Plan, Result


def open_orders() -> Manifest:
    """What your production system knows; here, two cards of one order, for modules of one model."""
    cards = ("89860490127123456708", "8986079012712345688")
    return Manifest([Expected(card, order="PO-7", tac=frozenset({"86123405"})) for card in cards])


def unit_done(result: Result) -> None:
    """Called for one unit at a time. What it says of an endorsed one is on the disk already."""
    label = result.as_label()
    if label is None:
        print(f"{result.port}: put aside: {result.reason}")
    else:
        print(f"{result.port}: print {label.code}")


def main(folder: str, *ports: str) -> int:
    try:
        with Station(Path(folder)) as station:
            results = Batch(station, Plan(open_orders()), done=unit_done).once(ports)
    except FactoryError as e:
        print(f"the station stops: {e}", file=sys.stderr)
        return 7
    made = summarize(results)
    print(f"{made.endorsed + made.known} of {made.units} good")
    return 0 if not made.stopped else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
