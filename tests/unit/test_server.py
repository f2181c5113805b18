"""What the assembled verifier answers, in this process and without a socket."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from simbond_verifier.assembly import running
from simbond_verifier.settings import Settings
from simbond_verifier.store import tokens
from simbond_verifier.store.database import Database
from simbond_verifier.store.tokens import Role
from support.verifier import NOW, SCENARIO


def ask(folder: Path, path: str, target: str) -> Any:
    """GET a path as a viewer; the answer."""

    async def session() -> Any:
        async with running(Settings(folder / "test.db", folder / "scenarios", target)) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path, headers={"authorization": f"Bearer {token}"})

    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "meter.toml").write_text(SCENARIO)
    database = Database(folder / "test.db")
    with database.write() as connection:
        token = tokens.create(connection, "equipment", Role.VIEWER, NOW)
    database.close()
    return asyncio.run(session())


@pytest.mark.parametrize(("target", "status"), [("embedded:", 404), ("osmo-hlr://127.0.0.1", 409)])
def test_the_embedded_table_speaks_only_where_it_is_the_target(tmp_path: Path, target: str, status: int) -> None:
    """With an HLR as the target, the empty table must not say that a suspended card may come in."""
    response = ask(tmp_path, "/v1/subscribers/460001234567890", target)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
