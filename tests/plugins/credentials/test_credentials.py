"""Signed files are verified by the library's own reader, and broken by any change."""

import datetime
import json
from pathlib import Path

import numpy as np
import pytest
from capriccio_credentials.credentials import (
    MISSING,
    RECORD,
    WITHOUT_MODEL,
    algorithm_of,
    manifest_of,
    read_credentials,
    sign_file,
)
from PIL import Image

c2pa = pytest.importorskip("c2pa", reason=MISSING)
x509 = pytest.importorskip("cryptography.x509", reason=MISSING)

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402

PEM = serialization.Encoding.PEM
MADE = {"kind": "PNG", "sketch": "mine.py", "seed": 3, "models": {"pomona": "ab12"}}


def pem(key) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(PEM, form, serialization.NoEncryption())


def certificate_of(name: str, issuer: str, key, issuer_key, is_issuer: bool):
    """A certificate for tests, as the specification of C2PA wants it."""
    now = datetime.datetime.now(datetime.UTC)
    names = [
        x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, one)])
        for one in (name, issuer)
    ]
    usage = x509.KeyUsage(True, False, False, False, False, is_issuer, is_issuer, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_issuer, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
        .add_extension(usage, True)
    )
    if not is_issuer:
        purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, True)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(PEM)


@pytest.fixture(scope="module")
def identity():
    """A certificate chain, its private key, and the certificate of the issuer."""
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = certificate_of("Test issuer", "Test issuer", root, root, True)
    mine = certificate_of("Studio Test", "Test issuer", key, root, False)
    return mine + issuer, pem(key), issuer.decode()


@pytest.fixture
def picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture
def signed(picture, identity):
    out = picture.with_name("signed.png")
    chain, key, _ = identity
    sign_file(picture, out, MADE, certificate=chain, key=key, version="1.2")
    return out


def test_a_signed_picture_says_how_it_was_made_and_by_whom(signed):
    found = read_credentials(signed)
    assert found.state == "Valid" and not found.reasons
    assert found.signer == "Studio Test"
    assert found.record == {"sketch": "mine.py", "seed": 3, "models": {"pomona": "ab12"}}
    assert found.source.endswith("/trainedAlgorithmicMedia")


def test_the_pixels_stay_as_they_were(signed, picture):
    assert np.array_equal(np.asarray(Image.open(signed)), np.asarray(Image.open(picture)))


def test_a_signer_whose_issuer_is_trusted_is_trusted(signed, identity):
    assert read_credentials(signed, identity[2]).state == "Trusted"


def test_a_changed_picture_is_invalid(signed):
    data = bytearray(signed.read_bytes())
    data[data.rfind(b"IDAT") + 40] ^= 1
    signed.write_bytes(data)
    found = read_credentials(signed)
    assert found.state == "Invalid" and found.reasons == ["assertion.dataHash.mismatch"]


def test_a_changed_record_is_invalid(signed):
    data = signed.read_bytes()
    assert data.count(b"mine.py") == 1
    signed.write_bytes(data.replace(b"mine.py", b"your.py"))
    assert read_credentials(signed).state == "Invalid"


def test_a_file_can_be_signed_in_its_place(picture, identity):
    chain, key, _ = identity
    sign_file(picture, picture, MADE, certificate=chain, key=key, version="1.2")
    assert read_credentials(picture).state == "Valid"
    assert [file.name for file in picture.parent.iterdir()] == ["a.png"]


def test_a_picture_without_credentials_has_none(picture):
    assert read_credentials(picture) is None


def test_what_is_no_picture_is_reported(tmp_path, identity):
    chain, key, _ = identity
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"a\.png cannot be signed: "):
        sign_file(
            tmp_path / "a.png", tmp_path / "b.png", MADE, certificate=chain, key=key, version="1"
        )
    assert not (tmp_path / "b.png").exists()
    (tmp_path / "a.xyz").write_text("no picture")
    with pytest.raises(ValueError, match=r"a\.xyz cannot be read: "):
        read_credentials(tmp_path / "a.xyz")


def test_a_certificate_of_another_key_is_refused(picture, identity):
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    out = picture.with_name("b.png")
    with pytest.raises(ValueError, match=r"a\.png cannot be signed: "):
        sign_file(picture, out, MADE, certificate=identity[0], key=other, version="1")
    assert not out.exists()


def test_what_no_model_made_says_so():
    manifest = manifest_of(Path("a.png"), {"sketch": "a.py"}, "1.2")
    assert manifest["assertions"][0]["data"]["actions"][0]["digitalSourceType"] == WITHOUT_MODEL
    assert manifest["assertions"][1] == {"label": RECORD, "data": {"sketch": "a.py"}}
    assert json.dumps(manifest)


def test_the_algorithm_follows_from_the_key():
    assert algorithm_of(pem(ec.generate_private_key(ec.SECP384R1()))) == "es384"
    assert algorithm_of(pem(ed25519.Ed25519PrivateKey.generate())) == "ed25519"
    assert algorithm_of(pem(rsa.generate_private_key(65537, 2048))) == "ps256"
    with pytest.raises(ValueError, match=r"expected a key of P-256, P-384, P-521, RSA or Ed25519"):
        algorithm_of(pem(ec.generate_private_key(ec.SECP224R1())))


def test_a_key_that_cannot_be_read_is_reported():
    with pytest.raises(ValueError, match="expected a private key in PEM"):
        algorithm_of(b"hello")
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(ValueError, match="the private key has a password; expected one without"):
        algorithm_of(locked)
