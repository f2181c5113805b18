import usys

usys.path.append("/usr")

import settings  # noqa: E402

from simbond_agent import quecpython  # noqa: E402

quecpython.prepare(settings.seed)

import board  # noqa: E402

from simbond_agent import run  # noqa: E402

run(board)
