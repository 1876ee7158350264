"""The steps of a training on the real rows: what they leave, and what they leave alone."""

import os
import pickle
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from shotclock import config
from shotclock.config import RECALIBRATED, settings
from shotclock.errors import ConfigError, ConflictError, ContractError, HandoffError, StoreError
from shotclock.files import storage
from shotclock.handoff import Approval, Candidate, ValidRows, Verified
from shotclock.judging import gate as gates
from shotclock.steps import refitting, training
from shotclock.store import history, records, tracking
from shotclock.store.run import Run
from shotclock.store.server import artifacts
from shotclock.store.server.client import connect, experiment_id
from shotclock.store.versions import registry

RUN = Run("shots", "training", "t1")
R1 = Run("shots", "retraining", "r1")
KEPT = [
    "shot_id",
    "game_date",
    "lat",
    "lon",
    "minutes_remaining",
    "period",
    "playoffs",
    "shot_distance",
    "shot_made_flag",
]


def store():
    return MlflowClient(settings().tracking_uri)


def versions():
    return len(store().search_model_versions("name = 'shots'"))


# Artefacts


def test_the_artefacts_have_the_names_rows_and_columns_that_people_know(at):
    folder = at("trained") / "data" / "shots" / "champion"
    rows = {}
    for name in ("data_filtered", "base_train", "base_test"):
        table = pq.read_table(folder / f"{name}.parquet")
        assert table.column_names == KEPT
        assert sum(column.null_count for column in table.columns) == 0
        rows[name] = table.num_rows
    assert rows == {"data_filtered": 20_285, "base_train": 16_228, "base_test": 4_057}
    assert (folder / "modelo_final.pickle").is_file()


def test_the_pickle_is_the_model_that_was_registered(at):
    folder = at("trained") / "data" / "shots" / "champion"
    model, version = pickle.loads((folder / "modelo_final.pickle").read_bytes()), registry.require_champion("shots")
    rows = pd.read_parquet(folder / "gate_scores.parquet")
    features = rows[list(model.feature_names_in_)]
    np.testing.assert_array_equal(model.predict_proba(features)[:, 1], rows["probability"])
    np.testing.assert_array_equal(version.load().predict_proba(features)[:, 1], rows["probability"])
    assert version.origin.model_sha256 == storage.digest(folder / "modelo_final.pickle")


@pytest.fixture
def below(stored_runs):
    """`below(run)`: the candidates below an MLflow run, by name."""
    return lambda parent: {
        run.info.run_name: run
        for run in stored_runs("candidate")
        if run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    }


def test_mlflow_has_the_runs_that_people_know_with_a_child_for_each_candidate(at, stored_runs, below):
    at("trained")
    (parent,) = stored_runs("training")
    names = set(below(parent))
    assert (parent.info.run_name, names) == ("Treinamento", {"decision_tree", "logistic_regression"})
    (prepared,) = stored_runs("preparation")
    assert prepared.info.run_name == "PreparacaoDados"
    counts = {"raw": 24_271, "quarantined": 0, "filtered": 20_285, "train": 16_228, "test": 4_057}
    assert prepared.data.metrics == {f"rows_{name}": count for name, count in counts.items()}
    assert {data.dataset.name for data in prepared.inputs.dataset_inputs} == {"raw", "train", "test"}


def test_each_candidate_has_its_figures_and_the_tree_wins_by_log_loss(at, stored_runs, below):
    at("trained")
    (parent,) = stored_runs("training")
    found = {name: run.data.metrics for name, run in below(parent).items()}
    assert parent.data.params["winner"] == "decision_tree"
    assert found["decision_tree"]["cv_log_loss"] < found["logistic_regression"]["cv_log_loss"]
    assert found["decision_tree"]["holdout_log_loss"] < 0.676
    for metrics in found.values():
        assert {f"holdout_{name}" for name in ("log_loss", "log_loss_skill", "roc_auc", "f1", "accuracy")} <= set(
            metrics
        )


# Refusals


@pytest.mark.parametrize(("labels", "message"), [(None, "no labelled rows left: all 50 are null"), (1, "one class")])
def test_rows_that_teach_nothing_are_refused_with_file_and_column(at, dev, labels, message):
    folder = at("empty")
    path = folder / "valid.parquet"
    dev.head(50).assign(shot_made_flag=labels).astype({"shot_made_flag": float}).to_parquet(path)
    source = ValidRows(path="raw/shots.parquet", rows=50, sha256="0", synthetic=False, valid=str(path), quarantined=0)
    with pytest.raises(ContractError, match=rf"raw/shots\.parquet: column 'shot_made_flag': .*{message}"):
        training.filter_rows(RUN, source)


def test_an_algorithm_that_does_not_exist_is_refused_with_those_that_do(at):
    at("empty")
    with pytest.raises(ConfigError, match=r"found forest, allowed: decision_tree, logistic_regression"):
        training.candidates(RUN, ["forest"])


def test_an_algorithm_named_twice_competes_once(at):
    at("empty")
    names = training.candidates(RUN, ["decision_tree", "decision_tree"])
    assert names == [Candidate(name="decision_tree", algorithm="decision_tree", rows="train")]


# The gate


OWN = "decision_tree.older_and_recent"  # the recipe that made version 1


def has_learnt(path, rows=None):
    """Let the champion have learnt from rows of this file, too."""
    champion = registry.require_champion("shots")
    known = champion.training_ids()
    ids = pd.concat([pd.read_parquet(known), pd.read_parquet(path, columns=["shot_id"]).head(rows or 10**9)])
    ids.to_parquet(known)
    connect().set_model_version_tag("shots", champion.number, "shotclock.training_ids_sha256", storage.digest(known))


def without(selection, name):
    return replace(selection, candidates={key: item for key, item in selection.candidates.items() if key != name})


def test_what_the_champion_has_learnt_from_is_met_by_what_its_recipe_said_before(gated):
    given = gated()
    data, selection = given["data"], given["selection"]
    has_learnt(data.test, 300)
    found = training.gate(R1, selection, data)
    assert found.ruling.rows == 1_623
    scores, before = pd.read_parquet(found.scores), pd.read_parquet(selection.candidates[OWN].record).tail(1_623)
    own = registry.require_champion("shots").load().predict_proba(scores[KEPT[2:8]])[:, 1]
    expected = np.where(np.arange(1_623) < 300, before["probability"], own)
    np.testing.assert_array_equal(scores["champion_probability"], expected)
    assert found.ruling.champion_log_loss != given["decision"].ruling.champion_log_loss


def test_such_rows_are_left_out_where_its_recipe_does_not_compete(gated):
    given = gated()
    has_learnt(given["data"].test, 300)
    found = training.gate(R1, without(given["selection"], OWN), given["data"])
    assert found.ruling.rows == 1_323


def nothing_left(given):
    """The gate of a champion that has learnt from all rows, and whose recipe does not compete."""
    has_learnt(given["data"].test)
    selection = without(given["selection"], OWN)
    return selection, training.gate(R1, selection, given["data"])


def test_rows_of_which_nothing_is_left_decide_nothing(gated):
    _, found = nothing_left(gated())
    assert (found.ruling.outcome, found.ruling.rows) == ("not enough data", 0)
    assert "–" in found.summary


def test_the_gate_can_be_asked_again_after_another_champion_came(gated, stored_runs):
    given = gated()
    other = registry.version("shots", versions_made(1)[0])
    registry.promote(other, expected="1")
    found = training.gate(R1, given["selection"], given["data"])
    assert found.champion == other.number
    assert [run.data.params["champion"] for run in stored_runs("gate")] == [other.number, "None"]


def versions_made(count):
    """More versions of the champion, as other trainings would register them."""
    champion = registry.require_champion("shots")  # this also points MLflow at the store of this very test
    source = store().get_model_version("shots", champion.number).source
    return [store().create_model_version("shots", source, champion.run_id).version for _ in range(count)]


# Promotion


def test_a_better_challenger_becomes_the_champion_and_the_old_one_is_kept(at, promote_r1):
    folder = at("gated")
    found = promote_r1()
    assert (found.decision, found.version) == ("promote", "2")
    assert registry.champion("shots").number == "2"
    assert registry.by_alias("shots", "previous").number == "1"
    assert (folder / "data" / "shots" / "champion").resolve().name == "r1"


def test_from_the_version_one_gets_back_to_the_data_the_training_and_the_reason(at):
    at("rested")
    version = registry.require_champion("shots")
    told = store().get_model_version("shots", version.number).tags
    tags = {name.removeprefix("shotclock."): value for name, value in told.items()}
    assert (tags["flow"], tags["run"], tags["synthetic"]) == ("retraining", "r1", "False")
    assert tags["data_sha256"] == storage.digest(settings().data / "shots" / "champion" / "recent.parquet")
    assert tags["reason"].startswith("gain over the champion 0.02")
    assert store().get_run(version.run_id).info.run_name == tags["algorithm"]


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        (Approval(approved=False, because="dry run", by="mode"), "dry run; gain over"),
        (
            Approval(approved=False, because="Ann: not before the finals", by="Ann"),
            "Ann: not before the finals; gain",
        ),
    ],
)
def test_without_approval_the_champion_stays_and_the_reason_is_written_down(gated, approval, said):
    given = gated()
    found = training.promote(R1, **given, approval=approval)
    assert found.decision == "keep" and found.skip.startswith(f"the champion stays: {said}")
    assert registry.champion("shots").number == "1" and versions() == 1
    newest = history.decisions("shots")[0]
    assert (newest.outcome, newest.champion, newest.gate) == ("keep", "1", "promote")
    assert len(newest.answers) == 3


def test_a_champion_that_came_after_the_gate_measured_stays(at, promote_r1, published):
    at("gated")
    registry.promote(registry.version("shots", versions_made(1)[0]), expected="1")
    before = published()
    with pytest.raises(ConflictError, match="measured against champion 1, but now it is 2; nothing was promoted"):
        promote_r1()
    assert published() == before
    assert history.decisions("shots")[0].flow == "training"


@pytest.fixture
def rolled_back(gated):
    """The retraining `r1` at its gate, after a rollback to version 1 that came while it was at work."""
    given, run = gated(), Run("shots", "retraining", "r1", asked=datetime.now(UTC))
    with tracking.tracked(Run("shots", "rollback", "b1"), "rollback", records.Decision) as change:
        change.write(records.Decision(decision="rollback", before="0", after="1", reason="complaints", flow="rollback"))
    return run, given


def test_a_rollback_that_came_after_a_retraining_was_asked_for_stands(rolled_back):
    run, given = rolled_back
    found = training.promote(run, **given, approval=Approval(approved=True))
    assert (found.decision, found.champion, registry.champion("shots").number) == ("keep", "1", "1")
    said = "v1 was put back into service after this run was asked for (rollback `b1`: complaints), and stays"
    assert found.reason.startswith(said)
    newest = history.decisions("shots")[0]
    assert (newest.outcome, newest.champion, newest.gate, newest.run) == ("keep", "1", "promote", "r1")


def test_a_person_who_has_seen_it_may_promote_the_challenger_all_the_same(rolled_back):
    run, given = rolled_back
    found = training.promote(run, **given, approval=Approval(approved=True, by="Ann", because="approved by Ann"))
    assert (found.decision, found.version) == ("promote", "2")


def test_a_rollback_that_came_before_a_retraining_was_asked_for_is_no_obstacle(rolled_back):
    run, given = rolled_back
    later = replace(run, asked=datetime.now(UTC) + timedelta(milliseconds=2))
    assert training.promote(later, **given).version == "2"


def test_a_model_that_gives_other_scores_than_the_gate_saw_is_not_verified(gated, published):
    given = gated()
    scores = pd.read_parquet(given["refitted"].scores)
    scores.loc[3, "probability"] += 1e-9
    scores.to_parquet(given["refitted"].scores)
    before = published()
    with pytest.raises(StoreError, match=r"models:/m-\w+: read back, its probabilities differ by up to 1e-09"):
        training.verify(R1, given["decision"], given["refitted"])
    assert published() == before and versions() == 1


def test_what_was_verified_stands_in_the_gate_s_run_and_is_what_is_registered(gated, promote_r1, stored_runs):
    verified = gated()["verified"]
    (gate, *_) = stored_runs("gate")
    assert gate.data.metrics["verified_difference"] == verified.difference == 0
    assert gate.data.tags["shotclock.verified_sha256"] == verified.model.sha256
    promote_r1()
    assert registry.require_champion("shots").digest == verified.model.sha256


def test_how_much_a_promotion_changes_is_measured_on_the_gate_s_rows_and_written_down(gated, stored_runs):
    given = gated()
    rows = pd.read_parquet(given["refitted"].scores)
    champion = registry.require_champion("shots").load()
    old, new = champion.predict_proba(rows[list(champion.feature_names_in_)])[:, 1], rows["probability"].to_numpy()
    found = given["verified"].churn
    assert found.rows == len(rows) == 1_623
    assert found.flipped.value == pytest.approx(np.mean((old >= 0.5) != (new >= 0.5)))
    assert found.moved.value == pytest.approx(np.mean(np.abs(old - new)))
    (gate, *_) = stored_runs("gate")
    assert {name: value for name, value in gate.data.metrics.items() if name.startswith("churn_")} == {
        f"churn_{name}{end}": pytest.approx(getattr(figure, of))
        for name, figure in (("flipped", found.flipped), ("moved", found.moved))
        for end, of in (("", "value"), ("_low", "low"), ("_high", "high"))
    } | {"churn_rows": 1_623}
    assert found.told("1") in given["verified"].summary


def test_what_changes_more_than_the_project_allows_waits_for_a_person(at, gated):
    given = gated()
    held = replace(given["verified"], held="too much would change")
    kept = training.promote(R1, **given | {"verified": held})
    assert (kept.decision, registry.require_champion("shots").number) == ("keep", "1")
    assert kept.reason.startswith("too much would change; gain over the champion ")
    said = artifacts.artifact(history.decisions("shots")[0].id, "decision.html").read_text("utf-8")
    assert given["verified"].churn.told("1") in said
    ann = Approval(approved=True, by="Ann", because="approved by Ann")
    assert training.promote(R1, **given | {"verified": held}, approval=ann).decision == "promote"


def test_a_project_says_how_much_may_change_without_a_person(gated):
    given = gated()
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("gate:", "gate:\n  max_churn: 0", 1), "utf-8")
    config.project.cache_clear()
    verified = training.verify(R1, given["decision"], given["refitted"])
    assert verified.held == verified.churn.held(config.project("shots").gate) != ""
    assert f"**Held**: {verified.held}" in verified.summary


def test_where_the_champion_stays_as_it_is_nothing_is_stored_and_nothing_verified(gated):
    given = gated()
    selection, kept = nothing_left(given)
    refitted = refitting.refit(R1, [], selection, kept, given["data"])
    assert (kept.stored, refitted.recipe, refitted.stored) == (None, "", None)
    assert refitted.summary == "Nothing is fitted: the recipe in service does not compete here."
    verified = training.verify(R1, kept, refitted)
    assert (verified.model, verified.summary) == (None, "Nothing to verify: the champion stays.")
    assert training.promote(R1, selection, kept, verified, given["data"], refitted).decision == "keep"


def test_a_challenger_that_nobody_has_verified_is_not_promoted(gated, published):
    given, before = gated(), published()
    with pytest.raises(HandoffError, match="the gate says promote, but no challenger was verified"):
        training.promote(R1, **given | {"verified": Verified()})
    assert published() == before and versions() == 1


def test_a_model_whose_files_were_changed_after_it_was_verified_is_not_promoted(gated, published):
    given, before = gated(), published()
    location = store().get_logged_model(given["verified"].model.id).artifact_location
    with (Path(location.removeprefix("file://")) / "model.skops").open("ab") as file:
        file.write(b"more")
    with pytest.raises(StoreError, match=r"models:/m-\w+: the stored files have sha256 \w+, registered were"):
        training.promote(R1, **given)
    assert published() == before and versions() == 1


def test_a_version_that_was_registered_with_other_files_than_were_verified_is_not_promoted(gated, published):
    given, before = gated(), published()
    model = given["verified"].model
    made = registry.register(R1, given["refitted"].mlflow_run_id, model, records.Origin())
    store().set_model_version_tag("shots", made.number, "shotclock.stored_sha256", "0" * 64)
    with pytest.raises(
        StoreError, match=r"models:/shots/2: was registered with sha256 0+, the model that was verified"
    ):
        training.promote(R1, **given)
    assert published() == before


def test_the_next_windows_are_measured_against_the_rows_that_the_decision_was_about(at):
    at("rested")
    newest = history.decisions("shots")[0]
    reference = pd.read_parquet(artifacts.artifact(newest.id, "reference.parquet"))
    recent = pd.read_parquet(settings().data / "shots" / "champion" / "recent.parquet")
    pd.testing.assert_frame_equal(reference.drop(columns=["probability", history.BEFORE]), recent)
    model, recipe = registry.require_champion("shots").load(), registry.require_champion("shots").origin.algorithm
    expected = model.predict_proba(recent[list(model.feature_names_in_)])[:, 1]
    np.testing.assert_array_equal(reference["probability"], expected)
    given = settings().data / "shots" / "champion" / "candidates" / recipe / "track_record.parquet"
    np.testing.assert_array_equal(reference[history.BEFORE], pd.read_parquet(given)["probability"])


def test_a_recalibrated_champion_has_seen_what_the_old_one_had_seen(gated, monkeypatch):
    given = gated()
    data, item = given["data"], Candidate(name=RECALIBRATED, algorithm=RECALIBRATED, rows="train")
    compared = training.compare(R1, [item], data)
    selection = training.select(R1, [training.train(R1, *compared, data)], data)
    judge = gates.judge
    monkeypatch.setattr(gates, "judge", lambda *given: replace(judge(*given), outcome="promote"))
    decision = training.gate(R1, selection, data)
    refitted = refitting.refit(R1, compared, selection, decision, data)
    training.promote(R1, selection, decision, training.verify(R1, decision, refitted), data, refitted)
    champion = registry.require_champion("shots")
    seen = set(pd.read_parquet(champion.training_ids())["shot_id"])
    folder = settings().data / "shots" / "runs" / "training" / "t1"
    for path in (folder / "base_train.parquet", data.train):
        assert set(pd.read_parquet(path)["shot_id"]) <= seen
    assert not seen & set(pd.read_parquet(folder / "base_test.parquet")["shot_id"])


# Second tries


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def killed(monkeypatch, target, name, work, *, after=False, at_call=1):
    """Do `work` in a process that is killed at, or right after, the call of `target.name` that is counted."""
    real, calls = getattr(target, name), []

    def hooked(*args, **kwargs):
        calls.append(name)
        if len(calls) == at_call and not after:
            die()
        result = real(*args, **kwargs)
        return die() if len(calls) == at_call else result

    child = os.fork()
    if not child:
        monkeypatch.setattr(target, name, hooked)
        try:
            work()
        finally:
            os._exit(1)  # it was not killed
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.mark.parametrize(
    ("target", "name", "options"),
    [
        (MlflowClient, "create_model_version", {}),
        (MlflowClient, "create_model_version", {"after": True}),
        (training, "_reference", {}),
        (MlflowClient, "set_registered_model_alias", {}),
        (MlflowClient, "set_registered_model_alias", {"after": True}),
        (MlflowClient, "set_registered_model_alias", {"after": True, "at_call": 2}),
        (storage, "publish", {}),
        (storage, "publish", {"after": True}),
    ],
    ids=["registering", "registered", "written", "aliases", "previous", "champion", "publish", "published"],
)
def test_a_promotion_killed_anywhere_is_finished_by_its_second_try(at, promote_r1, monkeypatch, target, name, options):
    folder = at("gated")
    killed(monkeypatch, target, name, promote_r1, **options)
    assert registry.champion("shots").number in ("1", "2")
    assert promote_r1().version == "2"
    assert (registry.champion("shots").number, registry.by_alias("shots", "previous").number) == ("2", "1")
    assert versions() == 2
    assert len(store().search_logged_models([experiment_id("shots")])) == 2
    assert [(done.flow, done.champion) for done in history.decisions("shots")] == [
        ("retraining", "2"),
        ("training", "1"),
    ]
    assert not list(folder.rglob(".*.partial"))
    assert (folder / "data" / "shots" / "champion").resolve().name == "r1"


@pytest.mark.parametrize("name", ["finalize_logged_model", "set_logged_model_tags"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_refit_killed_while_it_is_stored_stores_one_whole_model(gated, monkeypatch, name, after):
    given = gated()
    store().delete_logged_model(given["verified"].model.id)
    winner = given["selection"].winner
    item = Candidate(name=winner, algorithm=winner.partition(".")[0], rows=given["refitted"].rows)
    compared = training.compare(R1, [item], given["data"])
    refit = lambda: refitting.refit(R1, compared, given["selection"], given["decision"], given["data"])  # noqa: E731
    killed(monkeypatch, MlflowClient, name, refit, after=after)
    refitted = refit()
    assert training.verify(R1, given["decision"], refitted).model == refitted.stored
    assert len(store().search_logged_models([experiment_id("shots")])) == 2
    assert {run.info.status for run in store().search_runs([experiment_id("shots")])} == {"FINISHED"}


@pytest.mark.parametrize(
    ("target", "name"),
    [(storage, "digest"), (tracking.Tracked, "write"), (tracking.Tracked, "dataset"), (tracking, "close_run")],
)
def test_a_candidate_killed_anywhere_is_trained_again_to_the_same_bytes(
    gated, monkeypatch, target, name, mlflow_runs, files
):
    given = gated()
    folder, runs = settings().data / "shots" / "runs" / "retraining" / "r1", mlflow_runs()
    before = files(folder)
    candidate = Candidate(name="decision_tree.recent", algorithm="decision_tree", rows="train")
    (item,) = training.compare(R1, [candidate], given["data"])
    settings_again = os.environ["MLFLOW_TRACKING_URI"]
    killed(monkeypatch, target, name, lambda: training.train(R1, item, given["data"]))
    assert os.environ["MLFLOW_TRACKING_URI"] == settings_again
    training.train(R1, item, given["data"])
    assert files(folder) == before
    assert mlflow_runs() == runs


def test_promoting_twice_leaves_the_same_bytes_one_run_and_one_version(at, promote_r1, mlflow_runs, files):
    folder = at("gated")
    first = promote_r1()
    before = files(folder / "data"), mlflow_runs(), versions()
    assert promote_r1() == first
    assert (files(folder / "data"), mlflow_runs(), versions()) == before


def test_a_whole_training_run_again_ends_where_it_ended(at, published, mlflow_runs):
    from shotclock import flows

    at("trained")
    before, runs = published(), mlflow_runs()
    flows.train("shots", "t1")
    assert published() == before
    assert mlflow_runs() == runs
    assert versions() == 1
