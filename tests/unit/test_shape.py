"""The product's shape: short functions, typed seams, few files side by side."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = [ROOT / name for name in ("include", "plugins", "dags", "dashboard", "config")]


def functions():
    """Each function of the product, with its file."""
    for file in (file for folder in PRODUCT for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file.relative_to(ROOT), node


def untyped(function):
    """Whether it takes or gives a dictionary of anything, or an MLflow run of no type."""
    named = function.args
    arguments = [*named.posonlyargs, *named.args, *named.kwonlyargs, *filter(None, (named.vararg, named.kwarg))]
    told = {one.arg: (one.annotation and ast.unparse(one.annotation)) or "" for one in arguments}
    gives = (function.returns and ast.unparse(function.returns)) or ""
    return any("dict[str, Any]" in kind for kind in (*told.values(), gives)) or told.get("run") == "Any"


def test_no_function_has_more_than_sixty_lines():
    found = {f"{file}:{one.lineno} {one.name}" for file, one in functions() if one.end_lineno - one.lineno >= 60}
    assert not found


def test_fewer_than_two_functions_in_a_hundred_take_or_give_a_dictionary_of_anything():
    found = [untyped(one) for _, one in functions()]
    assert len(found) > 1000
    assert sum(found) < len(found) / 50


def test_about_a_dozen_files_lie_side_by_side():
    folders = {file.parent for folder in PRODUCT for file in folder.rglob("*.*") if "__pycache__" not in file.parts}
    many = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := sum(one.is_file() and not one.name.startswith(".") for one in folder.iterdir())) > 14
    }
    assert not many
