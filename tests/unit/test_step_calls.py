"""Every task of the DAG files calls a step that there is, with arguments that it takes, and with all that it needs."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

DAGS = Path(__file__).parents[2] / "dags"
FROM_THE_RUN = {"by", "reason", "path"}  # as in shotclock_dags.tasks, which imports Airflow
FILES = sorted(path for path in DAGS.rglob("*.py") if path.name != "tasks.py")


@dataclass(frozen=True)
class Call:
    """One call of a step: where it stands, the step's address, and the names of what is handed over."""

    place: str
    address: str
    arguments: frozenset[str]


def calls(source: str, place: str = "dag.py") -> list[Call]:
    """Every `step(project, "module.function", …)` with the arguments of the call, or of `partial` and `expand`, upon it."""
    return [call for scope in _scopes(ast.parse(source)) for call in _of_scope(scope, place)]


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    yield from functions or [tree]


def _of_scope(scope: ast.AST, place: str) -> Iterator[Call]:
    named = {
        target.id: node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and _address(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given: dict[int, set[str]] = {}
    steps: dict[int, ast.expr] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and (found := _step_below(node.func, named)) is not None:
            steps[id(found)] = found
            given.setdefault(id(found), set()).update(keyword.arg or "**" for keyword in node.keywords)
    made = [node for node in ast.walk(scope) if isinstance(node, ast.expr) and _address(node)]
    for node in made:
        yield Call(f"{place}:{node.lineno}", _address(node), frozenset(given.get(id(node), set())))


def _step_below(node: ast.expr, named: dict[str, ast.expr]) -> ast.expr | None:
    """The step that is called by this expression: by itself, by a name, or by `partial` and `expand` upon it."""
    if _address(node):
        return node
    if isinstance(node, ast.Name):
        return named.get(node.id)
    if isinstance(node, ast.Attribute) and node.attr in ("partial", "expand"):
        inner = node.value
        return _step_below(inner.func if isinstance(inner, ast.Call) and not _address(inner) else inner, named)
    return None


def _address(node: ast.expr | None) -> str:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "step"):
        return ""
    constants = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return str(constants[0]) if constants else ""


def faults(call: Call) -> list[str]:
    """What is wrong with a call, or an empty list."""
    module, _, name = call.address.partition(".")
    step = getattr(import_module(f"shotclock.steps.{module}"), name, None)
    if step is None:
        return [f"{call.place}: there is no step {call.address}"]
    takes = dict(list(inspect.signature(step).parameters.items())[1:])  # the first is the run
    needed = {name for name, each in takes.items() if each.default is inspect.Parameter.empty} - FROM_THE_RUN
    unknown, lacking = sorted(call.arguments - set(takes)), sorted(needed - call.arguments)
    found = [f"{call.place}: {call.address} takes no {name}" for name in unknown]
    return found + [f"{call.place}: {call.address} needs {name}" for name in lacking]


def unasked(source: str) -> list[str]:
    """The fields of the form that a template names, `{{ params.<field> }}`, and that no `params={…}` of the file has."""
    named = re.findall(r"\{\{ *params\.(\w+)", source)
    forms = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.keyword) and node.arg == "params" and isinstance(node.value, ast.Dict)
    ]
    asked = {key.value for form in forms for key in form.keys if isinstance(key, ast.Constant)}
    return sorted(set(named) - asked)


FLOWS = sorted(DAGS.glob("*.py"))


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_a_flow_asks_for_each_field_that_it_hands_on(path):
    assert unasked(path.read_text("utf-8")) == []


def test_a_misspelt_field_is_found():
    form = 'with DAG(params={"version": p, "reason": q}):\n    x = f(a="{{ params.verison }}", b="{{ params.reason }}")'
    assert unasked(form) == ["verison"]
    assert any(unasked(path.read_text("utf-8").replace('"version": ', '"verison": ')) for path in FLOWS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_steps_that_a_dag_file_calls_take_what_it_hands_over(path):
    found = calls(path.read_text("utf-8"), path.name)
    assert [fault for call in found for fault in faults(call)] == []


def test_no_call_is_passed_over():
    found = [call for path in FILES for call in calls(path.read_text("utf-8"), path.name)]
    written = sum(
        path.read_text("utf-8").count("step(name,") + path.read_text("utf-8").count("step(project,") for path in FILES
    )
    assert len(found) == written >= 16
    assert {call.address for call in found if not call.arguments} == {
        "retraining.decide",
        "intake.ingest_batches",
        "policies.cut",
    }


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('step(name, "monitoring.drift_check")(verison=1)', "takes no verison"),
        ('step(name, "training.splitt")(filtered=f)', "there is no step training.splitt"),
        ('step(name, "training.split")(seed=1)', "needs filtered"),
        ('step(name, "training.train", pool="p").partial(data=d, sead=1).expand(candidate=c)', "takes no sead"),
        ('step(name, "inference.score").expand(batches=b)', "takes no batches"),
        ('undo = step(name, "rollback.rollback")\nundo(verison=1)', "takes no verison"),
    ],
)
def test_a_misspelt_step_or_argument_is_found(written, said):
    found = [fault for call in calls(written) for fault in faults(call)]
    assert any(said in fault for fault in found), found
