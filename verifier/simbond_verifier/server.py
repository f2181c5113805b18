"""Puts one verifier together and runs it: database, group commit, workers, HTTP."""

import asyncio
import gc
import logging
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from sqlalchemy import Connection, insert, select
from starlette.types import ASGIApp

from .api.app import create_app
from .api.operator import Services
from .enforcement import NetworkView, from_url
from .enforcement.embedded import Embedded
from .ingest.decide import Decider
from .ingest.pipeline import Ingest
from .metrics import Metrics
from .scenario import InvalidScenario, Scenarios, parse
from .store.database import Database
from .store.group_commit import GroupCommit
from .store.schema import setting
from .workers.corroborator import Corroborator
from .workers.deadlines import Deadlines
from .workers.outbox import Outbox

log = structlog.get_logger("simbond.server")

_NONCE_SECRET = "nonce-secret"  # noqa: S105 - the name of the setting


class ConfigurationError(ValueError):
    """The server cannot start like this; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    """How a verifier is to run. Raises ConfigurationError when it must not."""

    database: Path
    scenarios: Path
    target: str = "embedded:"
    host: str = "127.0.0.1"
    port: int = 8443
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    plain_http: bool = False
    """Listen without TLS beyond loopback: only behind a proxy that has it."""

    def __post_init__(self) -> None:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigurationError("TLS takes both a certificate and its key: --tls-cert and --tls-key.")
        for path in (self.tls_certificate, self.tls_key):
            if path is not None and not path.is_file():
                raise ConfigurationError(f"{path} is no file; --tls-cert and --tls-key name PEM files.")
        if not self._is_loopback() and self.tls_certificate is None and not self.plain_http:
            raise ConfigurationError(
                f"{self.host} is not loopback and there is no TLS: Evidence and tokens would travel in the clear. "
                "Give --tls-cert and --tls-key, or --plain-http behind a proxy that has TLS."
            )

    def _is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


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
async def running(settings: Settings) -> AsyncIterator[ASGIApp]:
    """A verifier at work: its application, with the workers beside it. Raises StoreError, InvalidScenario,
    ConfigurationError."""
    scenarios = load_scenarios(settings.scenarios)
    database = Database(settings.database)
    writer = GroupCommit(database)
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
    """Runs a verifier until SIGINT or SIGTERM. on_ready is called with its URL once it listens."""
    async with running(settings) as app:
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        # What is loaded by now stays; collecting it over and over would cost a tenth of the throughput.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        await _Server(config, on_ready).serve()


class _Server(uvicorn.Server):
    """Tells where it listens, also when the port was left to the system."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as e:  # how uvicorn reports that it cannot listen
            raise e.__context__ or e from None
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self._on_ready(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")


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
