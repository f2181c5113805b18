"""Puts one verifier together: store, decisions, workers, and the ways in."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import time

import structlog
from sqlalchemy import Connection, insert, select

from . import notice, p256, traces
from . import policy as policies
from .api.app import Application, create_app
from .api.operator import Services
from .api.readiness import Readiness
from .enforcement import NetworkView, Target, from_url
from .enforcement.embedded import Embedded
from .ingest.decide import Decider
from .ingest.mqtt import MqttIngest
from .ingest.pipeline import Ingest
from .metrics import Metrics
from .observer import Observer
from .policy import Policy
from .radius.service import RadiusService
from .settings import ConfigurationError, Settings, load_scenarios
from .signing_key import SigningKey
from .store import identities, notices, recovery, scenarios_seen, sealing, signing_keys
from .store.database import Database
from .store.errors import AlreadyServed
from .store.group_commit import GroupCommit
from .store.schema import setting
from .store.signing_keys import Keyring
from .workers.corroborator import Corroborator
from .workers.deadlines import Deadlines
from .workers.keeper import Keeper
from .workers.network_poll import NetworkPoll
from .workers.outbox import Outbox
from .workers.reconciler import Reconciler
from .workers.retention import Retainer
from .workers.sequencer import Sequencer
from .workers.watch import Watch

log = structlog.get_logger("simbond.verifier")

_HANDOVER_S = 3.0
"""Until a verifier that takes over begins: the one before may need as long to notice that it lost the database, and to
end a call to the network (docs/adr/one-verifier.md)."""
_NONCE_SECRET = "nonce-secret"  # noqa: S105 - the name of the setting


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
    verifier took the database over. Raises StoreError, InvalidScenario, InvalidPolicy, ConfigurationError, and OSError
    when it cannot listen for RADIUS."""
    policy = Policy() if settings.policy is None else policies.read(settings.policy)
    scenarios, texts = load_scenarios(settings.scenarios)
    given = _signing_key(settings.signing_key)
    keyring = Keyring(given)
    async with AsyncExitStack() as stack:
        _trace(stack)
        database = Database(settings.database, alone=True)
        stack.callback(database.close)
        codec = identities.CLEAR if settings.identity_key is None else identities.read_key(settings.identity_key)
        identities.use(database.engine, codec)
        if settings.standby:
            await asyncio.sleep(_HANDOVER_S)
        writer = GroupCommit(database, on_superseded=on_superseded)
        metrics = Metrics()
        metrics.waiting.set_function(lambda: writer.waiting)
        embedded = Embedded(database, writer)
        target = _target(settings.target, embedded)
        stack.push_async_callback(target.close)
        with database.write() as connection:
            recovery.begin(connection, time())
            sealing.require(connection, codec)
            secret = nonce_secret(connection)
            signing_keys.load(connection, time(), given)
            scenarios_seen.note(connection, texts, at=time())
            notices.install(connection, policy, scenarios)
        log.info("signatures are checked by", library=p256.LIBRARY)
        gaps = notice.gaps(policy, scenarios)
        for gap in gaps:
            log.warning("notices", missing=gap)

        observer = Observer(writer, scenarios, policy, lambda: outbox.wake())
        view = target if isinstance(target, NetworkView) else None
        asked = embedded if target is embedded else None
        radius = None
        if policy.radius is not None:
            radius = RadiusService(policy.radius, database, writer, scenarios, observer.take, metrics.registry)
            target = radius.over(target)
        outbox = Outbox(database, writer, target, metrics)
        workers = [
            outbox.run,
            Deadlines(database, writer, scenarios, outbox.wake, policy=policy).run,
            Watch(database, writer, scenarios, policy, outbox.wake).run,
            Sequencer(database, writer, keyring).run,
            Retainer(database, writer, policy.retention).run,
            Reconciler(database, writer, target, outbox.wake).run,
        ]
        ask: Callable[[], None] = _nothing
        if view is not None:
            corroborator = Corroborator(database, writer, view, outbox.wake, policy=policy)
            workers.append(corroborator.run)
            workers.append(NetworkPoll(database, observer, view, target.name, policy.poll.per_second).run)
            ask = corroborator.wake
        ingest = Ingest(
            database,
            writer,
            Decider(scenarios, secret, policy, listens_since=time()),
            secret,
            metrics,
            on_accusation=ask,
            on_change=outbox.wake,
        )
        stack.callback(ingest.close)
        if settings.mqtt is not None:
            workers.append(MqttIngest(settings.mqtt, ingest, database, metrics).run)
        writer.start()
        stack.push_async_callback(writer.stop)
        if radius is not None:
            await stack.enter_async_context(radius.listening())
        keeper = Keeper(metrics)
        await stack.enter_async_context(keeper.at_work(workers))
        services = Services(
            database, writer, scenarios, ingest, metrics, asked, outbox.wake, keyring=keyring, policy=policy
        )
        readiness = Readiness(database, writer, keeper, warnings=_warnings(gaps))
        yield create_app(services, limits=policy.limits, readiness=readiness)


def _warnings(gaps: list[str]) -> list[str]:
    """What whoever asks whether it is ready is told without a token: the log names the scenarios."""
    if not gaps:
        return []
    return [f"notices lack remedy channel or materials in {len(gaps)} places: see [remedy] in the policy, and the log"]


def _trace(stack: AsyncExitStack) -> None:
    try:
        provider = traces.configure()
    except traces.TracesUnavailable as e:
        raise ConfigurationError(str(e)) from None
    if provider is not None:
        stack.callback(provider.shutdown)


def _target(url: str, embedded: Embedded) -> Target:
    try:
        return from_url(url, {"embedded": lambda _: embedded})
    except ValueError as e:
        raise ConfigurationError(f"--target: {e}") from None


def _signing_key(file: Path | None) -> SigningKey | None:
    if file is None:
        return None
    try:
        return SigningKey.from_pem(file.read_bytes())
    except (OSError, ValueError) as e:
        raise ConfigurationError(f"--signing-key {file}: {e}") from None


def _nothing() -> None:
    """There is no network view to ask."""
