"""`capriccio doctor` checks everything, says what to install, and never fails itself."""

import importlib
import json
import os
import subprocess
import sys
import time

import pytest
from capriccio import registry
from capriccio.canvas.skia_library import load_skia
from capriccio.cli import doctor
from capriccio.cli.doctor import Check, examine
from capriccio.cli.main import main
from capriccio.devices.midi import ports
from capriccio.extras import install_command
from capriccio.midi_ports import JACK, open_client
from capriccio.registry import Broken, Found, Registry
from click.testing import CliRunner
from helpers.command import python
from helpers.devices import ROOT

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    """Have checks take their time: on a busy machine the process of the tests would be ended."""
    monkeypatch.setattr(doctor, "SECONDS", 600.0)


def named(name) -> Check:
    """Return the check of this name; only checks of its kind are run where they are known."""
    kind = name.partition(" ")[0]
    with pytest.MonkeyPatch.context() as patch:
        if kind in doctor.CHECKS:
            patch.setattr(doctor, "CHECKS", {kind: doctor.CHECKS[kind]})
        found = [check for check in examine() if check.name == name]
    assert len(found) == 1, f"{len(found)} checks called {name!r}"
    return found[0]


def record(folder, monkeypatch, *distributions):
    """Write the records of pip for these distributions, as if they were installed."""
    for name in distributions:
        records = folder / "site" / f"{name.replace('-', '_')}-1.0.dist-info"
        records.mkdir(parents=True)
        (records / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(folder / "site")


def test_everything_is_checked():
    names = {check.name.partition(" ")[0] for check in examine()}
    assert names >= {"capriccio", "plugins", "networks", "GPU", "screen", "MIDI", "video"}
    assert names >= {"training", "takes/", "timing"}


def test_every_check_is_in_one_of_three_states_and_what_is_broken_has_a_remedy():
    for check in examine():
        assert check.state in ("ok", "missing", "broken")
        assert check.found
        assert check.remedy or check.state != "broken"
        assert not (check.remedy and check.state == "ok")


def test_checking_leaves_no_file(folder):
    examine()
    assert list(folder.iterdir()) == []


# -- what it prints ---------------------------------------------------------------------------


def test_json_and_table_agree():
    result = CliRunner().invoke(main, ["doctor", "--json"])
    checks = json.loads(result.stdout)
    assert {tuple(check) for check in checks} == {("name", "state", "found", "remedy")}
    shown = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["doctor"]).stdout
    for check in checks:
        if check["name"] != "timing":
            assert check["found"] in shown
            assert check["remedy"] in shown


def test_what_is_missing_is_no_failure_but_what_is_broken_is(monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"moon": lambda: [Check("moon", "missing", "new moon")]})
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 0
    monkeypatch.setattr(doctor, "CHECKS", {"sun": lambda: [Check("sun", "broken", "burnt out")]})
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 1
    assert CliRunner().invoke(main, ["doctor", "--json"]).exit_code == 1


@pytest.mark.parametrize(
    "absent",
    [
        "onnxruntime",
        "pygame",
        "av",
        "numpy",
        "pluggy",
        "mido",
        "supriya_midi",
        "PIL",
        "rich",
        "torch",
        "onnxruntime pygame av numpy pluggy mido supriya_midi PIL rich "
        "torch onnx onnxscript safetensors",
    ],
)
def test_whatever_library_is_missing_the_doctor_still_reports(absent):
    """In a process of its own, since what is imported once stays imported."""
    code = (
        "import sys\n"
        f"for name in {absent!r}.split(): sys.modules[name] = None\n"
        "from capriccio.cli.main import main\n"
        "main(['doctor'])\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Traceback" not in child.stdout + child.stderr
    assert "timing" in child.stdout
    assert child.returncode in (0, 1)


@pytest.mark.parametrize(
    ("module", "check", "distribution"),
    [("av", "video", "av"), ("pygame", "screen", "pygame-ce")],
)
def test_a_library_that_does_not_load_is_broken_and_named(module, check, distribution, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    found = named(check)
    assert found.state == "broken"
    assert found.found.startswith("does not load: ")
    assert found.remedy == f"pip install --force-reinstall {distribution}"


def test_a_check_that_fails_is_reported_with_the_others(monkeypatch):
    def blind():
        yield Check("left", "ok", "sees")
        raise RuntimeError("the right one is shut")

    monkeypatch.setattr(
        doctor, "CHECKS", {"eyes": blind, "ear": lambda: [Check("ear", "ok", "hm")]}
    )
    assert [(check.name, check.state) for check in examine()] == [
        ("left", "ok"),
        ("eyes", "broken"),
        ("ear", "ok"),
    ]
    assert examine()[1].found == "RuntimeError: the right one is shut"


# -- what it finds ----------------------------------------------------------------------------


def test_two_builds_of_onnx_runtime_break_each_other(folder, monkeypatch):
    record(folder, monkeypatch, "onnxruntime", "onnxruntime-gpu")
    found = named("onnxruntime")
    assert found.state == "broken"
    assert found.found == "onnxruntime and onnxruntime-gpu are both installed and break each other"
    assert found.remedy == (
        "pip uninstall onnxruntime onnxruntime-gpu; pip install onnxruntime-gpu"
    )


def test_two_builds_of_pygame_break_each_other(folder, monkeypatch):
    record(folder, monkeypatch, "pygame", "pygame-ce")
    assert named("pygame").remedy == "pip uninstall pygame pygame-ce; pip install pygame-ce"


def test_a_package_that_pip_does_not_know_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda name: ["zither>=2", 'lute; extra == "train"'])
    assert named("zither") == Check("zither", "broken", "not installed", "pip install zither")
    assert "lute" not in [check.name for check in examine()]


def test_a_plugin_that_did_not_load_is_named_with_its_reason(monkeypatch):
    made = Registry([])
    made.broken.append(Broken("fog", "capriccio-fog", "1.0", "ImportError: no module 'mist'"))
    monkeypatch.setattr(registry, "installed", lambda: made)
    found = named("plugin fog")
    assert found.state == "broken"
    assert found.found == "ImportError: no module 'mist'"
    assert "capriccio-fog" in found.remedy


def test_where_no_plugin_may_load_the_variable_is_named(monkeypatch):
    monkeypatch.setattr(registry, "installed", lambda: Registry([], ""))
    found = named("plugins")
    assert (found.state, found.found) == ("missing", "none")
    assert "CAPRICCIO_PLUGINS" in found.remedy
    assert named("networks").state == "missing"
    assert "there is no model to try it with" in named("networks").found


def install_models(monkeypatch, *files):
    """Install one plugin with these models."""
    from capriccio import Generator

    class Brush(Generator):
        models = {file.stem: file for file in files}  # noqa: RUF012

    made = Registry([])
    made.found.append(Found(Brush, "brush", "capriccio-brush", "1.0"))
    monkeypatch.setattr(registry, "installed", lambda: made)


def test_a_model_is_really_run(folder, monkeypatch):
    onnx = pytest.importorskip("onnx")
    file = folder / "twice.onnx"
    value = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "twice", value[:1], value[1:])
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), file)
    install_models(monkeypatch, file)
    found = named("networks")
    assert found.state == "ok"
    assert "'twice' runs on " in found.found
    assert "cpu" in found.found.partition("runs on ")[2]

    node.op_type = "Nonsense"
    graph = onnx.helper.make_graph([node], "twice", value[:1], value[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), file)
    assert named("networks").state == "broken"
    assert "no model runs" in named("networks").found


def test_a_model_that_is_cut_off_or_gone_is_broken(folder, monkeypatch):
    (folder / "half.onnx").write_bytes(b"\x08\x0a\x12")
    install_models(monkeypatch, folder / "half.onnx", folder / "gone.onnx")
    assert named("model half").state == "broken"
    assert "cut off or damaged" in named("model half").found
    assert "no model file" in named("model gone").found


@pytest.mark.parametrize(
    ("driver", "card", "known", "runs", "state", "words"),
    [
        ("", False, ["cuda", "cpu"], ["cpu"], "missing", "models run on the CPU"),
        ("", True, ["cuda", "cpu"], ["cpu"], "missing", "an NVIDIA card, but no driver"),
        ("driver 1", True, ["cpu"], ["cpu"], "missing", "this build of ONNX Runtime has no CUDA"),
        ("driver 1", True, ["cuda", "cpu"], ["cpu"], "missing", "CUDA does not start: no cudnn"),
        ("driver 1", True, ["cuda", "cpu"], ["cuda", "cpu"], "ok", "driver 1; models run on cuda"),
        ("", False, ["dml", "cpu"], ["dml", "cpu"], "ok", "models run on dml"),
    ],
)
def test_why_models_do_not_run_on_the_gpu_is_reported(
    driver, card, known, runs, state, words, monkeypatch
):
    monkeypatch.setattr(doctor, "_nvidia_driver", lambda: driver)
    monkeypatch.setattr(doctor, "_nvidia_card", lambda: card)
    found = doctor._gpu(known, runs, ["no cudnn"])
    assert found.state == state
    assert words in found.found
    assert bool(found.remedy) == (state == "missing" and (card or bool(driver)))


def test_without_a_display_it_says_how_to_get_one():
    found = named("screen")
    assert found.state == "missing"
    assert found.found == "no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
    assert "desktop session" in found.remedy


@pytest.mark.system
def test_a_display_is_listed_with_its_size_and_driver(display):
    assert named("screen") == Check("screen", "ok", "display 0 'screen' (800x600) through x11")


def test_without_midi_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(ports, "systems", list)
    found = named("MIDI")
    assert found.state == "missing"
    assert found.found == "no MIDI system answers (tried nothing)"


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [("libasound.so.2: cannot open shared object file", "ALSA's library"), ("bad", "pip install")],
)
def test_a_midi_library_that_does_not_load_is_missing_and_the_rest_plays(
    monkeypatch, trouble, remedy
):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "supriya_midi":
                raise ImportError(trouble)

    monkeypatch.delitem(sys.modules, "supriya_midi", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    found = named("MIDI")
    assert found.state == "missing"
    assert found.found == f"no MIDI: supriya-midi does not load: {trouble}"
    assert remedy in found.remedy


@pytest.fixture
def jack_only(jack, monkeypatch):
    """A JACK server, as the only MIDI system."""
    monkeypatch.setattr(ports, "systems", lambda: [JACK])


@pytest.mark.system
def test_midi_ports_are_listed_with_their_system(jack_only):
    assert "nothing connected to Jack" in named("MIDI out").found
    assert named("MIDI in").state == "missing"
    organ, keys = (open_client(kind, JACK, "rtmidi") for kind in ("input", "output"))
    organ.open_virtual_port("organ")
    keys.open_virtual_port("keys")
    try:
        assert named("MIDI out").state == named("MIDI in").state == "ok"
        assert "organ' through Jack" in named("MIDI out").found
        assert "keys' through Jack" in named("MIDI in").found
    finally:
        organ.delete()
        keys.delete()


def test_what_to_install_is_named_as_the_system_calls_it(monkeypatch):
    monkeypatch.setattr(
        doctor.platform,
        "freedesktop_os_release",
        lambda: {"ID": "mint", "ID_LIKE": "ubuntu debian"},
    )
    assert "apt install" in named("screen").remedy
    monkeypatch.setattr(doctor.platform, "freedesktop_os_release", lambda: {"ID": "arch"})
    assert "apt" not in named("screen").remedy


def test_training_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    found = named("training")
    assert found.state == "missing"
    assert "torch" in found.found
    assert found.remedy == install_command("train")


def test_training_names_the_plugins_that_can_be_trained():
    pytest.importorskip("torch")
    found = named("training")
    assert found.state == "ok"
    assert found.found.endswith("; for critic, draw, gan, rnn, strokes, vae, write")


def test_a_plugin_whose_training_lacks_a_module_is_broken(install, tmp_path):
    install(loom="")
    (package,) = (tmp_path / "plugins").iterdir()
    (package / "training").mkdir()
    (package / "training" / "__init__.py").touch()
    (package / "training" / "main.py").write_text("import torch\nfrom . import networks, weft\n"
                                                  "from .networks import Loom\n")  # fmt: skip
    importlib.invalidate_caches()
    assert named("training loom") == Check(
        "training loom",
        "broken",
        f"training loom needs {package.name}.training.networks, which cannot be imported",
        "install its plugin again",
    )


def test_checking_the_training_imports_no_torch():
    code = (
        "import sys\n"
        "from capriccio.cli import doctor\n"
        "print([check.name for check in doctor.CHECKS['training']()], 'torch' in sys.modules)\n"
    )
    assert python("-c", code).stdout == "['training'] False\n"


def test_a_place_where_no_take_can_be_written_is_broken(folder):
    (folder / "takes").touch()
    found = named("takes/")
    assert found.state == "broken"
    assert str(folder / "takes") in found.found


def test_a_full_disk_is_reported(monkeypatch):
    monkeypatch.setattr(doctor, "MIN_FREE_GB", 1e9)
    found = named("takes/")
    assert found.state == "missing"
    assert "GB are free" in found.found
    assert found.remedy.startswith("free ")


def test_a_machine_whose_sleeps_end_late_is_reported(monkeypatch):
    from capriccio import clock

    monkeypatch.setattr(clock, "SPIN_SECONDS", 1.0)
    assert named("timing").state == "ok"
    monkeypatch.setattr(clock, "SPIN_SECONDS", -1.0)
    assert named("timing").state == "missing"
    assert named("timing").remedy


# -- what hangs -------------------------------------------------------------------------------

HANGING = """
import ctypes, sys, time
from capriccio.cli import doctor
from capriccio.cli.main import main
doctor.SECONDS, doctor.PRINT_SECONDS = 0.5, AFTER
doctor.CHECKS = {"sun": lambda: [doctor.Check("sun", "ok", "shines")], "moon": lambda: HANG,
                 "stars": list}
main(["doctor", *sys.argv[1:]])
"""


@pytest.mark.parametrize(
    ("hang", "is_told"),
    [("time.sleep(60)", True), ("ctypes.PyDLL(None).sleep(60)", False)],
    ids=["in Python", "in C that holds the interpreter"],
)
def test_what_is_known_is_printed_where_a_check_hangs(hang, is_told):
    code = HANGING.replace("HANG", hang).replace("AFTER", "30.0" if is_told else "0.5")

    def call(*words):
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
            capture_output=True,
            text=True,
            timeout=120,
        )

    done = call("--json")
    assert done.returncode == (not is_told)
    if is_told:
        found = [(check["name"], check["state"]) for check in json.loads(done.stdout)]
        assert found == [("sun", "ok"), ("moon", "missing")]
        assert "moon: had not ended after 0.5 s; not checked: stars" in call().stdout
    else:
        assert "Timeout" in done.stderr and "<lambda>" in done.stderr  # names the culprit


# -- plugins that take every command down -----------------------------------------------------

CULPRITS = {
    "ends": ("import os; os._exit(3)", "ended the process with exit code 3 at import"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "ended the process with SIGSEGV at import"),
    "prints": ("print('{}')", "printed '{}' at import, where programs read JSON"),
    "sleeps": ("import time; time.sleep(600)", "had not loaded after 5 s"),
}
# Without the limit of `doctor`, which a busy machine may reach.
PATIENT = "from capriccio.cli import doctor, main; doctor.SECONDS = 300; main.main()"


@pytest.mark.slow
def test_a_plugin_that_would_take_every_command_down_is_named_and_set_aside(folder):
    for name, (text, _) in CULPRITS.items():
        (folder / f"culprit_{name}.py").write_text(text)
        records = folder / f"culprit_{name}-1.0.dist-info"
        records.mkdir()
        (records / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (records / "entry_points.txt").write_text(f"[capriccio]\n{name} = culprit_{name}\n")
    path = os.pathsep.join([str(ROOT / "engine"), str(ROOT / "plugins"), str(folder)])
    home = {**os.environ, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(folder / "home")}

    def call(*words):
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", PATIENT, *words], env=home, capture_output=True, text=True
        )
        return json.loads(done.stdout), time.monotonic() - begun

    checks, lasted = call("doctor", "--json")
    assert lasted < 300  # not as long as one of them sleeps
    found = {check["name"]: check["found"] for check in checks if check["state"] == "broken"}
    assert {f"plugin {name}": reason for name, (_, reason) in CULPRITS.items()}.items() <= (
        found.items()
    )
    described, lasted = call("parts", "--json")
    assert lasted < 300  # only what sleeps was tried once more
    assert {one["plugin"]: one["reason"] for one in described["broken"]} == {
        name: reason for name, (_, reason) in CULPRITS.items()
    }
    assert any(part["name"] == "screen" for part in described["parts"])
    (folder / "culprit_prints.py").write_text("")
    described, _ = call("parts", "--json")
    assert "prints" not in [one["plugin"] for one in described["broken"]]


def test_what_a_canvas_needs_is_named(monkeypatch):
    assert named("canvas").state == "ok"
    monkeypatch.setitem(sys.modules, "skia", None)
    load_skia.cache_clear()
    found = named("canvas")
    load_skia.cache_clear()
    assert found.state == "missing"
    assert found.found.startswith("a canvas needs skia-python: ")
    assert "pip install skia-python" in found.remedy
