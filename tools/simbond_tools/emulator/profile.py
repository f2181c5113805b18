"""A module's dialect as data: one TOML file (docs/emulator.md, "Profile files")."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .card import normal_imei
from .cell import RATS
from .errors import EmulatorError, ProfileError
from .tray import Sim

_BUILT_IN = resources.files(__package__) / "profiles"
_TEXTS = ("name", "title", "manufacturer", "model", "revision", "imei", "svn")
_KEYS = {"extends", "rats", "unknown_command_error", *_TEXTS}
_BY_COMMAND = ("replies", "settings", "behaviours")
_TABLES = (*_BY_COMMAND, "urcs", "words")
_WORDS = {*RATS, *(f"sim-{s}" for s in Sim), "sim-present", "service", "limited", "no-service"}
EVENTS = ("boot", "empty", "removed", "inserted", "pin", "puk", "ready", "off")


@dataclass(frozen=True)
class Alternative:
    """Lines, or an error, that hold while all of `when` holds."""

    lines: tuple[str, ...] = ()
    when: frozenset[str] = frozenset()
    error: int | None = None


@dataclass(frozen=True)
class Setting:
    """A command that only stores its arguments: `values` per argument, `default` and `read` as lines."""

    values: tuple[frozenset[str], ...]
    ranges: tuple[str, ...]
    default: str
    read: str


@dataclass(frozen=True)
class Profile:
    """A dialect. Commands are looked up in `replies`, then `settings`, then `behaviours`; names are in capitals."""

    name: str
    title: str
    manufacturer: str
    model: str
    revision: str
    imei: str
    svn: str
    rats: tuple[str, ...]
    unknown_command_error: int
    replies: Mapping[str, tuple[Alternative, ...]]
    settings: Mapping[str, Setting]
    behaviours: Mapping[str, str]
    urcs: Mapping[str, tuple[Alternative, ...]]
    words: Mapping[str, Mapping[str, str]]


def profile_names() -> list[str]:
    """The names of the profiles that come with the emulator."""
    return sorted(entry.name.removesuffix(".toml") for entry in _BUILT_IN.iterdir() if entry.name.endswith(".toml"))


def load_profile(source: str | Path) -> Profile:
    """The profile called `source`, or the one in the file `source` (anything with a slash or ending in .toml).

    Raises ProfileError with file and entry for a profile that is unknown, unreadable or wrong.
    """
    text = str(source)
    try:
        return _build(_resolve(_read(text), text))
    except EmulatorError as problem:
        raise ProfileError(f"profile {text}: {problem}") from None


def _read(source: str) -> dict[str, Any]:
    if source.endswith(".toml") or "/" in source:
        entry: Any = Path(source)
    elif source in profile_names():
        entry = _BUILT_IN / f"{source}.toml"
    else:
        raise ProfileError(f"unknown; there are {', '.join(profile_names())}, or give the path of a .toml file")
    try:
        return tomllib.loads(entry.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ProfileError(f"cannot be read: {problem.strerror}") from None
    except ValueError as problem:  # tomllib.TOMLDecodeError and UnicodeDecodeError
        raise ProfileError(f"is not TOML: {problem}") from None


def _resolve(raw: dict[str, Any], source: str, depth: int = 0) -> dict[str, Any]:
    """`raw` laid over what it extends. A key with the value false takes an inherited entry away."""
    unknown = set(raw) - _KEYS - set(_TABLES)
    if unknown:
        raise ProfileError(f"{sorted(unknown)[0]!r} is no entry of a profile; see docs/emulator.md")
    for table in _TABLES:
        entries = raw.setdefault(table, {})
        if not isinstance(entries, dict):
            raise ProfileError(f"[{table}] must be a table")
        if table in _BY_COMMAND:
            raw[table] = {command.upper(): value for command, value in entries.items()}
    if "extends" not in raw:
        return raw
    if depth > 8:
        raise ProfileError("extends: goes round in a circle")
    parent = str(raw.pop("extends"))
    if parent.endswith(".toml"):
        parent = str(Path(source).parent / parent)
    below = _resolve(_read(parent), parent, depth + 1)
    merged = below | raw
    for table in _TABLES:
        entries = below[table] | raw[table]
        merged[table] = {key: value for key, value in entries.items() if value is not False}
    return merged


def _build(raw: dict[str, Any]) -> Profile:
    texts = {key: _text(raw.get(key), key) for key in _TEXTS}
    texts["imei"] = normal_imei(texts["imei"])
    if not re.fullmatch(r"\d\d", texts["svn"]):
        raise ProfileError("svn: two digits are needed")
    rats = raw.get("rats")
    if not isinstance(rats, list) or not rats or not all(r in RATS for r in rats):
        raise ProfileError(f"rats: a list of {', '.join(RATS)} is needed, the usual one first")
    unknown_error = raw.get("unknown_command_error", 0)
    if not isinstance(unknown_error, int):
        raise ProfileError("unknown_command_error: a CME code is needed, or 0 for a plain ERROR")
    settings = {name: _setting(name, value) for name, value in raw["settings"].items()}
    for event in raw["urcs"]:
        if event not in EVENTS:
            raise ProfileError(f"urcs.{event}: no such event; there are {', '.join(EVENTS)}")
    return Profile(
        **texts,
        rats=tuple(rats),
        unknown_command_error=unknown_error,
        settings=settings,
        replies={k: tuple(_alternatives(f"replies.{k}", v, settings)) for k, v in raw["replies"].items()},
        urcs={k: tuple(_alternatives(f"urcs.{k}", v, settings)) for k, v in raw["urcs"].items()},
        behaviours={k: _text(v, f"behaviours.{k}") for k, v in raw["behaviours"].items()},
        words={k: _words(k, v, settings) for k, v in raw["words"].items()},
    )


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ProfileError(f"{where}: a text is needed")
    return value


def _lines(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return tuple(value)
    raise ProfileError(f"{where}: a line or a list of lines is needed")


def _alternatives(where: str, value: object, settings: Mapping[str, Setting]) -> Iterator[Alternative]:
    """A line, a list of lines, or a list of tables {when, lines | error}."""
    if not isinstance(value, list) or not any(isinstance(entry, dict) for entry in value):
        yield Alternative(_lines(value, where))
        return
    for entry in value:
        if not isinstance(entry, dict) or set(entry) - {"when", "lines", "error"}:
            raise ProfileError(f"{where}: tables with when, lines and error are needed")
        when = frozenset(_lines(entry.get("when", []), f"{where}.when"))
        for word in when:
            _check_condition(word, where, settings)
        error = entry.get("error")
        if error is not None and not isinstance(error, int):
            raise ProfileError(f"{where}.error: a CME code is needed, or 0 for a plain ERROR")
        yield Alternative(_lines(entry.get("lines", []), f"{where}.lines"), when, error)


def _check_condition(word: str, where: str, settings: Mapping[str, Setting]) -> None:
    if word not in _WORDS and word.partition("=")[0] not in settings:
        raise ProfileError(f"{where}: no condition {word!r}; there are {', '.join(sorted(_WORDS))} and +SETTING=value")


def _setting(name: str, value: object) -> Setting:
    where = f"settings.{name}"
    if not isinstance(value, dict) or set(value) - {"values", "default", "read"}:
        raise ProfileError(f"{where}: a table with values, default and read is needed")
    ranges = _lines(value.get("values", []), f"{where}.values")
    return Setting(
        values=tuple(frozenset(_range(text, where)) for text in ranges),
        ranges=ranges,
        default=_text(value.get("default"), f"{where}.default"),
        read=_text(value.get("read", f"{name}: {{value}}"), f"{where}.read"),
    )


def _range(text: str, where: str) -> Iterator[str]:
    """ "0-2,5" -> 0 1 2 5"""
    for part in text.split(","):
        low, _, high = part.partition("-")
        if not low.isdecimal() or not (high or low).isdecimal():
            raise ProfileError(f"{where}.values: {text!r} is no range like 0-2 or 0,1,4")
        yield from map(str, range(int(low), int(high or low) + 1))


def _words(name: str, value: object, settings: Mapping[str, Setting]) -> Mapping[str, str]:
    if not isinstance(value, dict) or not name.isidentifier():
        raise ProfileError(f"words.{name}: a table condition = text is needed")
    for condition in value:
        _check_condition(condition, f"words.{name}", settings)
    return {condition: _text(text, f"words.{name}.{condition}") for condition, text in value.items()}
