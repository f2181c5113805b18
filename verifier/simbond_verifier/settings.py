"""How a verifier is to run, and the files that say so."""

from dataclasses import dataclass
from pathlib import Path

from .ingest.broker import Broker
from .loopback import is_loopback
from .scenario import InvalidScenario, Scenarios, parse


class ConfigurationError(ValueError):
    """The server cannot start like this; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    """How a verifier is to run. Raises ConfigurationError when it must not."""

    database: Path | str
    """A path, or a URL (docs/database.md)."""
    scenarios: Path
    target: str = "embedded:"
    host: str = "127.0.0.1"
    port: int = 8443
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    plain_http: bool = False
    """Listen without TLS beyond loopback: only behind a proxy that has it."""
    mqtt: Broker | None = None
    """Take messages from this broker, too."""
    standby: bool = False
    """The database is taken over from another verifier."""
    policy: Path | None = None
    """The operator's own rules (docs/policy.md)."""
    signing_key: Path | None = None
    """A PEM file with the key for results and tree heads, instead of the one in the database."""
    identity_key: Path | None = None
    """Subscribers are sealed at rest with this key (docs/privacy.md)."""

    def __post_init__(self) -> None:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigurationError("TLS takes both a certificate and its key: --tls-cert and --tls-key.")
        for path in (self.tls_certificate, self.tls_key):
            if path is not None and not path.is_file():
                raise ConfigurationError(f"{path} is no file; --tls-cert and --tls-key name PEM files.")
        if not is_loopback(self.host) and self.tls_certificate is None and not self.plain_http:
            raise ConfigurationError(
                f"{self.host} is not loopback and there is no TLS: Evidence and tokens would travel in the clear. "
                "Give --tls-cert and --tls-key, or --plain-http behind a proxy that has TLS."
            )


def load_scenarios(folder: Path) -> tuple[Scenarios, dict[str, str]]:
    """Reads every *.toml in a folder; the texts are by scenario. Raises InvalidScenario, also when there is none."""
    try:
        files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
        if not files:
            raise InvalidScenario(
                f"{folder} holds no scenario: write one (docs/scenarios.md), or name another folder with --scenarios"
            )
        texts = [path.read_text("utf-8") for path in files]
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidScenario(f"{folder}: {e}") from None
    loaded = [parse(text, str(path)) for path, text in zip(files, texts, strict=True)]
    return Scenarios(loaded), {scenario.name: text for scenario, text in zip(loaded, texts, strict=True)}
