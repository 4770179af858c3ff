"""The rules of the house, read from the syntax trees: who imports whom, and what nobody does."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.devices import ROOT

ENGINE = ROOT / "engine" / "capriccio"
PLUGINS = ROOT / "plugins"
TESTS = ROOT / "tests"

# Each module stands on a floor and imports from the floors below it alone. A new module is
# given its floor here. Modules of one floor do not know one another, but for those in a package.
FLOORS = {
    7: ["cli", "__main__"],
    6: ["hands", "again", "bench_stage", "teaching"],
    5: ["sketch", "scaffold", "listing", "doctor", "bench", "terminal", "reload"],
    4: ["registry", "stage", "devices", "panel"],
    3: ["hookspecs", "take", "recorder", "training", "svgfile"],
    2: ["media", "inference", "onnxfile", "parameters", "listening", "recipe", "imagefile"],
    1: ["clock", "errors"],
    0: ["tempo", "plugging"],
}
FLOOR = {module: floor for floor, modules in FLOORS.items() for module in modules}
# The two places where a neighbour is needed, each for one name.
NEIGHBOURS = {("__main__", "cli"), ("inference", "onnxfile")}
TRAINERS = {"train.py", "evaluate.py"}  # what they share is offered to trainers and their judges
BESIDE = "testing"  # imports from every floor, and is imported by tests alone
TOP = {"pyproject.toml", "README.md", "engine", "plugins", "tests", "sketches", "docs"}
TOP_TOO = {"LICENSE", "constraints.txt"}
TRAINING = {"torch", "onnx", "onnxscript", "safetensors"}


def files(*folders: Path) -> list[Path]:
    found = [file for folder in folders for file in folder.rglob("*.py")]
    return sorted(file for file in found if "build" not in file.parts)


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


ENGINE_FILES = files(ENGINE)
PLUGIN_FILES = files(PLUGINS)
SKETCH_FILES = files(ROOT / "sketches")
PACKAGE_FILES = files(ROOT / "docs")
CODE = ENGINE_FILES + PLUGIN_FILES + SKETCH_FILES + PACKAGE_FILES
every_file = pytest.mark.parametrize("file", CODE, ids=name_of)


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(file: Path) -> list[str]:
    """Give the full dotted names that a file imports, wherever it does."""
    names = []
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = package_of(file)[: len(package_of(file)) - node.level + 1]
                base = ".".join([*package, *([base] if base else [])])
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


def package_of(file: Path) -> list[str]:
    for source in (ROOT / "engine", PLUGINS):
        if file.is_relative_to(source):
            return list(file.parent.relative_to(source).parts)
    return []


def engine_module(name: str) -> str | None:
    """Give the module of the engine that an imported name is or lies in, if it is one."""
    first, _, rest = name.partition(".")
    if first != "capriccio":
        return None
    module = rest.partition(".")[0]
    known = {file.stem for file in ENGINE_FILES} | {file.parent.name for file in ENGINE_FILES}
    return module if module in known and module != "capriccio" else ""


# -- the floors -------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ENGINE_FILES, ids=name_of)
def test_a_module_imports_only_what_stands_below_it(file):
    parts = file.relative_to(ENGINE).with_suffix("").parts
    module = parts[0]
    if module in (BESIDE, "__init__"):
        return
    assert module in FLOOR, f"{module} has no floor; give it one in {Path(__file__).name}"
    for name in imports(file):
        other = engine_module(name)
        if not other or other == module or (module, other) in NEIGHBOURS:
            continue
        assert FLOOR.get(other, 9) < FLOOR[module], (
            f"{module} (floor {FLOOR[module]}) imports {other} (floor {FLOOR.get(other)})"
        )


def test_the_package_imports_nothing_by_itself():
    assert imports(ENGINE / "__init__.py") == ["importlib.import_module"]


def test_the_kit_is_imported_by_tests_alone():
    for file in ENGINE_FILES + PLUGIN_FILES + SKETCH_FILES:
        if file.parent.name != BESIDE:
            assert BESIDE not in [engine_module(name) for name in imports(file)], name_of(file)


@pytest.mark.parametrize("file", PLUGIN_FILES + SKETCH_FILES + PACKAGE_FILES, ids=name_of)
def test_plugins_and_sketches_import_public_names_and_never_each_other(file):
    from capriccio import __all__ as public

    offered = {f"capriccio.{name}" for name in public}
    package = file.relative_to(PLUGINS).parts[0] if file.is_relative_to(PLUGINS) else ""
    for name in imports(file):
        first, *rest = name.split(".")
        if first == "capriccio":
            module = rest[0] if rest else ""
            allowed = (
                name in offered
                or name == "capriccio"
                or (module == "training" and file.name in TRAINERS and len(rest) < 3)
                or (module == "testing" and file.name.startswith("test_") and len(rest) < 3)
            )
            assert allowed, f"{name_of(file)} imports {name}, which is not offered"
        elif first.startswith("capriccio_") and file not in PACKAGE_FILES:
            assert first == package, f"{name_of(file)} imports another plugin, {first}"


@pytest.mark.parametrize("file", SKETCH_FILES, ids=name_of)
def test_a_sketch_needs_capriccio_alone(file):
    for name in imports(file):
        first = name.partition(".")[0]
        assert first in {"capriccio", "numpy", *sys.stdlib_module_names}, name


# -- what nobody does -------------------------------------------------------------------------


@every_file
def test_torch_is_for_training_alone(file):
    if file.name == "train.py" or file.is_relative_to(ENGINE / "training"):
        return
    assert not TRAINING & {name.partition(".")[0] for name in imports(file)}


@every_file
def test_nothing_is_unpickled_and_nothing_evaluated(file):
    assert not {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"} & {
        name.partition(".")[0] for name in imports(file)
    }
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "compile", "torch.load", "os.system"}, (
                f"{name_of(file)}, line {node.lineno} calls {called}"
            )
            for keyword in node.keywords:
                forbidden = keyword.arg in {"shell", "allow_pickle", "trust_remote_code"}
                assert not (forbidden and getattr(keyword.value, "value", True)), (
                    f"{name_of(file)}, line {node.lineno} passes {keyword.arg}"
                )


HEAVY = {"onnxruntime", "pygame", "av", "rtmidi", "mido", "rich", "PIL"}


@pytest.mark.parametrize("file", ENGINE_FILES + PLUGIN_FILES, ids=name_of)
def test_what_is_heavy_is_imported_where_it_is_used(file):
    if file.name == "train.py" or file.is_relative_to(ENGINE / "training"):
        return
    for node in tree_of(file).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            assert name.partition(".")[0] not in HEAVY, f"{name_of(file)} imports {name} at once"


def test_the_top_level_is_fixed():
    tracked = {path for path in git("ls-files").splitlines()}
    for first in {path.partition("/")[0] for path in tracked}:
        assert first in TOP | TOP_TOO or first.startswith("."), (
            f"{first} does not belong at the top"
        )
    assert {path.partition("/")[0] for path in tracked} >= TOP


def git(*words: str) -> str:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no checkout")
    return subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("file", CODE + files(TESTS), ids=name_of)
def test_a_file_is_as_long_as_one_clear_job(file):
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= (600 if file.is_relative_to(TESTS) else 400), f"{lines} lines"


@every_file
def test_classes_have_names_a_musician_would_use(file):
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.ClassDef):
            assert not re.search(r"Manager|Handler|Base$|Utils?$|Config|Helper|Factory", node.name)


# -- how errors read --------------------------------------------------------------------------


def sentences(file: Path):
    """Yield the line and the words of every error raised with words, values as `{}`."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            words = words_of(node.exc.args[0])
            if words is not None:
                yield node.lineno, words


def words_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            value.value if isinstance(value, ast.Constant) else "{}" for value in node.values
        )
    return None


@pytest.mark.parametrize("file", ENGINE_FILES + PLUGIN_FILES, ids=name_of)
def test_errors_begin_in_lower_case_and_end_without_a_full_stop(file):
    for line, words in sentences(file):
        where = f"{name_of(file)}, line {line}: {words!r}"
        # Names keep their letters: CAPRICCIO_PLUGINS, ONNX, MIDI.
        assert not re.match(r"[A-Z][a-z]", words), f"{where} begins in upper case"
        assert not words.endswith((".", "!")), f"{where} ends in a full stop"
        assert "please" not in words.lower(), where


def test_every_error_is_read_by_a_test():
    """Some words of every error that the engine raises stand in a `match=` of some test."""
    told = "\n".join(
        re.sub(r"\\(.)", r"\1", file.read_text(encoding="utf-8")) for file in files(TESTS)
    )
    unread = []
    for file in ENGINE_FILES:
        for line, words in sentences(file):
            pieces = [piece.strip() for piece in re.split(r"\{\}|['\"]", words)]
            pieces = sorted((piece for piece in pieces if len(piece) > 3), key=len, reverse=True)
            if pieces and not any(part_in(piece, told) for piece in pieces):
                unread.append(f"{name_of(file)}, line {line}: {words}")
    assert not unread, "no test reads\n" + "\n".join(unread)


def part_in(piece: str, told: str) -> bool:
    """Say whether a run of three words of a piece, or the whole of a shorter one, is read."""
    words = piece.split()
    if len(words) <= 3:
        return piece in told
    return any(" ".join(words[at : at + 3]) in told for at in range(len(words) - 2))
