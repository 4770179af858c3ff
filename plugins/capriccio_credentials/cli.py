"""The commands `sign` and `verify`."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from .credentials import MISSING, STATES, is_available, read_credentials, sign_file

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--certificate",
    type=FILE,
    required=True,
    metavar="PEM",
    help="Your certificate, then those that issued it.",
)
@click.option(
    "--key", type=FILE, required=True, metavar="PEM", help="Its private key, without a password."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the signed file goes.  [default: FILE with -signed behind its name]",
)
@click.option(
    "--timestamp",
    default="",
    metavar="URL",
    help="A time authority to ask, over the network; without it nothing is sent.",
)
def sign(file: Path, certificate: Path, key: Path, out: Path | None, timestamp: str) -> None:
    """Sign FILE, a picture or film of Capriccio, with Content Credentials (C2PA).

    \b
      capriccio sign mine.mp4 --certificate chain.pem --key key.pem

    What is signed says which sketch, models and versions made it, as capriccio inspect shows, and
    whether a trained model took part. A change of the file breaks the signature.
    """
    _need_library()
    out = out or file.with_stem(f"{file.stem}-signed")
    try:
        sign_file(
            file,
            out,
            record_of(file),
            certificate=certificate.read_bytes(),
            key=key.read_bytes(),
            version=version("capriccio"),
            timestamp=timestamp,
        )
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: signed")


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--trust", type=FILE, metavar="PEM", help="Certificates of issuers that you trust, for this."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def verify(file: Path, trust: Path | None, as_json: bool) -> None:
    """Verify the Content Credentials (C2PA) of FILE, and show what they say.

    \b
      capriccio verify mine-signed.mp4

    The exit code is 1 where the file was changed since it was signed, or has no credentials.
    """
    _need_library()
    try:
        found = read_credentials(file, trust.read_text() if trust else "")
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if found is None:
        raise click.ClickException(f"{file.name} has no Content Credentials")
    if as_json:
        click.echo(json.dumps(found._asdict(), indent=2))
    else:
        meaning = STATES.get(found.state, "of a state that is not known here")
        click.echo(f"{found.state.lower()}: {meaning}")
        click.echo(f"signed by {json.dumps(found.signer, ensure_ascii=True)}")
        for name in ("sketch", "seed", "models"):
            if name in found.record:
                click.echo(f"{name}: {json.dumps(found.record[name], ensure_ascii=True)[:400]}")
        if found.source:
            click.echo(f"source: {json.dumps(found.source)}")
        for reason in found.reasons:
            click.echo(f"reason: {reason}")
    if found.state not in ("Valid", "Trusted"):
        raise SystemExit(1)


def record_of(file: Path) -> dict[str, Any]:
    """Return what `capriccio inspect` says of a file; raise ClickException without a record."""
    command = [sys.executable, "-m", "capriccio", "inspect", str(file), "--json"]
    child = subprocess.run(command, capture_output=True, text=True)
    if child.returncode:
        raise click.ClickException(child.stderr.strip().removeprefix("Error: "))
    record: dict[str, Any] = json.loads(child.stdout)
    return record


def _need_library() -> None:
    if not is_available():
        raise click.ClickException(MISSING)
