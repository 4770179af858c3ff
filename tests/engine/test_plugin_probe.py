"""Plugins that would end, crash, hang or garble every command are named and set aside."""

import importlib
import json
import os
import subprocess
import sys
import time
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from capriccio import Generator, plugin_probe
from capriccio.plugin_probe import (
    contract_of,
    forget_failures,
    key_of,
    reasons_against,
    stdout_to_stderr,
)
from capriccio.registry import GROUP, Registry
from helpers.devices import ROOT, wait_for

GOOD = """
from capriccio import Generator, hookimpl
class Plasma(Generator):
    def generate(self, now, *, heat=0.5): return []
@hookimpl
def generators(): return [Plasma]
"""
SEGFAULT = "import ctypes; ctypes.string_at(0)"


@pytest.fixture(autouse=True)
def memory(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "capriccio" / "plugins-seen.json"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin's module and give its entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f"probed_{name}.py").write_text(text)
        importlib.invalidate_caches()
        return EntryPoint(name, f"probed_{name}", GROUP)

    yield write
    for name in [one for one in sys.modules if one.startswith("probed_")]:
        del sys.modules[name]


@pytest.fixture
def tried(monkeypatch):
    """The names of the plugins that a child was started for."""
    names = []
    real = plugin_probe._Child.__init__

    def begin(self, point):
        names.append(point.name)
        real(self, point)

    monkeypatch.setattr(plugin_probe._Child, "__init__", begin)
    return names


def reason(point, **times):
    return reasons_against([point], **times).get(key_of(point), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os; os._exit(3)", "ended the process with exit code 3 at import"),
        ("import os; os._exit(0)", "ended the process with exit code 0 at import"),
        ("import os; os.abort()", "ended the process with SIGABRT at import"),
        (SEGFAULT, "ended the process with SIGSEGV at import"),
        ("print('hello,', 'world')", "printed 'hello, world' at import, where programs read JSON"),
        ("import os; os.write(1, b'\\xff' * 99)", "printed '\ufffd\ufffd"),
        ("import ctypes; ctypes.CDLL(None).puts(b'C')", "printed 'C' at import"),
        (GOOD.replace("return [Plasma]", "import os; os._exit(1)"), "ended the process with exit"),
        (GOOD.replace("return [Plasma]", "print(1); return []"), "printed '1' at import"),
    ],
    ids=range(9),
)
def test_a_plugin_that_would_end_or_garble_a_command_is_named_with_the_reason(
    plugin, text, expected
):
    assert reason(plugin("bad", text)).startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(60)",
        "while True: pass",
        "import ctypes; ctypes.PyDLL(None).sleep(60)",  # which holds the interpreter
        "import subprocess, time; subprocess.Popen(['sleep', '3601.25']); time.sleep(60)",
    ],
    ids=range(4),
)
def test_a_plugin_that_does_not_load_in_time_is_ended_with_its_processes(plugin, text):
    begun = time.monotonic()
    assert reason(plugin("bad", text), seconds=1.0) == "had not loaded after 1 s"
    assert time.monotonic() - begun < 20
    wait_for(lambda: "sleep 3601.25" not in processes())


def processes() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "raise OSError('no device')",
        "import sys; sys.exit(3)",
        "import sys; print('a warning', file=sys.stderr)",
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
    ],
    ids=range(5),
)
def test_what_python_can_catch_is_left_to_the_registry(plugin, text):
    assert reason(plugin("fine", text)) == ""


def test_the_others_load_and_the_culprits_are_named(plugin):
    points = [
        plugin("ends", "import os; os._exit(3)"),
        plugin("crashes", SEGFAULT),
        plugin("prints", "print('hello')"),
        plugin("waves", GOOD),
        EntryPoint("lost", "no_such_module_anywhere", GROUP),
    ]
    found = Registry(points, probe=reasons_against)
    assert found.find(Generator, "plasma")
    reasons = {broken.plugin: broken.reason for broken in found.broken}
    assert reasons.keys() == {"ends", "crashes", "prints", "lost"}
    assert "exit code 3" in reasons["ends"] and "SIGSEGV" in reasons["crashes"]
    assert "No module named" in reasons["lost"]
    assert not {"probed_ends", "probed_crashes", "probed_prints"} & set(sys.modules)


def test_a_plugin_that_has_not_changed_is_not_tried_again(plugin, tried, tmp_path, memory):
    points = [plugin("waves", GOOD), plugin("ends", "import os; os._exit(3)")]
    first = reasons_against(points)
    assert sorted(tried) == ["ends", "waves"]
    written = memory.read_bytes()
    assert reasons_against(points) == first
    assert len(tried) == 2 and memory.read_bytes() == written
    os.utime(tmp_path / "probed_waves.py", (1, 1))  # installed again, but the same
    assert reasons_against(points) == first
    assert len(tried) == 2 and memory.read_bytes() != written
    plugin("ends", GOOD)
    assert reasons_against(points) == {}
    assert tried[2:] == ["ends"]


def test_a_change_in_any_file_of_code_in_a_package_counts_but_none_in_a_model(
    tmp_path, monkeypatch, tried
):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "probed_package"
    (package / "deep").mkdir(parents=True)
    for name in ("__init__.py", "deep/__init__.py", "deep/part.py", "model.onnx"):
        (package / name).write_text("")
    point = EntryPoint("deep", "probed_package.deep.part", GROUP)
    reasons_against([point])
    (package / "model.onnx").write_text("other weights")
    reasons_against([point])
    assert len(tried) == 1
    assert "probed_package" not in sys.modules
    (package / "deep" / "part.py").write_text("import os; os._exit(7)")
    assert "exit code 7" in reason(point)
    assert len(tried) == 2


def test_a_plugin_that_was_too_slow_is_tried_once_more_since_the_machine_may_have_been_busy(
    plugin, tried
):
    point = plugin("slow", "import time; time.sleep(60)")
    for _ in range(4):
        assert reason(point, seconds=0.2) == "had not loaded after 0.2 s"
    assert tried == ["slow", "slow"]
    plugin("slow", GOOD)
    assert reason(point) == ""


def test_what_has_no_files_is_tried_every_time_and_what_is_not_found_never(
    tmp_path, monkeypatch, tried
):
    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("probed_packed.py", "import os; os._exit(3)")
    monkeypatch.syspath_prepend(archive)
    point = EntryPoint("packed", "probed_packed", GROUP)
    assert "exit code 3" in reason(point) and "exit code 3" in reason(point)
    assert reason(EntryPoint("lost", "no_such_module_anywhere", GROUP)) == ""
    assert tried == ["packed", "packed"]


def test_a_plugin_that_was_set_aside_is_tried_again_once_that_is_asked_for(plugin, tried):
    points = [plugin("waves", GOOD), plugin("ends", "import os; os._exit(3)")]
    reasons_against(points)
    forget_failures()
    reasons_against(points)
    assert tried[2:] == ["ends"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 7}', b"\xff", b"[" * 99_999])
def test_a_memory_that_is_not_ours_is_replaced(plugin, tried, memory, content):
    memory.parent.mkdir(parents=True)
    memory.write_bytes(content)
    point = plugin("ends", "import os; os._exit(3)")
    assert "exit code 3" in reason(point)
    assert json.loads(memory.read_text()).keys() == {key_of(point)}
    assert os.name == "nt" or memory.stat().st_mode & 0o777 == 0o600


def test_without_a_place_for_the_memory_plugins_are_tried_every_time(plugin, tried, memory):
    memory.parent.parent.write_text("a file where the folder would be")
    point = plugin("waves", GOOD)
    assert reason(point) == reason(point) == ""
    assert tried == ["waves", "waves"]


def test_however_many_plugins_hang_the_search_ends(plugin, memory):
    points = [plugin(f"hangs{number}", "import time; time.sleep(60)") for number in range(12)]
    begun = time.monotonic()
    reasons = reasons_against(points, all_seconds=0.5)
    assert time.monotonic() - begun < 20
    assert set(reasons.values()) == {"was not tried, since others took 0.5 s to load"}
    assert len(reasons) == 12
    assert not memory.exists()  # they are tried next time


def test_the_engines_own_plugins_are_not_tried(tried):
    from importlib.metadata import entry_points

    own = [one for one in entry_points(group=GROUP) if one.dist.name == "capriccio"]
    assert reasons_against(own) == {}
    assert own and not tried


def test_what_is_printed_while_a_plugin_loads_goes_to_stderr(plugin, capfd):
    text = GOOD + "import os\nprint('words')\nos.write(1, b'bytes')\n"
    found = Registry([plugin("waves", text)])  # not tried before
    assert found.find(Generator, "plasma")
    said = capfd.readouterr()
    assert said.out == ""
    assert "words" in said.err and "bytes" in said.err
    print("after")
    assert capfd.readouterr().out == "after\n"


def test_without_a_standard_output_nothing_is_redirected():
    script = (
        "import os; os.close(1)\n"
        "from capriccio.plugin_probe import stdout_to_stderr\n"
        "with stdout_to_stderr(): print('words')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "words\n"
    with stdout_to_stderr():
        pass


@pytest.mark.parametrize(
    ("text", "contract"),
    [("CONTRACT = 2\n", 2), ("x = 1\nCONTRACT: int = 3", 3), ("# CONTRACT = 2", None), ("", None)],
)
def test_the_contract_is_read_without_importing_the_plugin(tmp_path, monkeypatch, text, contract):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / f"contracted{abs(hash(text))}"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("1 / 0")
    (package / "inner" / "__init__.py").write_text(f"1 / 0\n{text}")
    (package / "file.py").write_text(f"1 / 0\n{text}")
    assert contract_of(f"{package.name}.inner") == contract
    assert contract_of(f"{package.name}.file") == contract
    assert contract_of("nothing_of_this_name") is None
