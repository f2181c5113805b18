"""`simbond serve`: the verifier."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import structlog

from simbond_verifier.ingest.broker import CLIENT_ID, Broker, InvalidBroker
from simbond_verifier.logs import configure_logging
from simbond_verifier.policy import InvalidPolicy
from simbond_verifier.scenario import InvalidScenario
from simbond_verifier.server import serve as run
from simbond_verifier.settings import ConfigurationError, Settings
from simbond_verifier.store.errors import AlreadyServed, StoreError

from .common import LOCAL, Failure, database_option, json_option, print_json

log = structlog.get_logger("simbond.serve")

_STANDBY_S = 1.0
"""How often a standby tries to take over."""


@click.command()
@database_option
@click.option("--standby", is_flag=True, help="Wait while another verifier works on the database, and take over.")
@click.option(
    "--scenarios",
    type=click.Path(path_type=Path),
    default="scenarios",
    show_default=True,
    help="Folder of scenario files (docs/scenarios.md).",
)
@click.option("--policy", type=click.Path(path_type=Path), help="The operator's own rules (docs/policy.md).")
@click.option("--target", default="embedded:", show_default=True, help="Who bars cards: embedded: or osmo-hlr://HOST.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="0: any free one.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Private key, PEM.")
@click.option("--plain-http", is_flag=True, help="Listen beyond loopback without TLS, behind a proxy that has it.")
@click.option("--signing-key", type=click.Path(path_type=Path), help="Sign results and the ledger with this key, PEM.")
@click.option("--identity-key", type=click.Path(path_type=Path), help="Seal subscribers at rest (docs/privacy.md).")
@click.option("--log-identities", is_flag=True, help="Write subscribers' and devices' numbers into the log in full.")
@click.option("--mqtt", help="Take messages from this broker, too: mqtts://HOST[:PORT] (docs/mqtt.md).")
@click.option("--mqtt-user", help="User name at the broker; the password is in $SIMBOND_SERVE_MQTT_PASSWORD.")
@click.option("--mqtt-password-file", type=click.Path(path_type=Path), help="The password's file instead.")
@click.option("--mqtt-ca", type=click.Path(path_type=Path), help="Who vouches for the broker, PEM.")
@click.option("--mqtt-client-id", default=CLIENT_ID, show_default=True, help="The session at the broker.")
@click.option("--plain-mqtt", is_flag=True, help="Go to the broker without TLS beyond loopback.")
@json_option
def serve(
    db: str,
    standby: bool,
    scenarios: Path,
    policy: Path | None,
    target: str,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    plain_http: bool,
    signing_key: Path | None,
    identity_key: Path | None,
    log_identities: bool,
    mqtt: str | None,
    mqtt_user: str | None,
    mqtt_password_file: Path | None,
    mqtt_ca: Path | None,
    mqtt_client_id: str,
    plain_mqtt: bool,
    as_json: bool,
) -> None:
    """Runs the verifier until SIGINT or SIGTERM."""

    def ready(url: str) -> None:
        if as_json:
            print_json({"listening": url})
        else:
            click.echo(f"Listening on {url}")
        sys.stdout.flush()

    configure_logging(json=as_json or not sys.stderr.isatty(), identities=log_identities)
    try:
        broker = None
        if mqtt is not None:
            password = _password(mqtt_password_file)
            broker = Broker(
                mqtt, user=mqtt_user, password=password, ca=mqtt_ca, client_id=mqtt_client_id, plain=plain_mqtt
            )
        settings = Settings(
            database=db,
            scenarios=scenarios,
            target=target,
            host=host,
            port=port,
            tls_certificate=tls_cert,
            tls_key=tls_key,
            plain_http=plain_http,
            mqtt=broker,
            standby=standby,
            policy=policy,
            signing_key=signing_key,
            identity_key=identity_key,
        )
        _serve(settings, ready)
    except (ConfigurationError, InvalidScenario, InvalidPolicy, InvalidBroker, StoreError) as e:
        raise Failure("configuration", str(e), exit_code=LOCAL) from None
    except OSError as e:
        raise Failure("listen", f"Cannot serve on {host}:{port}: {e.strerror or e}.", exit_code=LOCAL) from None


def _serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Runs the verifier to its end; one that stands by waits until no other works on the database."""
    told = False
    while True:
        try:
            with _runner() as runner:
                runner.run(run(settings, ready))
        except AlreadyServed:
            if not settings.standby:
                raise
            if not told:
                log.info("stands by: another verifier works on the database")
            told = True
            time.sleep(_STANDBY_S)
        else:
            return


def _password(file: Path | None) -> str | None:
    """Never an option of its own: everybody on the machine can read a command line."""
    if file is None:
        return os.environ.get("SIMBOND_SERVE_MQTT_PASSWORD")
    try:
        return file.read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidBroker(f"--mqtt-password-file {file} cannot be read: {e}") from None


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ModuleNotFoundError:  # not on Windows
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
