# Freezes the agent into firmware. In the board's manifest:
#   include("<this folder>/manifest.py", parts=("quectel", "http"))     the core and these parts (see parts/)
#   include("<this folder>/manifest.py")                                everything
import json
import os

options.defaults(parts=None)  # noqa: F821 - the build knows it


def _files(description):
    with open(description) as f:
        return [target.split("/", 1)[1] for target, _ in json.load(f)["urls"]]


_parts = sorted(os.listdir("parts")) if options.parts is None else [part + ".json" for part in options.parts]  # noqa: F821
_wanted = _files("package.json")
for _part in _parts:
    _wanted += _files("parts/" + _part)
package("simbond_agent", tuple(sorted(set(_wanted))), base_path=".", opt=3)  # noqa: F821
