"""The same code under real MicroPython: probe, identity and cell over a PTY, and the reply table.

Code lies in the heap here, hence its size.
"""

import json
import os
import subprocess
import termios
import threading
import tomllib
import tty
from pathlib import Path

from simbond_tools.micropython import find, find_cross_compiler

AGENT = Path(__file__).parents[2] / "agent"

DEVICE = """
import sys, asyncio
from simbond_agent.at import Channel
from simbond_agent.modem import probe

async def main():
    port = open(sys.argv[1], "r+b")
    stream = asyncio.StreamReader(port)
    urcs = []
    channel = Channel(stream, stream, urcs.append)
    modem = await probe(channel)
    await modem.setup()
    print(modem.name, modem.model)
    print(sorted((await modem.identity()).items()))
    print(sorted((await modem.cell()).items()))
    print(await channel.command("AT+SILENT", 100))
    print(await channel.command("AT+CIMI", 2000))
    print([modem.sim_urc(u) for u in urcs if u.startswith("+QSIMSTAT")])
    channel.close()

asyncio.run(main())
"""
TABLE = """
import json, sys
from simbond_agent.at import Parser
from simbond_agent.modem import load
from simbond_agent.modem.base import interpret

for command, reply, family, expect in json.load(sys.stdin):
    parser = Parser()
    urcs = []
    parser.on_urc = urcs.append
    if command:
        parser.start(command)
    parser.feed(bytes(ord(c) for c in reply))
    said = interpret(load(family.replace("-", "_")), command, parser.final, parser.lines if command else urcs)
    if said != expect:
        print(family, command, said, expect)
print("done")
"""
ICCID = "89449990011223344559"
REPLIES = {
    "AT+CGMI": "Quectel",
    "AT+CGMM": "BG95-M3",
    "AT+CGSN=1": None,
    "AT+CGSN": "359999060001237",
    "AT+CPIN?": "+QSIMSTAT: 1,1\r\n\r\n+CPIN: READY",
    "AT+QCCID": f"+QCCID: {ICCID}",
    "AT+CRSM=176,12258,0,0,10": '+CRSM: 144,0,"98449909102132435495"',
    "AT+CIMI": "001019999900017",
    'AT+QESIM="eid"': None,
    'AT+QENG="servingcell"': '+QENG: "servingcell","NOCONN","eMTC","FDD",'
    "001,01,C0FFEE,12,6300,20,3,3,12AB,-101,-11,-72,9,40",
    "AT+CEREG?": '+CEREG: 2,1,"12AB","00C0FFEE",7',
}


def serve(port):
    """The modem: echo until ATE0, boot noise in front, every reply in pieces of seven octets."""
    echo = True
    os.write(port, b"\x00\xff\xfe\r\nRDY\r\n\r\n+CFUN: 1\r\n")
    pending = b""
    while True:
        try:
            pending += os.read(port, 64)
        except OSError:
            return
        *lines, pending = pending.split(b"\r")
        for line in lines:
            command = line.decode()
            reply = REPLIES.get(command, "")
            out = line + b"\r" if echo else b""
            if command == "ATE0":
                echo = False
            if command == "AT+SILENT":
                continue
            out += b"\r\nERROR\r\n" if reply is None else b"\r\n" + reply.encode() + b"\r\n\r\nOK\r\n"
            for i in range(0, len(out), 7):
                os.write(port, out[i : i + 7])


def compile_modem_side(out):
    for source in [*(AGENT / "simbond_agent").glob("*.py"), *(AGENT / "simbond_agent" / "modem").glob("*.py")]:
        if source.parent.name == "modem" or source.stem in ("at", "identity", "cell"):
            target = (out / source.relative_to(AGENT)).with_suffix(".mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([find_cross_compiler(), "-o", target, source], check=True)


def test_probe_identity_and_cell_over_a_serial_line(tmp_path):
    compile_modem_side(tmp_path)
    modem, device = os.openpty()
    tty.setraw(device)
    attributes = termios.tcgetattr(device)
    attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
    termios.tcsetattr(device, termios.TCSANOW, attributes)
    server = threading.Thread(target=serve, args=(modem,), daemon=True)
    server.start()
    try:
        done = subprocess.run(
            [find(), "-X", "heapsize=128k", "-c", DEVICE, os.ttyname(device)],
            env={**os.environ, "MICROPYPATH": f"{tmp_path}:.frozen"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(device)
        server.join(5)
        os.close(modem)
    assert done.stdout.splitlines() == [
        "quectel BG95-M3",
        str(sorted({"imei": "359999060001237", "sim": "ready", "iccid": ICCID, "imsi": "001019999900017"}.items())),
        str(
            sorted(
                {
                    "rat": "LTE-M", "plmn": "00101", "tac": 4779, "cell_id": 12648430, "rsrp_dbm": -101,
                    "rsrq_db": -11, "rssi_dbm": -72, "reg": "home",
                }.items()
            )
        ),
        "(None, [])",
        "('OK', ['001019999900017'])",
        "['inserted']",
    ], done.stderr  # fmt: skip


def test_the_table_is_read_alike():
    entries = [
        (entry["command"], entry["reply"], entry.get("family", path.stem), entry["expect"])
        for path in sorted((Path(__file__).parent / "at_table").glob("*.toml"))
        for entry in tomllib.loads(path.read_text())["reply"]
        if path.stem != "traps"  # they say no dialect
    ]
    assert len(entries) > 90
    done = subprocess.run(
        [find(), "-c", TABLE],
        env={**os.environ, "MICROPYPATH": f"{AGENT}:.frozen"},
        input=json.dumps(entries),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr
