from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from simbond_tools.agent_process import AgentProcess
from simbond_tools.build import ROM, build_agent
from simbond_tools.demo.authority import Authority, make_authority
from simbond_tools.emulator import Modem
from support.cards import CARD
from support.device_server import DeviceServer


@pytest.fixture(scope="session")
def rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent, compiled as for a board's flash."""
    directory = tmp_path_factory.mktemp("agent")
    build_agent(directory)
    return directory / ROM


@pytest.fixture(scope="session")
def plain_rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent compiled as it is, for programs that put something else in the place of its parts."""
    directory = tmp_path_factory.mktemp("plain")
    build_agent(directory, plain=True)
    return directory / ROM


@pytest.fixture
def modem() -> Iterator[Modem]:
    with Modem("quectel-ec25", card=CARD) as modem:
        yield modem


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "authority")


@pytest.fixture
def server(authority: Authority) -> Iterator[DeviceServer]:
    server = DeviceServer(authority)
    yield server
    server.stop()


@pytest.fixture
def agent(
    modem: Modem, server: DeviceServer, authority: Authority, rom: Path, tmp_path: Path
) -> Iterator[Callable[..., AgentProcess]]:
    """Starts the agent on the modem, towards the server; what is given differs from that."""
    with ExitStack() as running:

        def start(**different: object) -> AgentProcess:
            settings: dict[str, object] = {
                "tty": modem.port,
                "url": server.url,
                "ca": authority.ca_der,
                "rom": rom,
                "state_dir": tmp_path / "state",
                "scenario": 260,
                "sim_poll_s": 1,
            }
            return running.enter_context(AgentProcess(**{**settings, **different}))  # type: ignore[arg-type]

        yield start
