"""uhashlib. https://python.quectel.com/doc/quecpython/API_reference/en/stdlib/uhashlib.html"""

from hashlib import sha256  # noqa: F401
