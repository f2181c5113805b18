"""What the firmware holds frozen: asyncio, as the firmware of any board does."""

include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821 - a name that MicroPython's build gives to manifests
