"""What makers may import from a squeezed build: it keeps its name, whether the agent uses it or not."""

from pathlib import PurePath

_MODULES = {"__init__.py", "agent.py", "posix.py"}
_FOLDERS = {"signer", "uplink", "quecpython"}


def is_offered(path: PurePath, name: str) -> bool:
    """path: of a module, relative to the package."""
    return name[0] != "_" and (path.as_posix() in _MODULES or path.parent.as_posix() in _FOLDERS)
