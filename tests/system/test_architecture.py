"""The rules of the architecture, read from the syntax trees: see docs/architecture.md."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from helpers.devices import ROOT

ENGINE = ROOT / "engine" / "capriccio"
PLUGINS = ROOT / "plugins"
TESTS = ROOT / "tests"

# Each module or package of the engine has a layer, and imports from the layers below it alone. A
# new one is given its layer here. Those of one layer do not import each other.
LAYERS = {
    11: ["__main__"],
    10: ["cli"],
    9: ["loader", "reload"],
    8: ["sketch"],
    7: ["sketch_provenance", "remote", "notebook"],
    6: ["registry", "stage", "devices", "panel"],
    5: ["recording", "training"],
    4: ["parts", "hookspecs", "plugin_probe", "canvas"],
    3: ["knob_state", "performance", "models", "svg"],
    2: ["parameters", "image_io", "extras"],
    1: ["events", "clock", "midi_ports", "supervision", "general_midi", "scales"],
    0: ["tempo", "media", "errors", "log", "atomic_file"],
}
LAYER = {module: layer for layer, modules in LAYERS.items() for module in modules}
# The aim is 12,000 lines; until then it grows no further.
MAX_ENGINE_LINES = 22_886
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


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def imports(file: Path, typing: bool = True) -> list[str]:
    """Return the full dotted names that a file imports, wherever it does.

    Without `typing` those under `if TYPE_CHECKING:` are left out.
    """
    names = []
    tree = tree_of(file)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing:
            skipped |= {id(inner) for one in node.body for inner in ast.walk(one)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
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
    """Return the module of the engine that an imported name is or lies in, if it is one."""
    first, _, rest = name.partition(".")
    if first != "capriccio":
        return None
    module = rest.partition(".")[0]
    known = {file.stem for file in ENGINE_FILES} | {file.parent.name for file in ENGINE_FILES}
    return module if module in known and module != "capriccio" else ""


# -- who imports whom -------------------------------------------------------------------------


@pytest.mark.parametrize("file", ENGINE_FILES, ids=name_of)
def test_a_module_imports_only_from_layers_below(file):
    parts = file.relative_to(ENGINE).with_suffix("").parts
    module = parts[0]
    if module in (BESIDE, "__init__"):
        return
    assert module in LAYER, f"{module} has no layer; give it one in {Path(__file__).name}"
    for name in imports(file, typing=False):
        other = engine_module(name)
        if not other or other in (module, BESIDE):
            continue
        assert LAYER.get(other, 99) < LAYER[module], (
            f"{module} (layer {LAYER[module]}) imports {other} (layer {LAYER.get(other)})"
        )


def test_the_package_imports_nothing_by_itself():
    assert imports(ENGINE / "__init__.py") == ["importlib.import_module"]


def test_the_testing_package_is_imported_by_tests_alone():
    checks = ENGINE / "cli" / "check.py"  # which tests a plugin
    for file in ENGINE_FILES + PLUGIN_FILES + SKETCH_FILES:
        if file.parent.name != BESIDE and file != checks:
            assert BESIDE not in [engine_module(name) for name in imports(file)], name_of(file)


def needs_torch(file: Path) -> bool:
    """Return whether a file may import torch and `capriccio.training`."""
    inside = {"training", "benchmark"} & set(file.relative_to(ROOT).parts)
    return bool(inside) or file.name == "evaluate.py"


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
                or (module == "training" and needs_torch(file) and len(rest) < 3)
                or (module == "testing" and file.name.startswith("test_") and len(rest) < 3)
            )
            assert allowed, f"{name_of(file)} imports {name}, which is not public"
        elif first.startswith("capriccio_") and file not in PACKAGE_FILES:
            assert first == package, f"{name_of(file)} imports another plugin, {first}"


@pytest.mark.parametrize("file", PLUGIN_FILES, ids=name_of)
def test_what_plays_never_imports_what_trains(file):
    if needs_torch(file):
        return
    for name in imports(file):
        assert "training" not in name.split("."), f"{name_of(file)} imports {name}"


@pytest.mark.parametrize("file", SKETCH_FILES, ids=name_of)
def test_a_sketch_needs_capriccio_alone_and_those_beside_it(file):
    beside = {sketch.stem for sketch in SKETCH_FILES}
    for name in imports(file):
        first = name.partition(".")[0]
        assert first in {"capriccio", "numpy", *beside, *sys.stdlib_module_names}, name


# -- what nobody does -------------------------------------------------------------------------


@every_file
def test_torch_is_for_training_alone(file):
    if "training" in file.relative_to(ROOT).parts or "benchmark" in file.parts:
        return
    found = TRAINING & {name.partition(".")[0] for name in imports(file)}
    assert not found or file.name == "evaluate.py", found


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


HEAVY = {
    "onnxruntime",
    "pygame",
    "av",
    "supriya_midi",
    "mido",
    "rich",
    "PIL",
    "skia",
    "dask",
    "distributed",
}


@pytest.mark.parametrize("file", ENGINE_FILES + PLUGIN_FILES, ids=name_of)
def test_what_is_heavy_is_imported_where_it_is_used(file):
    if "training" in file.relative_to(ROOT).parts:
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


def test_the_engine_grows_no_further():
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in ENGINE_FILES)
    assert lines <= MAX_ENGINE_LINES, f"{lines} lines"


@every_file
def test_a_file_is_as_long_as_one_clear_job(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 500


# What the standard library's own classes have, and what ends a process at once.
NOT_PRIVATE = {"_asdict", "_fields", "_replace", "_make", "_exit"}


@pytest.mark.parametrize("file", ENGINE_FILES, ids=name_of)
def test_nobody_outside_a_class_touches_its_private_names(file):
    tree = tree_of(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or "capriccio" in (node.module or "")):
            taken = [alias.name for alias in node.names if alias.name.startswith("_")]
            taken = [name for name in taken if not name.startswith("__")]
            assert not taken, f"{name_of(file)}, line {node.lineno} imports {taken}"
    check_private(tree, set(), file)


def check_private(node: ast.AST, own: set[str], file: Path) -> None:
    """Fail where an attribute `_x` is touched that is neither of `self` nor of the own class."""
    if isinstance(node, ast.ClassDef):
        own = own | own_names(node)
    if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        fine = owner in ("self", "cls") or node.attr in own | NOT_PRIVATE
        assert fine, f"{name_of(file)}, line {node.lineno} touches {ast.unparse(node)}"
    for child in ast.iter_child_nodes(node):
        check_private(child, own, file)


def own_names(node: ast.ClassDef) -> set[str]:
    """Return the names that a class defines, in its body and on `self`."""
    names = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            if isinstance(inner.value, ast.Name) and inner.value.id == "self":
                names.add(inner.attr)
        elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
            names.add(inner.target.id)
        elif isinstance(inner, ast.Assign):
            names |= {one.id for one in inner.targets if isinstance(one, ast.Name)}
    return names


# Module names of an earlier language, which nobody who knows the field would look for.
GONE = """
scribe again desk behind booth curtain baton shelf turner lesson crowd taste game hearing lane
stagehand tally listening recipe inference onnxfile imagefile svgfile plugging hands maps surface
packet doorway metronome rehearsal moves keyboard follow teaching listing scaffold terminal commands
measures rights things every dreamer walk brush marks choir consort critique choosing seeing scores
loop degrade pages looks dials reader
""".split()  # noqa: SIM905


def test_no_module_has_a_name_of_the_earlier_language():
    for file in CODE + files(TESTS):
        assert not set(file.relative_to(ROOT).with_suffix("").parts) & set(GONE), name_of(file)


@pytest.mark.parametrize("file", ENGINE_FILES + PLUGIN_FILES, ids=name_of)
def test_every_module_has_a_test_file_of_its_name(file):
    if file.name in ("__init__.py", "__main__.py"):
        return
    if file.is_relative_to(ENGINE):
        place = TESTS / "engine" / file.relative_to(ENGINE)
    else:
        package, *rest = file.relative_to(PLUGINS).parts
        place = TESTS.joinpath("plugins", package.removeprefix("capriccio_"), *rest)
    assert place.with_name(f"test_{file.name}").is_file(), f"no {place.parent}/test_{file.name}"


@pytest.mark.parametrize("file", ENGINE_FILES + PLUGIN_FILES, ids=name_of)
def test_docstrings_open_with_a_plain_verb(file):
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = (ast.get_docstring(node) or "").partition(" ")[0]
            assert first not in ("Give", "Tell", "Say", "Know", "Hear", "Gives"), (
                f"{name_of(file)}, line {node.lineno}: {node.name}"
            )


@every_file
def test_class_names_say_what_a_thing_is(file):
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
