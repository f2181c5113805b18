"""Where captures of real modems lie, beside a checkout of the repository; most checkouts have none."""

from pathlib import Path

CAPTURES = Path(__file__).parents[3] / "shared" / "at"
