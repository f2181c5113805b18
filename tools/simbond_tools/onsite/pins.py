"""The verifier's public keys as this machine learnt them when it first fetched work orders. What they have not signed
is nobody's order, whoever put it into the folder later."""

import json
from pathlib import Path

from simbond_tools.i18n import _
from simbond_verifier.p256 import load_key
from simbond_verifier.signing_key import PublicKey

from . import durable
from .errors import FolderUnusable, NoBundle

FILE = "verifier-keys.json"


def read(folder: Path) -> tuple[PublicKey, ...]:
    """The keys. Raises NoBundle before the first fetch, FolderUnusable."""
    path = folder / FILE
    try:
        points = [bytes.fromhex(text) for text in json.loads(path.read_bytes())["keys"]]
        for point in points:
            load_key(point)
    except FileNotFoundError:
        raise NoBundle(
            _("No verifier is known in {folder}; run 'simbond work-orders fetch' where there is a network.").format(
                folder=folder
            )
        ) from None
    except OSError as e:
        raise FolderUnusable(_("Cannot read {path}: {why}.").format(path=path, why=e.strerror or e)) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FolderUnusable(
            _("{path} is damaged; remove it and fetch the work orders again.").format(path=path)
        ) from None
    return tuple(PublicKey(point) for point in points)


def write(folder: Path, keys: tuple[PublicKey, ...]) -> None:
    """Raises FolderUnusable."""
    durable.write(folder / FILE, json.dumps({"keys": [key.point.hex() for key in keys]}).encode() + b"\n")
