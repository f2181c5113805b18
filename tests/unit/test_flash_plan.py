"""Whatever cuts a flash: a whole agent starts or none, what is not the agent's stays, and the next run ends it."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.flash.plan import (
    ASIDE,
    PART,
    ROM,
    MakeFolder,
    Move,
    NoMainError,
    Present,
    Remove,
    RemoveFolder,
    Step,
    Wanted,
    Write,
    given_first,
    room_needed,
    steps,
)

OWN = "/lib/simbond_agent"
MAIN = "/main.py"
OTHERS = {"/simbond/key": b"key", "/boot.py": b"boot", "/lib/other.mpy": b"other"}

names = st.sampled_from([f"{OWN}/{n}" for n in ("agent.mpy", "agent.py", "spool.mpy", "modem/a.mpy", "modem/b.mpy")])
octets = st.binary(max_size=3)
agents = st.dictionaries(names, octets, min_size=1)
makers = st.dictionaries(st.sampled_from(["/board.py", "/settings.py", "/ca.der"]), octets)


class Disk:
    """A board's files and folders. apply() tears a write that it is told to."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)
        self.folders = {"/lib"}
        for path in files:
            self.folders |= set(_parents(path))

    def apply(self, step: Step, torn: int | None = None) -> None:
        match step:
            case Write(path, content) if path == ROM:
                self.files.pop(ROM, None)
                if torn is None:
                    self.files[ROM] = content
            case Write(path, content):
                assert _parent(path) in self.folders | {""}
                self.files[path + PART] = content if torn is None else content[:torn]
                if torn is None:
                    self.files[path] = self.files.pop(path + PART)
            case Move(path, to):
                self.files[to] = self.files.pop(path)
            case Remove(path):
                del self.files[path]
            case RemoveFolder(path):
                assert not any(_parent(p) == path for p in (*self.files, *self.folders))
                self.folders.remove(path)
            case MakeFolder(path):
                self.folders.add(path)

    def present(self, wanted: Wanted) -> dict[str, Present | None]:
        known = {
            p: Present.of(o) for p, o in self.files.items() if p.startswith(OWN + "/") or p in {*wanted.paths(), ROM}
        }
        return {**known, **{p: None for p in self.folders if p.startswith(OWN)}}

    def starts(self) -> dict[str, bytes] | None:
        """What runs at the next start: main.py with the agent's and the maker's files; None without main.py."""
        return (
            {p: o for p, o in self.files.items() if p not in OTHERS and p != MAIN + ASIDE}
            if MAIN in self.files
            else None
        )


def image(octets: bytes | None) -> dict[str, bytes]:
    return {} if octets is None else {ROM: octets}


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _parents(path: str) -> Iterator[str]:
    while path := _parent(path):
        yield path


@given(
    old=agents,
    old_maker=makers,
    old_main=octets,
    new=agents,
    new_maker=makers,
    new_main=st.none() | octets,
    old_rom=st.none() | octets,
    rom=st.none() | octets,
    cuts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3))),
    asks=st.booleans(),
)
def test_cuts_at_any_place(old, old_maker, old_main, new, new_maker, new_main, old_rom, rom, cuts, asks):
    disk = Disk({**old, **old_maker, MAIN: old_main, **OTHERS, **image(old_rom)})
    new = new if rom is None else {}  # the agent lies in ROMFS then
    wanted = Wanted({**new, **new_maker}, MAIN, new_main, OWN, rom)
    before = disk.starts()
    after = {**old_maker, **new_maker, **new, **image(old_rom if rom is None else rom)}
    after[MAIN] = old_main if new_main is None else new_main
    for cut, torn in [*cuts, (1000, 0)]:
        plans = [steps(wanted, disk.present(wanted))]
        if asks:
            plans.insert(0, given_first(Wanted(new_maker, MAIN, new_main, OWN), disk.present(wanted)))
        for plan in plans:
            todo = plan if plan is plans[0] else steps(wanted, disk.present(wanted))
            for step in todo[:cut]:
                disk.apply(step)
                assert disk.starts() in (None, before, after)
            if cut < len(todo):
                if isinstance(todo[cut], Write):
                    disk.apply(todo[cut], torn)
                    assert disk.starts() is None
                break
    assert disk.files == {**after, **OTHERS}
    assert steps(wanted, disk.present(wanted)) == []


def test_without_a_main_there_is_no_plan():
    with pytest.raises(NoMainError):
        steps(Wanted({f"{OWN}/agent.mpy": b"x"}, MAIN, None, OWN), {})


def test_room_is_that_of_the_new_file_beside_the_old_one():
    present = {OWN: None, f"{OWN}/a.mpy": Present(9000, ""), f"{OWN}/stale.mpy": Present(1, "")}
    grown = [Write(f"{OWN}/a.mpy", bytes(9000)), Write(f"{OWN}/b.mpy", bytes(4097))]

    assert room_needed(grown, present, 4096) == 3
    assert room_needed([Remove(f"{OWN}/stale.mpy"), *grown], present, 4096) == 2
    assert room_needed([MakeFolder(OWN)], {}, 4096) == 2
    assert room_needed([Write(ROM, bytes(9000))], {}, 4096) == 0
