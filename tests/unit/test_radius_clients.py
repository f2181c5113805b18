"""Which gateway a packet is from, and the secret that goes with it."""

import pytest

from simbond_verifier.policy import InvalidPolicy, RadiusClient
from simbond_verifier.radius.clients import Clients


@pytest.fixture
def client(tmp_path):
    """Makes a line of a policy with a secret of its own."""

    def make(address, secret=None):
        file = tmp_path / f"secret-{address.replace('/', '-')}"
        file.write_text(secret or f"the secret of {address}\n")
        return RadiusClient(address=address, secret_file=file)

    return make


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("10.1.9.9", "10.1.0.0/16"),
        ("10.2.0.1", None),
        ("2001:db8::5", "2001:db8::/32"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", None),
    ],
)
def test_the_longest_prefix_counts(client, address, found):
    clients = Clients(map(client, ("10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "fe80::/64")))
    secret = (match := clients.find(address)) and match.secret.decode()
    assert secret == (found and f"the secret of {found}")


def test_an_address_is_there_once(client):
    with pytest.raises(InvalidPolicy, match="is there twice"):
        Clients([client("10.1.2.3"), client("10.1.2.3/32")])


def test_a_secret_that_is_soon_guessed_is_refused(client):
    with pytest.raises(InvalidPolicy, match="openssl rand"):
        Clients([client("10.1.2.3", "testing123\n")])


def test_a_secret_that_is_missing_is_named(tmp_path):
    with pytest.raises(InvalidPolicy, match="nowhere cannot be read: No such file"):
        Clients([RadiusClient(address="10.1.2.3", secret_file=tmp_path / "nowhere")])
