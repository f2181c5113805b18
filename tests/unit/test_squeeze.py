"""What a squeezed build leaves out, and that it means the same. The device tests run squeezed builds throughout."""

import importlib
import sys
from pathlib import Path, PurePath
from typing import Any

import pytest

from simbond_tools import parts
from simbond_tools.squeeze import SqueezeError, squeeze

Sources = dict[str, str]
"""The text of modules by their paths, without ".py"."""


def squeezed(sources: Sources, core: tuple[str, ...] = ()) -> Sources:
    done = squeeze(
        {PurePath(f"{path}.py"): text for path, text in sources.items()},
        [PurePath(f"{path}.py") for path in core],
        "made",
    )
    return {path.with_suffix("").as_posix(): text for path, text in done.items()}


class Runner:
    """Imports modules of a package of these sources."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        monkeypatch.syspath_prepend(folder)

    def __call__(self, sources: Sources, name: str) -> Any:
        for path, text in {"__init__": "", **sources}.items():
            file = self._folder / "made" / f"{path}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return importlib.import_module(f"made.{name}")

    def close(self) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "made"]:
            del sys.modules[name]


@pytest.fixture
def run(tmp_path, monkeypatch):
    runner = Runner(tmp_path, monkeypatch)
    yield runner
    runner.close()


def test_integer_constants_stand_where_they_are_used():
    user = "from . import labels\nfrom .labels import LIMIT as L, f\nprint(labels.LIMIT + labels.NONCE + L, f)\n"
    done = squeezed({"labels": "NONCE = 10\nLIMIT = 4 * NONCE\nNAME = 'x'\ndef f():\n    pass\n", "user": user})
    assert "40 + 10 + 40" in done["user"]
    assert done["labels"].split() == ["def", "a():", "pass"]


def test_texts_stand_where_they_are_used_unless_that_repeats_a_long_one(run):
    labels = "SHORT = 'ten octets'\nONCE = 'more than ten octets'\nTWICE = 'also more than ten'\nOCTETS = b'octets'\n"
    user = "from . import labels\ndef f():\n    return [labels.SHORT, labels.SHORT, labels.ONCE]\n"
    user += "def g():\n    return labels.TWICE + labels.TWICE, labels.OCTETS\n"
    done = squeezed({"labels": labels, "agent": user, "other": "from . import labels\nprint(labels.ONCE)\n"})
    assert "['ten octets', 'ten octets', 'more than ten octets']" in done["agent"]
    assert "print('more than ten octets')" in done["other"]
    assert done["labels"].count("=") == 2
    made = run(done, "agent")
    assert (made.f()[0], made.g()) == ("ten octets", ("also more than ten" * 2, b"octets"))


def test_a_name_that_is_bound_twice_is_no_constant(run):
    source = "limit = 1\ndef grow():\n    global limit\n    limit += 2\ngrow()\nsaid = [limit, 'said']\nprint(said)\n"
    assert run(squeezed({"a": source}), "a").said == [3, "said"]


def test_what_another_module_puts_something_into_is_no_constant(run):
    sources = {"a": "path = ''\nlimit = 1\ndef f():\n    return path, limit\n"}
    sources["agent"] = "from . import a\na.path = 'set'\na.limit = 2\ndef told():\n    return a.f(), a.path\n"
    assert run(squeezed(sources), "agent").told() == (("set", 2), "set")


def test_a_constant_is_not_put_where_another_variable_has_its_name(run):
    source = (
        "N = 1\ndef f(N):\n    return N, [N for N in 'ab'], lambda N=N: N\ndef g():\n    return f(5)[0], f(5)[2](), N\n"
    )
    assert run(squeezed({"agent": source}), "agent").g() == (5, 5, 1)


def test_what_nobody_mentions_is_left_out_and_so_is_what_only_that_mentions():
    source = "def inner():\n    pass\ndef outer():\n    inner()\ndef used():\n    print('here')\n"
    done = squeezed({"a": source, "agent": "from . import a\na.used()\n"})
    assert done["a"].count("def") == 1
    assert "here" in done["a"]


def test_what_is_mentioned_in_a_string_stays():
    done = squeezed({"a": "TABLE = (1, 2)\n", "agent": "def f(module):\n    print(getattr(module, 'TABLE'))\nf(1)\n"})
    assert "TABLE" in done["a"]


def test_what_makers_import_stays_with_its_parameters():
    signer = "class AteccSigner:\n    def __init__(self, bus, address=0x35):\n        self.a = bus, address\n"
    done = squeezed(
        {
            "posix": "class Gateway:\n    pass\ndef open_tty(path):\n    pass\n",
            "signer/atecc": signer,
            "agent": "class Agent:\n    def prove(self, nonce):\n        return nonce\n",
        },
        core=("agent",),
    )
    assert "class Gateway" in done["posix"]
    assert "def open_tty(path)" in done["posix"]
    assert "class AteccSigner" in done["signer/atecc"]
    assert ", bus, address=53)" in done["signer/atecc"]
    assert "class Agent" in done["agent"]
    assert ", nonce)" in done["agent"]


def test_a_private_attribute_is_the_same_in_every_file(run):
    agent = "class Agent:\n    def _long_name(self):\n        return 'done'\n"
    done = squeezed({"agent": agent, "posix": "def f(a):\n    return a._long_name()\n"})
    assert "_long_name" not in done["agent"] + done["posix"]
    assert run(done, "posix").f(run(done, "agent").Agent()) == "done"


def test_what_is_passed_by_keyword_keeps_its_name(run):
    source = "def _f(first, second, **more):\n    return first - second, more\n"
    source += "def run():\n    return _f(second=1, first=3, x=4)\n"
    assert run(squeezed({"agent": source}), "agent").run() == (2, {"x": 4})


ENTANGLED = """
import _thread
from time import time as _now
_x = 1
_b = [7]
class _Base:
    _a = 'class'
    _limit = _x
    __slots__ = ('__dict__',)
    def __init__(self, _b=_x, *, c=None):
        self._b = _b, c
    @property
    def _p(self):
        return self._a, self._b, self._limit
class _More(_Base):
    def _p2(self, text):
        global _b
        def deeper(text, by=self._p):
            nonlocal total
            total += len(text)
            return [text + a for a in by[0] if [a for a in text]], {k: v for k, v in ((text, total),)}
        total = 0
        _b = _b + [total]
        try:
            return deeper(text), total, (lambda x, *y: (x, y, text, _b))(1, 2)
        except ValueError as e:
            return e
def run():
    return _More(c=3)._p2('ab'), _More()._p, _thread.LockType is not None and _now() > 0, _b
"""


def test_no_short_name_hides_what_stands_beside_it(run):
    plain: dict[str, Any] = {}
    exec(ENTANGLED, plain)
    done = squeezed({"agent": ENTANGLED})
    assert "_p2" not in done["agent"]
    assert "_x" not in done["agent"]
    assert run(done, "agent").run() == plain["run"]()


# A core with what makes bundling hard: modules that need each other in an order, one that is used as an object and
# needs some of the rest, one name for several things, names had by way of others, imports inside functions, and a part.
CORE = {
    "__init__": "def run():\n    from .agent import run\n    return run()\n",
    "agent": (
        "import os\nfrom . import a, labels\nfrom .modem import generic, load, probe\nfrom .a import late as later\n"
        "def helper(os):\n    return os is not None\n"
        "def run():\n    from .b import late\n"
        "    return a.f(labels.N), probe(), late(), later(), load('part').PARSE, helper(os), generic.PARSE\n"
    ),
    "a": (
        "import os\nfrom .b import helper, late\n_count = 5\n"
        "def f(n):\n    return helper(n) + _count, os.sep\nprint(late)\n"
    ),
    "b": (
        "from time import time as os\n_count = 7\nopen = os\n"
        "def helper(n):\n    global _count\n    _count += n\n    return _count\n"
        "def late():\n    return _count, open() > 0\n"
    ),
    "labels": "N = 3\n",
    "modem/__init__": (
        "from . import generic\nfrom .base import Modem\ndef probe():\n    return Modem().ask()\n"
        "def load(name):\n    return __import__(__name__ + '.' + name, None, None, ('PARSE',))\n"
    ),
    "modem/base": (
        "from . import generic\nclass Modem:\n    def ask(self):\n        return getattr(generic, 'PARSE'), open\n"
    ),
    "modem/generic": "from ..b import helper\nPARSE = ('generic', helper(0))\n",
    "modem/part": (
        "from .. import b, modem\nfrom ..a import f\nfrom . import generic\n"
        "def count():\n    from .. import b, labels\n    return [b.helper(labels.N) for _ in 'ab']\n"
        "PARSE = (b.helper(0), f(1)[0], generic.PARSE, modem.probe(), count())\n"
    ),
}
MERGED = tuple(path for path in CORE if path not in ("__init__", "modem/part"))


def test_the_core_becomes_one_module_but_for_what_is_used_as_an_object():
    assert set(squeezed(CORE, MERGED)) == {"__init__", "agent", "modem/generic", "modem/part"}


def test_a_bundled_core_does_the_same(run, tmp_path, monkeypatch):
    done = squeezed(CORE, MERGED)
    after = run(done, "agent").run()
    run.close()
    (tmp_path / "plain").mkdir()
    plain = Runner(tmp_path / "plain", monkeypatch)
    assert repr(after) == repr(plain(CORE, "agent").run())


def test_what_the_entry_offers_keeps_its_name_in_a_bundle(run):
    assert run(squeezed(CORE, MERGED), "agent").run.__name__ == "run"


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ({"a": "print(globals()['x'])\n"}, "a.py looks up variables by their names"),
        ({"a": "from .agent import *\n"}, "a.py imports [*] from the package"),
        ({"a": "from .agent import missing\n"}, "a.py imports missing"),
        (
            {"a": "from .b import f\ndef g():\n    pass\nf()\n", "b": "from .a import g\ndef f():\n    g()\n"},
            "each other",
        ),
        ({"a": "import os.path\nprint(os)\n", "b": "def os():\n    pass\nos()\n"}, "os cannot be called otherwise"),
    ],
)
def test_what_cannot_be_squeezed_safely_is_refused(sources, complaint):
    with pytest.raises(SqueezeError, match=complaint):
        squeezed({"agent": "def run():\n    pass\n", **sources}, core=("agent", *sources))


def test_the_whole_agent_comes_out_alike_every_time():
    sources = {p.relative_to(parts.SOURCE): p.read_text() for p in parts.SOURCE.rglob("*.py")}
    once = squeeze(sources, parts.core(), "simbond_agent")
    assert once == squeeze(dict(reversed(sources.items())), reversed(parts.core()), "simbond_agent")


def test_constants_of_two_files_with_one_name_are_kept_apart():
    done = squeezed({f"{folder}/__init__": f"_N = {n}\nprint(_N)\n" for n, folder in enumerate(("a", "b"))})
    assert [text.split() for text in done.values()] == [["print(0)"], ["print(1)"]]
