"""What a wheel holds, before it is installed."""

import hashlib
import zipfile

import pytest
from capriccio_packages.environment import PackageError
from capriccio_packages.wheel_file import check_models, read_wheel
from helpers.onnx_models import tiny
from helpers.wheels import make_wheel


def test_a_wheel_says_who_made_it_and_what_it_brings(tmp_path):
    path = make_wheel(tmp_path, files={"glow/fast.so": b"12", "glow/a.onnx": b"3"})
    wheel = read_wheel(path)
    assert (wheel.name, wheel.version, wheel.author) == ("capriccio-glow", "1.0", "Ada")
    assert (wheel.summary, wheel.plugins) == ("Paints one colour", ["glow"])
    assert (wheel.native, list(wheel.models)) == (["glow/fast.so"], ["glow/a.onnx"])
    assert wheel.models["glow/a.onnx"] == f"sha256:{hashlib.sha256(b'3').hexdigest()}"
    assert wheel.hash == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert wheel.bytes > 3


def test_a_package_without_a_plugin_brings_none(tmp_path):
    assert read_wheel(make_wheel(tmp_path, plugin="")).plugins == []


def test_what_is_no_wheel_is_named(tmp_path):
    bad = tmp_path / "a-1-py3-none-any.whl"
    bad.write_bytes(b"PK")
    with pytest.raises(PackageError, match=r"'a-1-py3-none-any.whl' is not a wheel: File is not a"):
        read_wheel(bad)
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("a.py", "")
    with pytest.raises(PackageError, match="is not a wheel: no METADATA"):
        read_wheel(bad)


def test_models_are_opened_and_their_cards_shown(tmp_path):
    model = tiny(card={"data": "skies", "licence": "CC0"})
    wheel = read_wheel(make_wheel(tmp_path, files={"glow/sky.onnx": model.SerializeToString()}))
    (line,) = check_models(wheel)
    assert line.startswith("model sky.onnx, 0.0 MB: skies, CC0")


@pytest.mark.parametrize("name", ["a.pkl", "a.pt", "a.ckpt"])
def test_formats_that_run_code_are_refused(tmp_path, name):
    wheel = read_wheel(make_wheel(tmp_path, files={f"glow/{name}": b"x"}))
    with pytest.raises(PackageError, match=f"holds 'glow/{name}': a file of this format runs code"):
        check_models(wheel)
    library = read_wheel(make_wheel(tmp_path, plugin="", files={f"glow/{name}": b"x"}))
    assert check_models(library) == []


def test_a_model_that_cannot_be_run_is_refused(tmp_path):
    wheel = read_wheel(make_wheel(tmp_path, files={"glow/a.onnx": b"x"}))
    with pytest.raises(PackageError, match=r"capriccio-glow 1.0: .*a.onnx"):
        check_models(wheel)
