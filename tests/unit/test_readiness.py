"""Who is ready, who is not, and what is said about it."""

import asyncio
import json
from pathlib import Path

import httpx

from simbond_verifier import fleet
from simbond_verifier.api.app import create_app
from simbond_verifier.api.operator import Services
from simbond_verifier.api.readiness import Readiness
from simbond_verifier.metrics import Metrics
from simbond_verifier.workers.keeper import Keeper
from support.attester import Attester
from support.verifier import desk
from support.workers import group_commit, until


class Failing:
    """A worker that fails as often as it is told to, and then works."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def run(self) -> None:
        if self.left:
            self.left -= 1
            raise OSError("broken pipe")
        await asyncio.Event().wait()


def test_a_worker_that_fails_starts_again_and_is_named_for_a_while() -> None:
    async def main() -> None:
        now = [100.0]
        metrics = Metrics()
        keeper = Keeper(metrics, lambda: now[0], pause_s=0.001)
        worker = Failing(2)
        async with keeper.at_work([worker.run]):
            await until(lambda: worker.left == 0, "two failures")
            assert keeper.failing() == ["failing"]
            now[0] += 11
            assert keeper.failing() == []
        assert metrics.registry.get_sample_value("simbond_worker_failures_total", {"worker": "failing"}) == 2
        assert keeper.failing() == ["failing"], "one that has ended is not at work"

    asyncio.run(main())


def test_ready_until_something_is_wrong(tmp_path: Path) -> None:
    async def main() -> None:
        with desk(tmp_path) as operator:
            meter = Attester(imei="861234050000010", iccid="89860012340000000001", imsi="460000000000001")
            operator.bind(meter)
            async with group_commit(operator.database) as writer:
                since = [writer.committed_at]
                keeper = Keeper(Metrics())
                readiness = Readiness(operator.database, writer, keeper, lambda: operator.now, lambda: since[0])
                assert set((await readiness.checks()).values()) == {"ok"}
                assert json.dumps(await readiness.checks())

                since[0] += 50
                assert "nothing was written for 50 s" in (await readiness.checks())["database"]
                before = writer.committed_at
                await writer.submit(lambda connection: None)
                assert writer.committed_at > before
                writer.committed_at = since[0]
                since[0] += 2
                assert (await readiness.checks())["database"] == "ok"

    asyncio.run(main())


def test_a_command_that_nobody_tries(tmp_path: Path) -> None:
    async def main() -> None:
        with desk(tmp_path) as operator:
            meter = Attester(imei="861234050000010", iccid="89860012340000000001", imsi="460000000000001")
            operator.bind(meter)
            operator.do(fleet.suspend, meter.iccid, reason="ticket 1", actor="olga")
            async with group_commit(operator.database) as writer:
                since = [writer.committed_at]
                readiness = Readiness(
                    operator.database, writer, Keeper(Metrics()), lambda: operator.now, lambda: since[0]
                )
                assert (await readiness.checks())["outbox"] == "ok"
                operator.now += 121
                since[0] += 2
                assert "is due for 121 s" in (await readiness.checks())["outbox"]

    asyncio.run(main())


def test_what_is_missing_is_said_and_keeps_nothing_out(tmp_path: Path) -> None:
    async def main() -> None:
        with desk(tmp_path) as operator:
            async with group_commit(operator.database) as writer:
                readiness = Readiness(operator.database, writer, Keeper(Metrics()), warnings=["notices lack a channel"])
                services = Services(
                    operator.database, writer, operator.scenarios, None, Metrics(), None, lambda: None  # type: ignore[arg-type]
                )  # fmt: skip
                transport = httpx.ASGITransport(create_app(services, readiness=readiness))
                async with httpx.AsyncClient(transport=transport, base_url="http://verifier.example") as client:
                    answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert answer.json()["warnings"] == ["notices lack a channel"]

    asyncio.run(main())
