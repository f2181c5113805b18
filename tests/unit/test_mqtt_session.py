"""The session with a broker: that it comes back, however it was lost."""

import asyncio
import socket
import struct
import time
from typing import Any

import pytest
from paho.mqtt import client as paho

from simbond_verifier.ingest.broker import Broker
from simbond_verifier.ingest.mqtt_session import Session

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() sends RST


def test_a_connection_that_is_lost_while_it_is_made_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that has no broker behind it accepts, and hangs up before anything was said."""
    create = paho.Client._create_socket

    def late(client: paho.Client) -> Any:
        made = create(client)
        time.sleep(0.2)  # the reset is here before CONNECT leaves
        return made

    monkeypatch.setattr(paho.Client, "_create_socket", late)

    async def story() -> None:
        twice = asyncio.Event()
        accepted = 0

        def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal accepted
            accepted += 1
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.close()
            if accepted == 2:
                twice.set()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        session = Session(Broker(f"mqtt://127.0.0.1:{port}"), ["a"], lambda _: None, lambda _: None)
        running = asyncio.create_task(session.run())
        async with server:
            await asyncio.wait_for(twice.wait(), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
