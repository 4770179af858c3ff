"""Signs files with Content Credentials (C2PA), and reads them, by the library c2pa-python."""

import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

MISSING = 'files are signed by c2pa-python; install it with: pip install "capriccio[c2pa]"'
# Terms of the IPTC (cv.iptc.org/newscodes/digitalsourcetype): with a trained model, and without.
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
WITHOUT_MODEL = f"{SOURCES}algorithmicMedia"
RECORD = "org.capriccio.record"
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
# What a reader of the library calls the state of a file, and what that means.
STATES = {
    "Trusted": "unchanged since it was signed, by someone whose issuer is trusted here",
    "Valid": "unchanged since it was signed; who signed is not vouched for by anybody trusted here",
    "Invalid": "changed since it was signed, or not signed as it should be",
}


class Credentials(NamedTuple):
    """What the credentials of a file say, and whether that can be believed.

    Attributes:
        state: "Trusted", "Valid" or "Invalid"; see `STATES`.
        signer: the organisation of the certificate.
        record: how the file was made, as `capriccio inspect --json` says it.
        source: the IPTC digital source type.
        reasons: of an invalid file, what the library found.
    """

    state: str
    signer: str
    record: dict[str, Any]
    source: str
    reasons: list[str]


def is_available() -> bool:
    """Return whether c2pa-python is installed."""
    return find_spec("c2pa") is not None


def algorithm_of(key: bytes) -> str:
    """Return the name of the signature algorithm that a private key, in PEM, is for.

    Raises:
        ValueError: it is no such key, or it needs a password.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise ValueError("the private key has a password; expected one without") from None
    except ValueError as error:
        raise ValueError(f"expected a private key in PEM, {error}") from None
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in CURVES:
        return CURVES[private.curve.name]
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ValueError("expected a key of P-256, P-384, P-521, RSA or Ed25519")


def manifest_of(file: Path, record: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what is signed: by what, that a model took part or none, and how it was made."""
    record = {key: value for key, value in record.items() if key not in ("kind", "source")}
    record_source = SOURCES + "trainedAlgorithmicMedia" if record.get("models") else WITHOUT_MODEL
    action = {"action": "c2pa.created", "digitalSourceType": record_source}
    return {
        "claim_generator_info": [{"name": "Capriccio", "version": version}],
        "title": file.name,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {"label": RECORD, "data": record},
        ],
    }


def sign_file(
    file: Path,
    out: Path,
    record: dict[str, Any],
    *,
    certificate: bytes,
    key: bytes,
    version: str,
    timestamp: str = "",
) -> None:
    """Write `file` with signed credentials to `out`, as a whole or not at all.

    Args:
        file: a picture, film or sound of a kind that the library knows.
        out: may be the same file.
        record: how it was made.
        certificate: a chain in PEM, that of the signer first.
        key: its private key in PEM, without a password.
        version: of Capriccio.
        timestamp: the address of a time authority, which is asked over the network; "" asks none.

    Raises:
        ValueError: key, certificate or file cannot be used, and why.
    """
    import c2pa

    info = c2pa.C2paSignerInfo(
        alg=algorithm_of(key).encode(),
        sign_cert=certificate,
        private_key=key,
        ta_url=timestamp.encode() if timestamp else None,
    )
    manifest = json.dumps(manifest_of(file, record, version))
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".sign-") as folder:
        signed = Path(folder) / f"signed{file.suffix.lower()}"
        try:
            with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest) as builder:
                builder.sign_file(file, signed, signer)
        except c2pa.C2paError as error:
            raise ValueError(f"{file.name} cannot be signed: {error}") from error
        os.replace(signed, out)


def read_credentials(file: Path, trusted: str = "") -> Credentials | None:
    """Return the credentials of a file, verified by the library's own reader; None without any.

    Args:
        file: of any kind that the library knows.
        trusted: certificates in PEM of issuers that are trusted.

    Raises:
        ValueError: it cannot be read.
    """
    import c2pa

    settings: dict[str, Any] = {"verify": {"verify_trust": True, "remote_manifest_fetch": False}}
    if trusted:
        settings["trust"] = {"trust_anchors": trusted}
    try:
        context = c2pa.Context(settings=c2pa.Settings.from_dict(settings))
        with c2pa.Reader(file, context=context) as reader:
            state, found = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return None
        raise ValueError(f"{file.name} cannot be read: {error}") from error
    manifest = found["manifests"][found["active_manifest"]]
    data = {one["label"]: one["data"] for one in manifest.get("assertions", [])}
    actions = data.get("c2pa.actions.v2", {}).get("actions", [{}])
    failures = found.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return Credentials(
        str(state),
        str(manifest.get("signature_info", {}).get("issuer", "")),
        data.get(RECORD, {}),
        str(actions[0].get("digitalSourceType", "")),
        [one["code"] for one in failures if one["code"] != "signingCredential.untrusted"],
    )
