"""usys. https://python.quectel.com/doc/quecpython/API_reference/en/stdlib/sys.html"""

from sys import (  # noqa: F401
    argv,
    byteorder,
    exit,
    implementation,
    maxsize,
    modules,
    path,
    platform,
    print_exception,
    stdin,
    stdout,
    version,
    version_info,
)
