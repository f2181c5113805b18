"""What a squeezed build leaves out, and that it means the same. The device tests run squeezed builds throughout."""

from pathlib import PurePath

from simbond_tools import parts
from simbond_tools.squeeze import squeeze


def squeezed(**modules: str) -> dict[str, str]:
    return {path.stem: text for path, text in squeeze({PurePath(f"{m}.py"): s for m, s in modules.items()}).items()}


def test_integer_constants_stand_where_they_are_used():
    done = squeezed(
        labels="NONCE = 10\nLIMIT = 4 * NONCE\nNAME = 'x'\n", user="import labels\nprint(labels.LIMIT + labels.NONCE)\n"
    )
    assert "40 + 10" in done["user"]
    assert done["labels"].split() == []


def test_a_name_that_is_bound_twice_is_no_constant():
    assert "limit" in squeezed(a="limit = 1\ndef grow():\n    global limit\n    limit = 2\nprint(limit, grow)\n")["a"]


def test_what_nobody_mentions_is_left_out_and_so_is_what_only_that_mentions():
    source = "def inner():\n    pass\ndef outer():\n    inner()\ndef used():\n    pass\n"
    done = squeezed(a=source, agent="import a\na.used()\n")
    assert "used" in done["a"]
    assert "inner" not in done["a"]
    assert "outer" not in done["a"]


def test_what_is_mentioned_in_a_string_stays():
    assert "TABLE" in squeezed(a="TABLE = (1, 2)\n", agent="import a\nprint(getattr(a, 'TABLE'))\n")["a"]


def test_what_makers_import_stays():
    assert "Gateway" in squeezed(posix="class Gateway:\n    pass\ndef open_tty():\n    pass\n")["posix"]
    assert "open_tty" in squeezed(posix="def open_tty():\n    pass\n")["posix"]


def test_private_names_are_short_and_the_same_in_every_file():
    done = squeezed(
        agent="class A:\n    def _long_name(self):\n        pass\n", posix="def f(a):\n    a._long_name()\n"
    )
    assert "_a(self)" in done["agent"]
    assert "a._a()" in done["posix"]


def test_a_private_name_is_the_same_wherever_it_stands_and_a_module_keeps_its_own():
    source = (
        "import _thread\nfrom time import time as _now\n_count = ''\ndef f():\n    global _count\n    _count += 'x'\n"
    )
    done = squeezed(agent=source + "f()\nprint(_now, _thread)\n")["agent"]
    assert "_now" not in done
    scope: dict[str, object] = {}
    exec(done, scope)
    assert "x" in scope.values()
    assert "_thread" in scope


def test_a_short_name_is_never_one_that_is_there():
    done = squeezed(
        agent="_a = [1]\n__slots__ = ()\nprint(__slots__)\ndef f(self, _long=2):\n    return _a, _long, self.__dict__\n"
    )["agent"]
    scope: dict[str, object] = {}
    exec(done, scope)
    assert scope["__slots__"] == ()
    assert "__dict__" in done
    assert done.count("_a") + done.count("_b") + done.count("_c") >= 4


def test_the_whole_agent_comes_out_alike_every_time():
    sources = {p.relative_to(parts.SOURCE): p.read_text() for p in parts.SOURCE.rglob("*.py")}
    once = squeeze(sources)
    assert once == squeeze(dict(reversed(sources.items())))


def test_constants_of_two_files_with_one_name_are_kept_apart():
    sources = {PurePath(f"{folder}/__init__.py"): f"_N = {n}\nprint(_N)\n" for n, folder in enumerate(("a", "b"))}
    assert [text.split() for text in squeeze(sources).values()] == [["print(0)"], ["print(1)"]]
