"""The notebooks in docs/ run from top to bottom, and each cell that ends in a thing shows it."""

import ast
import json

import pytest
from helpers.devices import ROOT

NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_cell_runs_and_shows_its_last_line(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    names: dict = {"__name__": "__main__"}
    shown = []
    for cell in cells:
        assert not cell.get("outputs"), "clear the outputs before you commit a notebook"
        if cell["cell_type"] != "code":
            continue
        *first, last = ast.parse("".join(cell["source"])).body
        exec(compile(ast.Module(first, []), path.name, "exec"), names)
        if isinstance(last, ast.Expr):
            made = eval(compile(ast.Expression(last.value), path.name, "eval"), names)
            shown.append(next(iter(made._repr_mimebundle_())))
        else:
            exec(compile(ast.Module([last], []), path.name, "exec"), names)
    assert shown == ["image/png", "image/png", "image/png", "text/html"]
