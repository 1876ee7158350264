"""The DAGs as Airflow reads them: what there is, how it is wired, and what a project file does to it."""

import copy
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
FLOWS = ("training", "inference", "monitoring", "retraining", "rollback", "policies")
HEAVY = ("pandas", "numpy", "pyarrow", "sklearn", "scipy", "pycaret", "mlflow", "evidently", "matplotlib")
COMPETE = "compare -> train -> select -> gate"
SHIP = "verify -> approve -> promote"
CHAINS = {
    "training": f"ingest -> validate -> filter -> split -> {COMPETE} -> {SHIP}",
    "inference": "ingest -> validate -> score -> publish",
    "retraining": f"decide -> collect -> split -> {COMPETE} -> refit -> {SHIP}",
    "rollback": "rollback",
    "policies": "cut -> tune -> fit -> replay",
}


@pytest.fixture
def kobe_dags(bag, projects):
    return {flow: bag().dags[f"kobe_shots.{flow}"] for flow in FLOWS}


def longest(dag) -> str:
    """The longest chain of tasks, which is how a flow is told; `candidates` stands beside `split`."""
    ends: dict[str, list[str]] = {}
    for task in dag.topological_sort():
        before = max((ends[name] for name in task.upstream_task_ids - {"candidates"}), key=len, default=[])
        ends[task.task_id] = [*before, task.task_id]
    return " -> ".join(max(ends.values(), key=len))


def test_a_project_file_makes_six_dags_and_no_import_error(bag, projects):
    found = bag()
    assert found.import_errors == {}
    assert sorted(found.dags) == sorted(f"kobe_shots.{flow}" for flow in FLOWS)


@pytest.mark.parametrize("flow", CHAINS)
def test_the_tasks_of_a_flow_follow_each_other_as_it_is_told(kobe_dags, flow):
    assert longest(kobe_dags[flow]) == CHAINS[flow]


def test_the_sensors_look_once_both_checks_are_done(kobe_dags):
    dag = kobe_dags["monitoring"]
    sensors = ("drift_sensor", "degradation_sensor", "new_records_sensor", "demotion_sensor")
    assert {name: dag.get_task(name).upstream_task_ids for name in sensors} == {
        name: {"drift_check", "performance_check"} for name in sensors
    }
    assert [dag.get_task(name).wait for name in sensors] == [False] * 4


@pytest.mark.parametrize("flow", ("training", "retraining"))
def test_no_candidate_is_named_before_its_rows_are_there(kobe_dags, flow):
    """`candidates` opens an MLflow run, which nobody would close if there was nothing to train on."""
    before = {"training": "filter", "retraining": "split"}[flow]
    assert before in kobe_dags[flow].get_task("candidates").upstream_task_ids


def test_every_dag_and_every_task_has_documentation(kobe_dags):
    bare = [dag.dag_id for dag in kobe_dags.values() if not dag.doc_md]
    bare += [f"{dag.dag_id} {task.task_id}" for dag in kobe_dags.values() for task in dag.tasks if not task.doc_md]
    assert bare == []


def test_every_task_is_tried_again_as_often_as_airflow_is_told(kobe_dags):
    assert {task.retries for dag in kobe_dags.values() for task in dag.tasks} == {1}
    assert {task.retry_delay for dag in kobe_dags.values() for task in dag.tasks} == {timedelta(seconds=5)}


def test_every_parameter_has_a_type_and_a_title(kobe_dags):
    for dag in kobe_dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            assert schema.get("title"), f"{dag.dag_id} {name}"
            assert "type" in schema or "enum" in schema, f"{dag.dag_id} {name}"


@pytest.mark.parametrize(
    ("flow", "wrong"),
    [
        ("training", {"seed": "seven"}),
        ("training", {"seed": -1}),
        ("training", {"seed": 2**32}),
        ("training", {"seed": 18446744073709551616}),
        ("training", {"seed": 1.5}),
        ("training", {"seed": None}),
        ("training", {"seed": True}),
        ("training", {"seed": float("inf")}),
        ("training", {"candidates": ["decision_tree"] * 2}),
        ("training", {"candidates": ["decision_tree", "logistic_regression", "gradient_boosting", "x"]}),
        ("training", {"data_path": "x" * 1001}),
        ("inference", {"data_path": "x" * 1001}),
        ("inference", {"data_path": ["a"]}),
        ("monitoring", {"version": 2**31}),
        ("monitoring", {"version": 10**30}),
        ("monitoring", {"version": "1"}),
        ("retraining", {"reason": "x" * 2001}),
        ("rollback", {"reason": "x" * 2001}),
        ("rollback", {"reason": "because", "version": 2**31}),
        ("rollback", {"reason": "because", "version": -1}),
        ("training", {"candidates": []}),
        ("training", {"candidates": ["random_forest"]}),
        ("training", {"mode": "off"}),
        ("inference", {"data_path": 3}),
        ("monitoring", {"version": 0}),
        ("retraining", {"reason": 5}),
        ("retraining", {"reason": None}),
        ("rollback", {"reason": "so"}),
        ("rollback", {"reason": "   "}),
        ("retraining", {"reason": " \n\t so "}),
    ],
)
def test_a_parameter_of_the_wrong_type_or_out_of_bounds_is_refused(kobe_dags, flow, wrong):
    from airflow.sdk.exceptions import ParamValidationError

    params = copy.deepcopy(kobe_dags[flow].params)
    with pytest.raises(ParamValidationError):
        params.update(wrong)
        params.validate()


@pytest.mark.parametrize(
    ("flow", "largest"),
    [
        ("training", {"seed": 2**32 - 1, "data_path": "x" * 1000}),
        ("training", {"candidates": ["decision_tree", "logistic_regression", "gradient_boosting"]}),
        ("inference", {"data_path": "x" * 1000}),
        ("monitoring", {"version": 2**31 - 1}),
        ("retraining", {"reason": "x" * 2000}),
        ("rollback", {"reason": "x" * 2000, "version": 2**31 - 1}),
    ],
)
def test_a_parameter_may_be_as_large_as_its_bound(kobe_dags, flow, largest):
    params = copy.deepcopy(kobe_dags[flow].params)
    params.update(largest)
    assert params.validate().items() >= largest.items()


def test_no_template_takes_a_text_that_somebody_writes(kobe_dags):
    """As a native value "[1]" would become a list, and "2024" a number: steps take a run's texts from the run itself."""
    texts = 0
    for dag in kobe_dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            if "string" in schema.get("type", ""):
                texts += 1
                taken = [task.task_id for task in dag.tasks if f"params.{name}" in str(vars(task))]
                assert taken == [], f"{dag.dag_id}: {name}"
    assert texts == 4


def emitted(dag) -> dict[str, list[str]]:
    return {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}


def heard(dag) -> set[str]:
    return {asset.name for asset in dag.timetable.asset_condition.objects}


def test_each_asset_is_emitted_and_heard_where_the_loop_needs_it(kobe_dags):
    alerts = {f"kobe_shots/{kind}_alert" for kind in ("drift", "degradation", "new_records")}
    assert emitted(kobe_dags["training"]) == {"promote": ["kobe_shots/champion"]}
    assert emitted(kobe_dags["retraining"]) == {"promote": ["kobe_shots/champion"]}
    assert emitted(kobe_dags["rollback"]) == {"rollback": ["kobe_shots/champion"]}
    assert heard(kobe_dags["inference"]) == {"kobe_shots/champion", "kobe_shots/batch"}
    assert emitted(kobe_dags["inference"]) == {"publish": ["kobe_shots/predictions"]}
    assert {"kobe_shots/predictions"} <= heard(kobe_dags["monitoring"])
    assert emitted(kobe_dags["monitoring"]) == {
        f"{kind}_sensor": [f"kobe_shots/{kind}_alert"] for kind in ("drift", "degradation", "new_records", "demotion")
    }
    assert heard(kobe_dags["rollback"]) == {"kobe_shots/demotion_alert"}
    assert heard(kobe_dags["retraining"]) == alerts


def test_any_one_alert_starts_a_retraining_and_so_does_the_cron_of_the_project_file(bag, add_project):
    add_project("quarterly", 'schedule: "0 0 1 * *"', 'schedule: "0 0 1 */3 *"')
    dags = bag().dags
    for name, cron in (("kobe_shots", "0 0 1 * *"), ("quarterly", "0 0 1 */3 *")):
        timetable = dags[f"{name}.retraining"].timetable
        assert type(timetable.asset_condition).__name__ == "AssetAny"
        assert timetable.timetable.expression == cron


@pytest.mark.parametrize(("demote", "scheduled"), [("on", True), ("ask", False), ("off", False)])
def test_a_demotion_starts_a_rollback_only_where_the_project_lets_it(bag, add_project, demote, scheduled):
    add_project("other", "retraining:\n", f"retraining:\n  demote: {demote}\n")
    assert (bag().dags["other.rollback"].schedule is not None) == scheduled


def test_one_run_at_a_time_and_no_catching_up(kobe_dags):
    for dag in kobe_dags.values():
        assert (dag.max_active_runs, dag.catchup) == (1, False), dag.dag_id


# Project files


def test_where_airflow_was_started_for_one_project_no_other_one_has_a_schedule(bag, add_project, monkeypatch):
    add_project("second", "candidates: [decision_tree, logistic_regression]", "candidates: [gradient_boosting]")
    monkeypatch.setenv("SHOTCLOCK_ONLY", "second")
    assert {name.partition(".")[0] for name in bag().dags} == {"second"}


def test_a_second_project_file_makes_a_second_set_of_dags_with_assets_of_its_own(bag, add_project):
    add_project("second", "candidates: [decision_tree, logistic_regression]", "candidates: [gradient_boosting]")
    found = bag()
    assert found.import_errors == {}
    assert sorted(found.dags) == sorted(f"{name}.{flow}" for name in ("kobe_shots", "second") for flow in FLOWS)
    assert found.dags["second.training"].params["candidates"] == ["gradient_boosting"]
    assert found.dags["kobe_shots.training"].params["candidates"] == ["decision_tree", "logistic_regression"]
    assert heard(found.dags["second.inference"]) == {"second/champion", "second/batch"}


def test_a_broken_project_file_is_one_import_error_and_takes_no_other_project_away(bag, add_project):
    path = add_project("broken", "backend: pycaret ", "backend: tensorflow ")
    add_project("sound")
    line = path.read_text("utf-8").split("backend:")[0].count("\n") + 1
    found = bag()
    assert sorted(found.dags) == sorted(f"{name}.{flow}" for name in ("kobe_shots", "sound") for flow in FLOWS)
    assert list(found.import_errors) == ["broken_projects.py"]
    allowed = "found 'tensorflow', allowed: 'pycaret' or 'scikit-learn'"
    assert f"{path}, line {line}: field 'training.backend': {allowed}" in found.import_errors["broken_projects.py"]


def test_every_broken_project_file_is_named_also_one_that_is_no_yaml(bag, add_project, projects):
    add_project("first", "folds: 5", "folds: 1")
    (projects / "second.yaml").write_text("name: second\ntitle: a: b\n", "utf-8")
    errors = bag().import_errors["broken_projects.py"]
    assert "first.yaml" in errors
    assert "training.folds" in errors
    assert "second.yaml, line 2: not valid YAML" in errors


def test_a_task_reads_its_own_project_file_alone(bag, add_project, monkeypatch):
    add_project("second")
    add_project("broken", "folds: 5", "folds: 1")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "second.training")
    found = bag(DAGS / "training.py")
    assert list(found.dags) == ["second.training"]
    assert found.import_errors == {}


# What a DAG file costs


@pytest.mark.parametrize("flow", FLOWS)
def test_a_dag_file_is_read_on_one_screen(flow):
    assert len((DAGS / f"{flow}.py").read_text("utf-8").splitlines()) <= 80


def test_importing_the_dag_files_loads_no_heavy_library(projects):
    names = [path.stem for path in sorted(DAGS.glob("*.py")) if path.stem != "broken_projects"]
    code = f"""
import importlib, sys
import airflow.sdk
for name in {names!r}:
    importlib.import_module(name)
assert "shotclock.config" in sys.modules
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(DAGS), str(ROOT / "plugins")])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
