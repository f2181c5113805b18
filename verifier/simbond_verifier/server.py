"""Puts one verifier together and runs it: database, group commit, workers, HTTP, MQTT."""

import asyncio
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn
from sqlalchemy import Connection, insert, select

from .api.app import Application, create_app
from .api.operator import Services
from .api.protocol import speaking_for
from .enforcement import NetworkView, from_url
from .enforcement.embedded import Embedded
from .ingest.broker import Broker
from .ingest.decide import Decider
from .ingest.mqtt import MqttIngest
from .ingest.pipeline import Ingest
from .loopback import is_loopback
from .metrics import Metrics
from .scenario import InvalidScenario, Scenarios, parse
from .store.database import Database
from .store.errors import AlreadyServed
from .store.group_commit import GroupCommit
from .store.schema import setting
from .workers.corroborator import Corroborator
from .workers.deadlines import Deadlines
from .workers.outbox import Outbox

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

log = structlog.get_logger("simbond.server")

_HANDOVER_S = 3.0
"""Until a verifier that takes over begins: the one before may need as long to notice that it lost the database, and to
end a call to the network (docs/adr/one-verifier.md)."""
_NONCE_SECRET = "nonce-secret"  # noqa: S105 - the name of the setting


class ConfigurationError(ValueError):
    """The server cannot start like this; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    """How a verifier is to run. Raises ConfigurationError when it must not."""

    database: Path | str
    """A path, or a URL (docs/database.md)."""
    scenarios: Path
    target: str = "embedded:"
    host: str = "127.0.0.1"
    port: int = 8443
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    plain_http: bool = False
    """Listen without TLS beyond loopback: only behind a proxy that has it."""
    mqtt: Broker | None = None
    """Take messages from this broker, too."""
    standby: bool = False
    """The database is taken over from another verifier."""

    def __post_init__(self) -> None:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigurationError("TLS takes both a certificate and its key: --tls-cert and --tls-key.")
        for path in (self.tls_certificate, self.tls_key):
            if path is not None and not path.is_file():
                raise ConfigurationError(f"{path} is no file; --tls-cert and --tls-key name PEM files.")
        if not is_loopback(self.host) and self.tls_certificate is None and not self.plain_http:
            raise ConfigurationError(
                f"{self.host} is not loopback and there is no TLS: Evidence and tokens would travel in the clear. "
                "Give --tls-cert and --tls-key, or --plain-http behind a proxy that has TLS."
            )


def load_scenarios(folder: Path) -> Scenarios:
    """Reads every *.toml in a folder. Raises InvalidScenario, also when there is none."""
    try:
        files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
        if not files:
            raise InvalidScenario(
                f"{folder} holds no scenario: write one (docs/scenarios.md), or name another folder with --scenarios"
            )
        return Scenarios(parse(path.read_text("utf-8"), str(path)) for path in files)
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidScenario(f"{folder}: {e}") from None


def nonce_secret(connection: Connection) -> bytes:
    """The key under which this database's verifiers issue nonces; made at the first start."""
    found = connection.execute(select(setting.c.value).where(setting.c.name == _NONCE_SECRET)).scalar()
    if found is None:
        found = secrets.token_bytes(32)
        connection.execute(insert(setting).values(name=_NONCE_SECRET, value=found))
    return bytes(found)


@asynccontextmanager
async def running(
    settings: Settings, on_superseded: Callable[[AlreadyServed], None] = lambda e: None
) -> AsyncIterator[Application]:
    """A verifier at work: its application, with the workers beside it. on_superseded: called once, when another
    verifier took the database over. Raises StoreError, InvalidScenario, ConfigurationError."""
    scenarios = load_scenarios(settings.scenarios)
    database = Database(settings.database, alone=True)
    if settings.standby:
        await asyncio.sleep(_HANDOVER_S)
    writer = GroupCommit(database, on_superseded=on_superseded)
    embedded = Embedded(database, writer)
    try:
        target = from_url(settings.target, {"embedded": lambda _: embedded})
    except ValueError as e:
        database.close()
        raise ConfigurationError(f"--target: {e}") from None
    with database.write() as connection:
        secret = nonce_secret(connection)
    metrics = Metrics()
    outbox = Outbox(database, writer, target, metrics)
    workers = [outbox.run, Deadlines(database, writer, scenarios, outbox.wake).run]
    ask: Callable[[], None] = _nothing
    if isinstance(target, NetworkView):
        corroborator = Corroborator(database, writer, target, outbox.wake)
        workers.append(corroborator.run)
        ask = corroborator.wake
    ingest = Ingest(
        database, writer, Decider(scenarios, secret), secret, metrics, on_accusation=ask, on_change=outbox.wake
    )
    if settings.mqtt is not None:
        workers.append(MqttIngest(settings.mqtt, ingest, database, metrics).run)
    writer.start()
    tasks = [asyncio.create_task(_kept_up(work)) for work in workers]
    try:
        asked = embedded if target is embedded else None
        yield create_app(Services(database, writer, scenarios, ingest, metrics, asked, outbox.wake))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await writer.stop()
        await target.close()
        ingest.close()
        database.close()


async def serve(settings: Settings, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Runs a verifier until SIGTERM, or SIGINT, which raises KeyboardInterrupt in the end. on_ready is called with its
    URL once it listens. Raises what `running` raises, and OSError when it cannot listen."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    superseded: asyncio.Future[AlreadyServed] = asyncio.get_running_loop().create_future()
    async with running(settings, superseded.set_result) as app:
        with socket.create_server(address, family=family, backlog=2048) as listener:
            config = uvicorn.Config(
                app,
                ssl_certfile=settings.tls_certificate,
                ssl_keyfile=settings.tls_key,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                interface="asgi3",
                http=speaking_for(app.device),
                limit_concurrency=_allow_connections(),
                timeout_graceful_shutdown=5,
            )
            # What is loaded by now stays; collecting it over and over would cost a tenth of the throughput.
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            server = _Server(config)
            host, port = listener.getsockname()[:2]
            scheme = "https" if config.is_ssl else "http"
            server.on_ready = partial(
                on_ready, f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
            )
            superseded.add_done_callback(server.end)
            await server.serve([listener])
    if server.interrupted:
        raise KeyboardInterrupt
    if superseded.done():
        raise superseded.result()


def _allow_connections() -> int | None:
    """As many connections as there may be open files, less what the verifier itself needs: past that, a 503 instead of
    a verifier that cannot open its own files any more."""
    if resource is None:
        return None
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 65536 if most == resource.RLIM_INFINITY else min(most, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return max(files - 256, files // 2)


class _Server(uvicorn.Server):
    """Says when it is ready, and ends in order: uvicorn's own would die of the signal with everything half done."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.on_ready: Callable[[], None] = _nothing
        self.interrupted = False

    def end(self, why: "asyncio.Future[AlreadyServed]") -> None:
        log.error("the database was taken over", detail=str(why.result()))
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)
        except NotImplementedError:  # Windows
            with super().capture_signals():
                yield
            return
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.interrupted = self.interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)


async def _kept_up(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a worker for good: an error in it is logged, and it starts again after a pause."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("worker failed")
            await asyncio.sleep(1)


def _nothing() -> None:
    """There is no network view to ask."""


def configure_logging(*, json: bool) -> None:
    """Structured logs on stderr: one JSON object a line, or coloured text for people."""
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # What libraries log goes the same way.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=processors,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
