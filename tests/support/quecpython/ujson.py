"""ujson. https://python.quectel.com/doc/quecpython/API_reference/en/stdlib/ujson.html"""

from json import dump, dumps, load, loads  # noqa: F401
