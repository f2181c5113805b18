"""Runs the main.py in the folder SIMBOND_USR, which stands for /usr, as QuecPython would run it."""

import builtins
import os
import sys

HERE = __file__.rsplit("/", 1)[0]
HIDDEN = ("asyncio", "binascii", "hashlib", "json", "machine", "os", "select", "socket", "ssl", "sys", "time", "tls")
MODULES = ("atcmd", "sim", "ubinascii", "uhashlib", "ujson", "uos", "usocket", "ussl", "usys", "utime")

sys.path[:] = [os.getenv("SIMBOND_USR"), HERE + "/.."]
for name in MODULES:
    sys.modules[name] = __import__("quecpython." + name, None, None, (name,))
for name in HIDDEN:
    sys.modules.pop(name, None)

_import = builtins.__import__


def _import_as_there(name, globals=None, locals=None, fromlist=None, level=0):
    if level == 0 and name in HIDDEN and name not in sys.modules:
        raise ImportError("QuecPython has no module " + name)
    return _import(name, globals, locals, fromlist, level)


builtins.__import__ = _import_as_there
_import("main")
