"""A verifier's RADIUS on a desk's store, for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from simbond_verifier.observation import Observation
from simbond_verifier.policy import Radius
from simbond_verifier.radius.service import RadiusService
from simbond_verifier.store.group_commit import GroupCommit

from .nas import SECRET
from .verifier import Desk
from .workers import group_commit


class Booth:
    """A service at work. `seen` is what it reported; `full`, while set, is raised instead."""

    def __init__(self, desk: Desk, folder: Path, writer: GroupCommit, **options: Any) -> None:
        (folder / "secret").write_bytes(SECRET + b"\n")
        client = {"address": "127.0.0.0/8", "secret_file": folder / "secret", **options.pop("client", {})}
        section = {"auth_port": 0, "acct_port": 0, "clients": [client], **options}
        self.seen: list[Observation] = []
        self.full: Exception | None = None
        self.registry = CollectorRegistry()
        self.service = RadiusService(
            Radius.model_validate(section),
            desk.database,
            writer,
            desk.scenarios,
            self._observe,
            self.registry,
            lambda: desk.now,
        )
        self.auth = self.acct = 0

    async def _observe(self, seen: Observation) -> None:
        if self.full is not None:
            raise self.full
        self.seen.append(seen)

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"simbond_radius_{name}_total", labels) or 0.0


@asynccontextmanager
async def booth(desk: Desk, folder: Path, **options: Any) -> AsyncIterator[Booth]:
    """options: of the policy's [radius]; client: of its one client."""
    async with group_commit(desk.database) as writer:
        made = Booth(desk, folder, writer, **options)
        async with made.service.listening() as ports:
            made.auth, made.acct = ports
            yield made
