"""A Quectel module that runs QuecPython: the agent speaks to the modem that it runs on."""

from settings import ca, scenario, state_dir, url  # noqa: F401

from simbond_agent.quecpython.atcmd import Transport as at_transport  # noqa: F401
