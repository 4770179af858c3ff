"""The command `docs`."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from .site import MISSING, build_site, can_build, source_folder

SHIPPED = Path(__file__).parent / "site"
# The scripts of the theme know addresses elsewhere, for what our pages do not use: none is loaded.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:"
)


@click.command()
@click.option(
    "--build",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Build the site into this folder, which is replaced, instead of opening it.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port of this machine that serves it.  [default: one that is free]",
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
def docs(build: Path | None, port: int, no_browser: bool) -> None:
    """Open the documentation in a browser; it needs no network.

    \b
      capriccio docs
      capriccio docs --no-browser --port 8000
      capriccio docs --build site

    The site is served on this machine alone, until Ctrl-C. An installed Capriccio brings it; in a
    checkout it is built from docs/, which takes some seconds.
    """
    if build is not None:
        build_here(build)
        click.echo(f"{build}: {len(list(build.rglob('*.html')))} pages")
        return
    with contextlib.ExitStack() as stack:
        site = SHIPPED
        if source_folder() and (can_build() or not SHIPPED.is_dir()):
            site = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "site"
            click.echo("building the pages of this checkout …", err=True)
            build_here(site)
        elif not SHIPPED.is_dir():
            raise click.ClickException("this Capriccio was built without its documentation")
        server = stack.enter_context(serve(site, port))
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        click.echo(f"{address}  (Ctrl-C ends)")
        if not no_browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def build_here(out: Path) -> None:
    """Build the site of this checkout into `out`; raise ClickException where it cannot be."""
    source = source_folder()
    if source is None:
        raise click.ClickException("there is no folder docs/ beside this Capriccio to build from")
    if not can_build():
        raise click.ClickException(MISSING)
    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    if out.exists() and any(out.iterdir()) and not (out / "index.html").exists():
        raise click.ClickException(f"{str(out)!r} is a folder of something else")
    with tempfile.TemporaryDirectory() as place:
        built = Path(place) / "site"
        try:
            build_site(source, built, root, list_parts())
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(built, out)


def list_parts() -> list[dict]:
    """Return the parts that `capriccio parts --json` describes: knobs, models and their cards."""
    command = [sys.executable, "-m", "capriccio", "parts", "--json"]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(child.stdout)["parts"]


class _Pages(SimpleHTTPRequestHandler):
    """Serve files to browsers that have this machine's own name for it, and log nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Do nothing: a page is dozens of requests."""

    def end_headers(self) -> None:
        """Have the browser load nothing from elsewhere."""
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def do_GET(self) -> None:
        """Answer a request, unless another site's name leads here (DNS rebinding)."""
        if self.headers.get("Host", "").rpartition(":")[0] not in ("127.0.0.1", "localhost"):
            self.send_error(403)
            return
        super().do_GET()


def serve(site: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a folder, on this machine alone; raise ClickException without a port."""
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Pages, directory=str(site)))
    except OSError as error:
        raise click.ClickException(f"port {port} is taken: {error.strerror}") from error
