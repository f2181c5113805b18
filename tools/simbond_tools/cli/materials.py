"""What is handed in to the operator: the verifier keeps its name and digest, never the file itself."""

import hashlib
from pathlib import Path

import click

from .common import read_input


def _digests(_context: click.Context, _option: click.Parameter, files: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"name": Path(file).name, "sha256": hashlib.sha256(read_input(file)).hexdigest()} for file in files]


material_option = click.option(
    "--material",
    "materials",
    metavar="FILE",
    multiple=True,
    callback=_digests,
    help="What was handed in; its name and SHA-256 are kept, the file stays here. May be given again.",
)
