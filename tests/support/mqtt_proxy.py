"""A TCP proxy that knows where MQTT packets end, and cuts a connection where a test says."""

import asyncio
import threading
from collections.abc import Callable

from .mqtt_packets import Packet, read_packet

Passes = Callable[[int, bool, Packet], bool]
"""(which connection, from 0; whether the packet comes from the client; the packet) -> False: cut instead."""


class MqttProxy:
    """Runs in a thread between `with` and its end. port: where it listens on loopback."""

    def __init__(self, target: int, passes: Passes) -> None:
        """target: the port of a broker without TLS on loopback."""
        self.port = 0
        self.connections = 0
        self._target = target
        self._passes = passes
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> "MqttProxy":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._forward(number, True, reader, back)),
            asyncio.create_task(self._forward(number, False, there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            back.transport.abort()

    async def _forward(
        self, number: int, from_client: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while self._passes(number, from_client, packet := await read_packet(reader)):
            writer.write(packet.octets)
            await writer.drain()
