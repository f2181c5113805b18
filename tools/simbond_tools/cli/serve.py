"""`simbond serve`: the verifier."""

import asyncio
import sys
from pathlib import Path

import click

from simbond_verifier.scenario import InvalidScenario
from simbond_verifier.server import ConfigurationError, Settings, configure_logging
from simbond_verifier.server import serve as run
from simbond_verifier.store.database import StoreError

from .common import LOCAL, Failure, json_option, print_json


@click.command()
@click.option(
    "--db",
    type=click.Path(path_type=Path),
    default="simbond.db",
    show_default=True,
    envvar="SIMBOND_DB",
    help="Database file.",
)
@click.option(
    "--scenarios",
    type=click.Path(path_type=Path),
    default="scenarios",
    show_default=True,
    help="Folder of scenario files (docs/scenarios.md).",
)
@click.option("--target", default="embedded:", show_default=True, help="Who bars cards: embedded: or osmo-hlr://HOST.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="0: any free one.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Private key, PEM.")
@click.option("--plain-http", is_flag=True, help="Listen beyond loopback without TLS, behind a proxy that has it.")
@json_option
def serve(
    db: Path,
    scenarios: Path,
    target: str,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    plain_http: bool,
    as_json: bool,
) -> None:
    """Runs the verifier until SIGINT or SIGTERM."""

    def ready(url: str) -> None:
        if as_json:
            print_json({"listening": url})
        else:
            click.echo(f"Listening on {url}")
        sys.stdout.flush()

    configure_logging(json=as_json or not sys.stderr.isatty())
    try:
        settings = Settings(db, scenarios, target, host, port, tls_cert, tls_key, plain_http)
        with _runner() as runner:
            runner.run(run(settings, ready))
    except (ConfigurationError, InvalidScenario, StoreError) as e:
        raise Failure("configuration", str(e), exit_code=LOCAL) from None
    except OSError as e:
        raise Failure("listen", f"Cannot serve on {host}:{port}: {e.strerror or e}.", exit_code=LOCAL) from None


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ModuleNotFoundError:  # not on Windows
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
