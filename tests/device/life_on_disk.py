"""Runs under MicroPython until it is killed: a device's life on the system's own disk, its facts on standard output.

micropython life_on_disk.py DIRECTORY < FACTS     FACTS: those of the life before, a line of JSON
"""

import json
import os
import random
import sys

from simbond_agent import files
from support.life import CARDS, Device, drained


def peek():
    for name in os.listdir(copy + "/spool"):
        os.remove(copy + "/spool/" + name)
    for name in files.names(directory + "/spool"):
        files.write(copy + "/spool/" + name, files.read(directory + "/spool/" + name))
    return drained(copy)


directory = sys.argv[1]
copy = directory + ".copy"
files.make_directory(copy)
files.make_directory(copy + "/spool")
device = Device(directory, peek, json.loads(sys.stdin.readline()), lambda facts: print(json.dumps(facts)))
device.boot()
while True:
    random.choice(
        (
            device.boot,
            device.put,
            device.put,
            device.deliver,
            device.rotate,
            lambda: device.acknowledge(random.choice(CARDS)),
        )
    )()
