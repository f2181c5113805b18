"""Databases for tests that run on every kind of them; and what is the same in every run: the names of tests, a terminal
that is nobody's, and no example that fails for the time it takes."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import PostgresServer
from support.stores import asked_by_test, leave, on_postgresql

# In CI this builds on hypothesis' own profile for it, whose examples are the same in every run.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Whoever runs the tests may be an operator, with a verifier, a language and a terminal of their own.
_SETTINGS = ("CONFIG", "URL", "TOKEN", "CA", "PLAIN_HTTP", "LANG", "JSON", "DB", "PORT", "BAUD", "FOLDER")
_OWN = {"LANG", "LANGUAGE", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "SIMBOND_STATION_PASSPHRASE"}
_OWN |= {f"SIMBOND_{setting}" for setting in _SETTINGS}


def pytest_configure(config: pytest.Config) -> None:
    for name in _OWN & os.environ.keys() | {name for name in os.environ if name.startswith("LC_")}:
        del os.environ[name]
    os.environ["LANG"] = "C.UTF-8"
    # A shell that runs the tests in the background has them, and every program that they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "many_databases: makes so many that it runs on files only, in a module of `store`"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("many_databases") and _is_on_postgresql(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_on_postgresql(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("store") == "postgresql"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    asked_by_test("store" in getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    if folder is not None:
        leave(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the tests' own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test on both kinds: `pytestmark = pytest.mark.usefixtures("store")` for a module whose databases come from
    support.stores.place, which desks and servers ask. Returns the kind."""
    if request.param == "postgresql":
        with on_postgresql(request.getfixturevalue("postgres")):
            yield request.param
    else:
        yield request.param


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names a parameter that may be another one in the next run (a key, a signed message) by its place: tests are
    shared out to several processes by their names."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 40) else None
