"""Serves one verifier over HTTP, until it is told to end."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog
import uvicorn

from .api.protocol import speaking_for
from .assembly import running
from .settings import Settings
from .store.errors import AlreadyServed

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

log = structlog.get_logger("simbond.server")


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
        self.on_ready: Callable[[], None] = lambda: None
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
