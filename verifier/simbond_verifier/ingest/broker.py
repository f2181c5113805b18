"""Which MQTT broker a verifier takes messages from, and who it is there."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from ..loopback import is_loopback

CLIENT_ID = "simbond-verifier"
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class InvalidBroker(ValueError):
    """The verifier cannot go to a broker like this; the message names the option to change."""


class Broker:
    """A broker, and how to get in: host, port, user, password, client_id, and tls, None where there is none."""

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
        client_id: str = CLIENT_ID,
        plain: bool = False,
    ) -> None:
        """url: mqtts://HOST[:PORT], or mqtt:// on loopback. ca: PEM of who vouches for the broker; None: whom this
        system trusts. client_id: names the session in which the broker keeps messages while the verifier is away: the
        same at every start, and another one for every other verifier. plain: connect without TLS beyond loopback.

        Raises InvalidBroker.
        """
        try:
            parts = urlsplit(url)
            port, host = parts.port, (parts.hostname or "").encode("idna").decode()
        except ValueError:
            parts, port, host = urlsplit(""), None, ""
        if parts.username is not None:
            raise InvalidBroker("--mqtt carries no user: everybody can read a command line. Give --mqtt-user.")
        if not host or parts.scheme not in _PORTS or parts.path.strip("/") or parts.query or parts.fragment:
            raise InvalidBroker(f"--mqtt is to be mqtts://HOST[:PORT], not {url}.")
        if parts.scheme == "mqtt" and not plain and not is_loopback(host):
            raise InvalidBroker(
                f"{host} is not loopback and mqtt:// has no TLS: the password would travel in the clear. "
                "Take mqtts://, or --plain-mqtt on a private network."
            )
        if password is not None and user is None:
            raise InvalidBroker("A password for the broker goes with a user: give --mqtt-user.")
        if not client_id:
            raise InvalidBroker("--mqtt-client-id is empty: without it the broker keeps nothing for the verifier.")
        self.host = host
        self.port = port or _PORTS[parts.scheme]
        self.tls = _context(ca) if parts.scheme == "mqtts" else None
        self.user = user
        self.password = password
        self.client_id = client_id


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as e:
        raise InvalidBroker(f"{ca} holds no certificates in PEM ({e}): --mqtt-ca names such a file.") from None
