"""From a broker's deliveries to what is settled: each device's in order, whatever the store does meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from simbond_verifier.ingest import mqtt
from simbond_verifier.ingest.broker import Broker
from simbond_verifier.ingest.mqtt import MqttIngest
from simbond_verifier.ingest.mqtt_session import Delivery
from simbond_verifier.ingest.result import Result
from simbond_verifier.metrics import Metrics
from simbond_verifier.reasons import Tier
from simbond_verifier.store.database import Database
from simbond_verifier.store.group_commit import StoreBusy, StoreUnavailable

ONE, TWO = "0123456789abcdef", "fedcba9876543210"

Settled = list[tuple[int, str, bytes | None]]


class Session:
    """Takes the broker's place: settled has (mid, topic, answer) of what the broker is told."""

    def __init__(self, _broker: Any, _filters: Any, on_delivery: Callable[[Delivery], None], _connected: Any) -> None:
        self.deliver = on_delivery
        self.settled: Settled = []
        self._mid = 0

    async def run(self) -> None:
        await asyncio.Event().wait()

    def settle(self, delivery: Delivery, topic: str = "", answer: bytes | None = None) -> None:
        self.settled.append((delivery.mid, topic, answer))

    def send(self, device: str, message: bytes, kind: str = "evidence", *, again: bool = False) -> int:
        self._mid += 1
        self.deliver(Delivery(f"simbond/1/{device}/{kind}", message, again, 1, self._mid, 1))
        return self._mid


class Ingest:
    """Answers a message with itself, after what `does` says for it: exceptions to raise in turn, events to wait for."""

    def __init__(self) -> None:
        self.does: dict[bytes, list[Exception | asyncio.Event]] = {}
        self.taken: list[bytes] = []

    async def one(self, message: bytes) -> Result:
        self.taken.append(message)
        for step in list(self.does.get(message, [])):
            if isinstance(step, Exception):
                self.does[message].remove(step)
                raise step
            await step.wait()
        return Result(Tier.AFFIRMING, (), 60, message)

    def answer(self, result: Result) -> bytes:
        assert result.kid is not None
        return b"\xa4" + result.kid


def run(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    play: Callable[[Session, Ingest, Callable[[int], Coroutine[Any, Any, Settled]]], Coroutine[Any, Any, None]],
) -> Metrics:
    """play: gets the session, the ingest, and a coroutine that waits until so many messages are settled."""
    metrics = Metrics()
    database = Database(folder / "test.db")
    monkeypatch.setattr(mqtt, "_PAUSE_S", 0.001)
    monkeypatch.setattr(mqtt, "Session", Session)

    async def session() -> None:
        ingest = Ingest()
        intake = MqttIngest(Broker("mqtt://localhost"), ingest, database, metrics)  # type: ignore[arg-type]
        task = asyncio.create_task(intake.run())
        session: Session = intake._session  # type: ignore[assignment]

        async def settled(count: int) -> Settled:
            async with asyncio.timeout(10):
                while len(session.settled) < count:  # noqa: ASYNC110 - simpler than a condition
                    await asyncio.sleep(0)
            return session.settled

        try:
            await play(session, ingest, settled)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    try:
        asyncio.run(session())
    finally:
        database.close()
    return metrics


def count(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def test_one_device_waits_for_its_turn_and_no_other_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(session: Session, ingest: Ingest, settled: Any) -> None:
        gate = asyncio.Event()
        ingest.does[b"\xd2first"] = [gate]
        first, second = session.send(ONE, b"\xd2first"), session.send(ONE, b"\xd2second")
        other = session.send(TWO, b"\xd2other")
        assert await settled(1) == [(other, f"simbond/1/{TWO}/result", b"\xa4\xd2other")]
        assert b"\xd2second" not in ingest.taken
        gate.set()
        assert [mid for mid, _, _ in await settled(3)] == [other, first, second]

    run(tmp_path, monkeypatch, play)


def test_what_the_store_does_not_take_is_tried_again_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(session: Session, ingest: Ingest, settled: Any) -> None:
        ingest.does[b"\xd2first"] = [StoreBusy("busy"), StoreUnavailable("disk full"), StoreUnavailable("I/O error")]
        mids = [session.send(ONE, b"\xd2first"), session.send(ONE, b"\xd2second")]
        assert [mid for mid, _, _ in await settled(2)] == mids
        assert ingest.taken == [b"\xd2first"] * 4 + [b"\xd2second"]

    metrics = run(tmp_path, monkeypatch, play)
    assert count(metrics, "simbond_mqtt_retries_total") == 3
    assert count(metrics, "simbond_mqtt_messages_total", kind="evidence") == 2


def test_a_fault_of_ours_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(session: Session, ingest: Ingest, settled: Any) -> None:
        ingest.does[b"\xd2poison"] = [RuntimeError("a fault")]
        poison, next_one = session.send(ONE, b"\xd2poison"), session.send(ONE, b"\xd2next")
        assert await settled(2) == [(poison, "", None), (next_one, f"simbond/1/{ONE}/result", b"\xa4\xd2next")]
        assert ingest.taken == [b"\xd2poison", b"\xd2next"]

    metrics = run(tmp_path, monkeypatch, play)
    assert count(metrics, "simbond_mqtt_messages_total", kind="failed") == 1


@pytest.mark.parametrize(
    "topic",
    [
        *("", "simbond/1", f"simbond/2/{ONE}/evidence", f"simbond/1/{ONE}/result", f"simbond/1/{ONE[1:]}/evidence"),
        *(f"simbond/1/{ONE.upper()}/evidence", f"simbond/1/{ONE}/evidence\n", f"simbond/1/{ONE}/evidence/{'1' * 17}"),
        *(f"x/simbond/1/{ONE}/evidence", "simbond/1/٠١٢٣٤٥٦٧٨٩abcdef/evidence"),
    ],
)
def test_other_topics_are_settled_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str) -> None:
    async def play(session: Session, ingest: Ingest, settled: Any) -> None:
        session.deliver(Delivery(topic, b"\xd2", False, 1, 7, 1))
        assert await settled(1) == [(7, "", None)]
        assert ingest.taken == []

    assert count(run(tmp_path, monkeypatch, play), "simbond_mqtt_messages_total", kind="refused") == 1


def test_evidence_that_comes_again_and_was_never_kept_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(session: Session, ingest: Ingest, settled: Any) -> None:
        session.send(ONE, b"\xd2again", again=True)
        assert (await settled(1))[0][2] == b"\xa4\xd2again"
        assert ingest.taken == [b"\xd2again"]

    run(tmp_path, monkeypatch, play)
