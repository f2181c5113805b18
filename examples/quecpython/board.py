"""A Quectel module that runs QuecPython: the agent speaks to the modem that it runs on."""

from settings import *  # noqa: F403

from simbond_agent.quecpython.atcmd import Transport as at_transport  # noqa: F401
