"""Power cuts under real MicroPython: on its own littlefs and FAT, and by kill -9 on the system's disk."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from simbond_tools.micropython import find
from support.life import NOTHING

HERE = Path(__file__).parent
FLASH = HERE.parents[1] / "docs" / "flash.md"


@pytest.fixture
def micropython(plain_rom):
    """micropython(program, *arguments) is how to start a program beside this file with the agent as on a board."""

    def start(program, *arguments):
        return {
            "args": [find(), "-X", "heapsize=8m", str(HERE / program), *arguments],
            "env": {**os.environ, "MICROPYPATH": f"{plain_rom.parent / 'rom'}:{HERE.parent}:.frozen"},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }

    return start


@pytest.fixture
def in_ram(micropython):
    def run(*arguments):
        done = subprocess.run(**micropython("flash_in_ram.py", *arguments), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("system", ["littlefs", "fat"])
def test_a_power_cut_at_every_operation_on_the_medium(in_ram, system):
    assert in_ram("cuts", system)["cuts"] > 100


@pytest.mark.parametrize("system", ["littlefs", "fat"])
def test_a_full_medium_stops_the_spool_and_not_the_boot_counter(in_ram, system):
    entries = in_ram("full", system)
    assert entries["refused"] > entries["kept"] > 0


def test_erasures_are_as_documented(in_ram):
    documented = dict(re.findall(r"^\| (boot|spooled)\b[^|]*\| (\d+) \|", FLASH.read_text(), re.MULTILINE))
    assert {what: int(erasures) for what, erasures in documented.items()} == in_ram("wear", "littlefs")


def test_killed_at_random_it_comes_up_valid(micropython, tmp_path):
    facts = NOTHING
    chance = random.Random(3)
    for _ in range(25):
        start = micropython("life_on_disk.py", str(tmp_path / "simbond"))
        with subprocess.Popen(**start, stdin=subprocess.PIPE) as life:
            life.stdin.write(json.dumps(facts) + "\n")
            life.stdin.flush()
            told = [life.stdout.readline() for _ in range(chance.randrange(1, 40))]
            time.sleep(chance.uniform(0, 0.01))
            life.kill()
            told += life.stdout.readlines()
            noise = life.stderr.read()
        assert life.returncode == -signal.SIGKILL, [*told[-2:], noise]
        facts = json.loads([line for line in told if line.endswith("\n")][-1])
    assert facts["bootcount"] > 25
    assert facts["made"] > 25
