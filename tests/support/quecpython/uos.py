"""uos. https://python.quectel.com/doc/quecpython/API_reference/en/stdlib/uos.html"""

from os import chdir, getcwd, ilistdir, listdir, mkdir, remove, rename, rmdir, stat, statvfs  # noqa: F401


def uname():
    return (
        "sysname=EC200U-CNLB",
        "nodename=EC200U",
        "release=1.12.0",
        "version=v1.12",
        "machine=EC200U",
        "qpyver=V0001",
    )


def urandom(n):
    """As good as the worst that is out there: the C library's rand() without a seed."""
    return b"\x2a" * n
