"""`capriccio sign` and `verify`, on files that Capriccio has made."""

import json

import pytest
from capriccio_credentials import cli
from capriccio_credentials.credentials import MISSING, is_available
from helpers.command import PIECE, capriccio, error

from .test_credentials import identity  # noqa: F401

needs_library = pytest.mark.skipif(not is_available(), reason=MISSING)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A picture and a film of a small sketch."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "piece.py").write_text(PIECE)
    to = [f"--to=frames:{folder}/frames", f"--to=video:{folder}/film.mp4"]
    flags = ["--offline", "--seconds", "0.3", "--seed", "7", "--size", "64x64"]
    assert capriccio("run", folder / "piece.py", *flags, *to).exit_code == 0
    return folder


@pytest.fixture
def files(tmp_path, identity):  # noqa: F811
    """The options of a signer: certificate and key."""
    chain, key, root = identity
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "root.pem").write_text(root)
    return ["--certificate", tmp_path / "chain.pem", "--key", tmp_path / "key.pem"]


@needs_library
@pytest.mark.parametrize("name", ["frames/frame_00000.png", "film.mp4"])
def test_a_file_is_signed_and_verified_and_keeps_its_record(made, files, tmp_path, name):
    out = tmp_path / f"signed.{name.rpartition('.')[2]}"
    result = capriccio("sign", made / name, *files, "--out", out)
    assert result.output == f"{out}: signed\n"
    told = capriccio("verify", out)
    assert told.exit_code == 0
    assert told.output.startswith("valid: unchanged since it was signed")
    assert 'signed by "Studio Test"\nsketch: "piece.py"\nseed: 7\n' in told.output
    assert '/algorithmicMedia"' in told.output
    record = json.loads(capriccio("inspect", out, "--json").output)
    assert record["sketch"] == "piece.py"
    trusted = capriccio("verify", out, "--trust", tmp_path / "root.pem", "--json")
    assert json.loads(trusted.output)["state"] == "Trusted"


@needs_library
def test_a_changed_film_is_refused(made, files, tmp_path):
    out = tmp_path / "signed.mp4"
    assert capriccio("sign", made / "film.mp4", *files, "--out", out).exit_code == 0
    data = bytearray(out.read_bytes())
    data[data.rfind(b"mdat") + 100] ^= 1
    out.write_bytes(data)
    told = capriccio("verify", out)
    assert told.exit_code == 1
    assert told.output.startswith("invalid: changed since it was signed")
    assert "reason: assertion.bmffHash.mismatch" in told.output


@needs_library
def test_a_name_is_found_for_the_signed_file(made, files, tmp_path):
    picture = tmp_path / "mine.png"
    picture.write_bytes((made / "frames" / "frame_00000.png").read_bytes())
    capriccio("sign", picture, *files)
    assert (tmp_path / "mine-signed.png").exists()


@needs_library
def test_a_file_without_a_record_is_not_signed(files, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "bare.png")
    told = error("sign", tmp_path / "bare.png", *files)
    assert told == "'bare.png' has no provenance record; it was not made by Capriccio"
    assert error("verify", tmp_path / "bare.png") == "bare.png has no Content Credentials"


@needs_library
def test_a_key_that_is_none_is_reported(made, files, tmp_path):
    (tmp_path / "key.pem").write_text("hello")
    told = error("sign", made / "film.mp4", *files, "--out", tmp_path / "b.mp4")
    assert told.startswith("expected a private key in PEM")
    assert not (tmp_path / "b.mp4").exists()


def test_without_the_library_it_says_what_to_install(made, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "is_available", lambda: False)
    assert error("verify", made / "film.mp4") == MISSING
