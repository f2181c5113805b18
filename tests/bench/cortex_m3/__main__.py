"""python -m tests.bench.cortex_m3: the figures of this part alone."""

from . import measure

for name, value in measure().items():
    print(f"{value:12.0f}  {name}")
