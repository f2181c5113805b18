"""make bench: a table for people, bench.json (flat) for machines. Ratios are taken within this one run.

Words on the command line (python -m tests.bench ingest scale) choose parts.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import agent, cortex_m3, hlr, ingest, on_air, scale, wake

PARTS = {part.__name__.rpartition(".")[2]: part for part in (ingest, hlr, scale, agent, wake, on_air, cortex_m3)}

FIGURES = {
    "evidence_octets": ("Evidence on the wire, LTE, octets", "<= 160"),
    "verify_ratio": ("decode + verify, one core, of openssl's verify", ">= 0.84"),
    "ingest_single_ratio": ("durable ingest over HTTP, one a request", ">= 0.50"),
    "ingest_batch_ratio": ("durable ingest over HTTP, batches", ">= 0.76"),
    "two_cores_ratio": ("the same on two cores, of one", ">= 1.7"),
    "hlr_p50_ms": ("Evidence to HLR confirmed at 500 Evidence/s, p50, ms", ""),
    "hlr_p99_ms": ("the same, p99, ms", "<= 100"),
    "scale_ratio": ("ingest at 1 000 000 cards, of that at 1 000", ">= 0.90"),
    "start_s": ("start with 1 000 000 cards, s", ""),
    "bytes_per_card": ("a bound card and its device in SQLite, octets", ""),
    "bytes_per_card_postgresql": ("the same in PostgreSQL, octets", ""),
    "sweep_s": ("a sweep that finds 1 000 of 1 000 000 silent, s", ""),
    "sweep_stall_ms": ("the longest that Evidence waited meanwhile, ms", ""),
    "sweep_again_s": ("the next sweep, which has nothing to add, s", ""),
    "deadlines_s": ("1 000 checks that run out together, s", ""),
    "deadlines_stall_ms": ("the longest that Evidence waited meanwhile, ms", ""),
    "deadlines_look_ms": ("a look for what is due, once a second, ms", ""),
    "sign_ratio": ("signing: MicroPython's time to CPython's", ""),
    "agent_heap_peak": ("heap peak of the agent while attesting, octets", "<= 45056"),
    "agent_mpy_bytes": ("core, one dialect, one uplink as .mpy, octets", "<= 32768"),
    "cortex_m3_sign_instructions": ("Cortex-M3: one signature", "<= 15e6"),
    "cortex_m3_sign_slice_instructions": ("the longest that it holds the loop up", "<= 2.1e6"),
    "cortex_m3_attest_instructions": ("from AT to signed octets", ""),
    "cortex_m3_heap_for_application": ("heap left to the maker while attesting, octets", ""),
    "wake_to_evidence_ms": ("a sleeping device's wake to accepted Evidence, ms", ""),
    "on_air_https": ("octets an attestation over HTTPS", ""),
    "on_air_mqtts": ("over MQTT and TLS, connecting", ""),
    "on_air_mqtts_open": ("over MQTT and TLS, connected", ""),
}


def main() -> None:
    found: dict[str, float] = {}
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            sys.exit(f"{name} is no part of the benchmark: {', '.join(PARTS)}")
        found |= PARTS[name].measure()
    for key, (what, bound) in FIGURES.items():
        value = f"{found[key]:10.2f}" if key in found else "         -"
        print(f"{value}  {what:52} {bound:10} [{key}]")
    for key in sorted(found.keys() - FIGURES.keys()):
        print(f"{found[key]:10.0f}  [{key}]")
    Path("bench.json").write_text(json.dumps({k: round(v, 4) for k, v in found.items()}, indent=2) + "\n")


main()
