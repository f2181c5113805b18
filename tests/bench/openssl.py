"""The yardstick: how many ECDSA P-256 verifications a second `openssl speed` does on one core."""

import subprocess


def verify_rate(core: int, seconds: int = 1) -> float:
    """Verifications a second, on the given core."""
    command = ["taskset", "-c", str(core), "openssl", "speed", "-mr", "-seconds", str(seconds), "ecdsap256"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # +F4:<index>:<bits>:<sign>:<verify>; per second in newer versions, seconds each in older ones
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("+F4:"))
    figure = float(line.split(":")[4])
    return figure if figure > 1 else 1 / figure
