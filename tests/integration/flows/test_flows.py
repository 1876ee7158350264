"""Whole flows on the real rows, as plain calls: every step twice, other champions, many batches, rival processes."""

import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.config import settings
from shotclock.files import dataset, storage
from shotclock.handoff import Done
from shotclock.judging import alerts
from shotclock.judging.alerts import KINDS
from shotclock.reading import findings
from shotclock.steps import inference, intake, monitoring, refitting, retraining, training
from shotclock.store import history
from shotclock.store.run import Run
from shotclock.store.server.client import experiment_id
from shotclock.store.versions import registry, verify

_verify_apart = verify.verify_apart  # the fixture `at` replaces it
STEPS = {
    intake: ("ingest", "validate", "ingest_batches", "validate_batches"),
    training: ("filter_rows", "split", "candidates", "compare", "train", "select", "gate", "verify", "promote"),
    inference: ("score", "publish"),
    monitoring: ("drift_check", "performance_check"),
    retraining: ("decide", "collect", "split_recent", "candidates"),
    refitting: ("refit",),
}


def change(**sections):
    path = settings().projects / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    for name, values in sections.items():
        rules[name] = rules.get(name, {}) | values
    path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
    config.project.cache_clear()


def decisions():
    return [(done.flow, done.outcome, done.champion) for done in history.decisions("shots")]


def fired(found):
    return [kind for kind in KINDS if found.sensors[kind].fires]


# Second tries


@pytest.fixture
def twice(monkeypatch):
    """Every step is called twice; gives the names of those that left other files or said something else."""
    differed = []

    def again(step):
        def call(*args, **kwargs):
            first = step(*args, **kwargs)
            left = {path: storage.digest(path) for path in settings().data.rglob("*.p*") if path.is_file()}
            second = step(*args, **kwargs)
            now = {path: storage.digest(path) for path in settings().data.rglob("*.p*") if path.is_file()}
            if first != second or left != now:
                differed.append(step.__name__)
            return second

        return call

    for module, names in STEPS.items():
        for name in names:
            monkeypatch.setattr(module, name, again(getattr(module, name)))
    return differed


def test_each_step_run_twice_leaves_the_same_files_one_run_and_one_version(small, twice):
    folder = small()
    flows.train("shots", "t1")
    flows.score("shots", "s1")
    flows.check("shots", "m1")
    flows.retrain("shots", "r1", by="alert")
    assert twice == []
    client = MlflowClient(settings().tracking_uri)
    runs = client.search_runs([experiment_id("shots")])
    keys = [run.data.tags["shotclock.key"] for run in runs]
    assert len(keys) == len(set(keys))
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(client.search_model_versions("name = 'shots'")) == 2
    assert (registry.champion("shots").number, registry.by_alias("shots", "previous").number) == ("2", "1")
    assert not list(folder.rglob(".*.partial"))


# Kills

WRITES = {
    MlflowClient: (
        *("create_run", "update_run", "set_terminated", "log_batch", "log_inputs", "log_artifact", "log_dict"),
        *("create_logged_model", "finalize_logged_model", "create_registered_model", "create_model_version"),
        *("set_logged_model_tags", "set_registered_model_alias"),
    ),
    Path: ("replace", "symlink_to", "write_bytes"),
}


def survives(step, number):
    """Call `step` in a process that is killed just before its write of that number; whether it never came to that."""
    child = os.fork()
    if not child:
        try:
            written = itertools.count(1)

            def before(write):
                def call(*args, **kwargs):
                    if next(written) == number:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return write(*args, **kwargs)

                return call

            for owner, names in WRITES.items():
                for name in names:
                    setattr(owner, name, before(getattr(owner, name)))
            step()
        finally:
            os._exit(0)
    return os.WIFEXITED(os.waitpid(child, 0)[1])


def whole_retraining(call):
    """A retraining step by step, each through `call` (of the candidates the first); gives the promoted version."""
    run = Run("shots", "retraining", "r1")
    plan = call(lambda: retraining.decide(run, "alert"))
    recent = call(lambda: retraining.collect(run, plan))
    data = call(lambda: retraining.split_recent(run, recent))
    named = call(lambda: retraining.candidates(run, plan, data, ["decision_tree"]))
    compared = call(lambda: training.compare(run, named, data))
    trained = [call(lambda: training.train(run, compared[0], data))]
    trained += [training.train(run, item, data) for item in compared[1:]]
    selection = call(lambda: training.select(run, trained, data))
    decision = call(lambda: training.gate(run, selection, data))
    refitted = call(lambda: refitting.refit(run, compared, selection, decision, data))
    verified = call(lambda: training.verify(run, decision, refitted))
    return call(lambda: training.promote(run, selection, decision, verified, data, refitted)).version


# they name MLflow's runs and the hour, which another retraining has of its own
PAGES = ("model_card.html", "challenger_card.html", "decision.html")


def what_is_left(folder):
    client = MlflowClient(settings().tracking_uri)
    runs = client.search_runs([experiment_id("shots")])
    return (
        sorted((run.data.tags["shotclock.key"], run.info.run_name, run.info.status) for run in runs),
        [found and found.number for found in (registry.champion("shots"), registry.by_alias("shots", "previous"))],
        len(client.search_model_versions("name = 'shots'")),
        len(client.search_logged_models([experiment_id("shots")])),
        [(done.flow, done.outcome, done.answers != ()) for done in history.decisions("shots")],
        {
            str(path.relative_to(folder)): path.name in PAGES or storage.digest(path)
            for path in (folder / "data").rglob("*")
            if path.is_file()
        },
    )


def test_a_retraining_killed_before_each_of_its_writes_in_turn_ends_as_one_that_was_left_in_peace(at):
    folder = at("alerted")
    assert whole_retraining(lambda step: step()) == "2"
    in_peace, kills, seen = what_is_left(folder), 0, set()

    def killed_all_the_way(step):
        nonlocal kills
        for number in itertools.count(1):
            done = survives(step, number)
            seen.add(registry.require_champion("shots").number)
            if done:
                return step()
            kills += 1

    at("alerted")
    assert whole_retraining(killed_all_the_way) == "2"
    for found, expected in zip(what_is_left(folder), in_peace, strict=True):
        assert found == expected
    assert seen == {"1", "2"}
    assert kills > 50


# Champions that end differently


def test_a_tree_is_replaced_by_a_model_of_recent_rows_that_is_loaded_back_in_a_fresh_process(
    at, monkeypatch, stored_runs
):
    at("alerted")
    monkeypatch.setattr(verify, "verify_apart", _verify_apart)
    found = flows.retrain("shots", "r1", by="alert")
    assert (found.decision, found.version) == ("promote", "2")
    (gate, _) = stored_runs("gate")
    assert gate.data.metrics["verified_difference"] == 0
    assert gate.data.metrics["gate_gain"] == pytest.approx(0.0296, abs=5e-4)
    assert gate.data.metrics["gate_gain_low"] > 0.015
    assert gate.data.metrics["gate_rows"] == 1_623
    assert registry.champion("shots").origin.algorithm.endswith(".recent")


def test_a_logistic_regression_drifts_but_is_not_worse_than_the_base_rate_and_its_recipe_stays_and_is_refitted(
    at, stored_runs
):
    at("empty")
    change(training={"candidates": ["logistic_regression"]})
    flows.train("shots", "t1")
    flows.score("shots", "s1")
    found = flows.check("shots", "m1")
    assert (found.drift_check.verdict, found.performance_check.verdict) == ("alert", "ok")
    (window,) = stored_runs("performance")
    assert 0 < window.data.metrics["log_loss_skill_low"] < 0.008 < window.data.metrics["log_loss_skill_high"]
    assert fired(found) == ["drift", "new_records"]
    result = flows.retrain("shots", "r1", by="alert")
    (gate, _) = stored_runs("gate")
    assert (gate.data.tags["shotclock.outcome"], gate.data.metrics["gate_gain_low"] < 0.001) == ("keep", True)
    assert (result.decision, registry.champion("shots").origin.algorithm) == (
        "promote",
        "logistic_regression.older_and_recent",
    )
    assert result.reason.startswith("the recipe in service stays, refitted: logistic_regression.older_and_recent")
    assert decisions() == [("retraining", "promote", "2"), ("training", "promote", "1")]
    flows.score("shots", "s2")
    assert fired(flows.check("shots", "m2")) == []
    assert flows.retrain("shots", "r2", by="alert").skip.startswith("every alert is answered already")


# Many batches


def test_a_project_with_more_rows_than_a_retraining_takes_comes_to_rest_after_each_batch(at, prod, stored_runs):
    at("trained")
    change(data={"batches": "arrivals"}, retraining={"recent_rows": 2000, "every_new_records": 1500})
    folder = settings().data / "raw" / "arrivals"
    folder.mkdir()
    rows = prod.sort_values(["game_date", "shot_id"])
    for number in range(4):
        rows.iloc[1600 * number : 1600 * (number + 1)].to_parquet(folder / f"{number}.parquet")
        come_to_rest(number)
    assert "promote" in [outcome for flow, outcome, _ in decisions() if flow == "retraining"]
    champion = registry.champion("shots").number
    assert alerts.unanswered(history.alerts("shots"), history.decisions("shots"), champion) == []
    assert stored_runs("performance")[0].data.metrics["rows_new"] < 1500


def promoted(end):
    return isinstance(end, Done) and end.decision == "promote"


def come_to_rest(number):
    """What Airflow does after a batch: score and check; on an alert retrain; on a new champion score and check again."""
    for turn in range(3):
        flows.score("shots", f"s{number}.{turn}")
        if not fired(flows.check("shots", f"m{number}.{turn}")):
            return
        if not promoted(flows.retrain("shots", f"r{number}.{turn}", by="alert")):
            return
    pytest.fail(f"batch {number} never comes to rest: {decisions()}")


# Rivals

RIVAL = """
import sys
from shotclock.store.versions import registry
from shotclock.errors import ConflictError
version = registry.version("shots", sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    registry.promote(version, expected="1")
    print("won")
except ConflictError as error:
    print("lost:", error)
"""


def test_of_two_processes_that_promote_at_the_same_time_exactly_one_wins(at):
    at("trained")
    client = MlflowClient(settings().tracking_uri)
    champion = registry.champion("shots")
    source = client.get_model_version("shots", "1").source
    versions = [client.create_model_version("shots", source, champion.run_id).version for _ in range(2)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    rivals = [subprocess.Popen([sys.executable, "-c", RIVAL, str(version)], **pipes) for version in versions]
    assert [rival.stdout.readline() for rival in rivals] == ["ready\n"] * 2
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda rival: rival.communicate("go\n")[0], rivals))
    assert sorted(line.split(":")[0].strip() for line in said) == ["lost", "won"]
    winner = str(versions[[line.strip() == "won" for line in said].index(True)])
    assert (registry.champion("shots").number, registry.by_alias("shots", "previous").number) == (winner, "1")


# Late labels


def test_an_alert_waits_for_the_labels_that_it_takes_to_answer_it(at, prod):
    at("trained")
    change(data={"labels": "late"})
    late = settings().data / "raw" / "late"
    late.mkdir()
    prod.assign(shot_made_flag=float("nan")).to_parquet(late.parent / "given.parquet")
    flows.score("shots", "s1", path="given.parquet")
    assert fired(flows.check("shots", "m1")) == ["drift"]
    assert "0 labelled rows, 500 are needed" in flows.retrain("shots", "r1", by="alert").skip
    assert fired(flows.check("shots", "m2")) == ["drift"]  # nothing was decided, so the alert stays
    prod.dropna()[["shot_id", "shot_made_flag"]].to_parquet(late / "all.parquet")
    found = flows.check("shots", "m3")
    assert found.performance_check.verdict == "alert"
    assert fired(found) == [kind for kind in KINDS if kind != "demotion"]
    assert flows.retrain("shots", "r2", by="alert").decision == "promote"
    flows.score("shots", "s2", path="given.parquet")
    assert fired(flows.check("shots", "m4")) == []
    recent = pd.read_parquet(settings().data / "shots" / "champion" / "recent.parquet")
    assert len(recent) == 5_412
    assert findings.newest("shots", "drift")[0].champion == "2"


def whole_inference(call):
    """An inference by partitions step by step, each through `call`."""
    run = Run("shots", "inference", "s9")
    batches = call(lambda: intake.ingest_batches(run, "cut.parquet"))
    parts = call(lambda: intake.validate_batches(run, batches))
    assert len(parts) == 3
    return call(lambda: inference.publish(run, [call(lambda part=part: inference.score(run, part)) for part in parts]))


class Died(BaseException):
    """As if the process had ended here."""


def interrupted(step, number, monkeypatch):
    """Call `step` until it is about to write for that time; whether it never came to that."""
    written = itertools.count(1)

    def before(write):
        def call(*args, **kwargs):
            if next(written) == number:
                raise Died
            return write(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for owner, names in WRITES.items():
            for name in names:
                patch.setattr(owner, name, before(getattr(owner, name)))
        try:
            step()
        except Died:
            return False
    return True


def test_an_inference_by_partitions_broken_off_before_each_of_its_writes_ends_as_one_that_was_left_in_peace(
    at, prod_path, monkeypatch
):
    def laid_out():
        folder = at("alerted")
        rows = pq.read_table(prod_path).slice(0, 6000)
        lat = pc.if_else(pa.array([number in (7, 4500) for number in range(6000)]), 1e9, rows["lat"])
        rows = rows.set_column(rows.schema.get_field_index("lat"), "lat", lat)
        pq.write_table(rows, folder / "data" / "raw" / "cut.parquet", row_group_size=1000)
        change(scoring={"partition_rows": 2000})
        return folder

    folder = laid_out()
    shown = folder / "data" / "shots" / "predictions"
    before = shown.resolve()
    assert whole_inference(lambda step: step()).rows == 5998
    in_peace, after, broken = what_is_left(folder), shown.resolve(), 0
    seen = set()

    def broken_off_all_the_way(step):
        nonlocal broken
        for number in itertools.count(1):
            done = interrupted(step, number, monkeypatch)
            seen.add(shown.resolve())
            if done:
                return step()
            broken += 1

    laid_out()
    assert whole_inference(broken_off_all_the_way).rows == 5998
    for found, expected in zip(what_is_left(folder), in_peace, strict=True):
        assert found == expected
    assert seen == {before, after}
    assert broken > 10


def test_partitions_in_an_object_store_hold_the_same_rows_and_lead_to_the_same_verdicts(
    at, prod_path, object_store, monkeypatch
):
    folder = at("trained")
    change(scoring={"partition_rows": 3000}, drift={"max_rows": 2000})
    pq.write_table(pq.read_table(prod_path), folder / "large.parquet", row_group_size=1000)

    def scored_and_judged(number):
        flows.score("shots", f"s{number}", path=folder / "large.parquet")
        found = flows.check("shots", f"m{number}")
        place = storage.published(settings().data, "shots", "predictions") / inference.RESULT
        rows = pa.Table.from_batches(dataset.read_batches(place, ["shot_id", "probability", "model_version"], 10_000))
        return (
            len(dataset.files(place)),
            rows,
            [(check.verdict, check.reason) for check in (found.drift_check, found.performance_check)],
        )

    here = scored_and_judged(1)
    bucket = object_store.bucket()
    monkeypatch.setenv("SHOTCLOCK_DATA", f"s3://{bucket}/data")
    assert scored_and_judged(2) == here
    assert here[0] == 3
    assert sum(key.endswith("_commit.json") for key in object_store.keys(bucket)) == 1


def test_processes_may_make_the_store_at_the_same_time(tmp_path):
    code = "from shotclock.store.server.database import prepare_store; prepare_store()"
    environment = os.environ | {"SHOTCLOCK_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    rivals = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[1] for process in rivals]
    assert [process.returncode for process in rivals] == [0, 0, 0], said
