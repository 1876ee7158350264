"""What each kind of MLflow run holds: the names on disk, which stores of earlier versions bear too."""

from dataclasses import MISSING, fields, replace

import pytest

from shotclock.errors import StoreError
from shotclock.store import queries, records, tracking
from shotclock.store.fields import Tag, Values, names, read, tag_name, written
from shotclock.store.run import Run

ON_DISK = {
    "preparation": Values(
        params={"test_share": "0.2", "seed": "42", "features": "lat, lon, period"},
        metrics={"rows_raw": 24271.0, "rows_quarantined": 0.0, "rows_filtered": 20285.0, "rows_train": 16228.0},
        tags={"synthetic": "False"},
    ),
    "training": Values(
        params={"winner": "decision_tree"},
        metrics={"cv_log_loss": 0.6742315036176241},
        tags={"reason": "decision_tree has the lowest log loss, 0.6742"},
    ),
    "candidate": Values(
        params={
            "algorithm": "decision_tree",
            "backend": "scikit-learn",
            "seed": "42",
            "max_depth": "3",
            "min_samples_leaf": "200",
        },
        metrics={
            "cv_log_loss": 0.6281067454120925,
            "cv_roc_auc": 0.5800141261696192,
            "cv_log_loss_std": 0.006763043672855308,
            "validation_log_loss": 0.6390968659300832,
            "holdout_log_loss": 0.6111261046531321,
            "holdout_log_loss_skill": -0.005812011759412927,
        },
        tags={"synthetic": "False", "model_sha256": "35526ce24aae", "tuning": "3f0c", "recipe": "9a51"},
    ),
    "gate": Values(
        params={
            "champion": "None",
            "challenger": "decision_tree",
            "mode": "on",
            "min_gain": "0.001",
            "min_rows": "500",
            "confidence": "0.95",
            "resamples": "2000",
            "seed": "42",
        },
        metrics={
            "gate_rows": 4057.0,
            "gate_champion_log_loss": 0.6921295045494609,
            "gate_challenger_log_loss": 0.6739739785939988,
            "gate_gain": 0.018155525955461962,
            "gate_gain_low": 0.01207370861790952,
            "gate_gain_high": 0.024078619322970406,
            "gate_power": 0.5,
            "gate_more_rows": 12.0,
            "verified_difference": 0.0,
            "churn_flipped": 0.25,
            "churn_flipped_low": 0.2,
        },
        tags={
            "outcome": "promote",
            "reason": "gain over the constant predictor 0.0182",
            "regime": "training",
            "training_run": "a8e59ec82176",
            "verified_sha256": "35526ce24aae",
        },
    ),
    "refit": Values(
        params={
            "recipe": "decision_tree.recent",
            "backend": "scikit-learn",
            "seed": "42",
            "max_depth": "3",
            "min_samples_leaf": "200",
        },
        metrics={"refit_rows": 5412.0},
        tags={"why": "it takes over", "synthetic": "False", "model_sha256": "35526ce24aae"},
    ),
    "decision": Values(
        params={},
        metrics={"labelled_rows": 1624.0},
        tags={
            "decision": "promote",
            "reason": "gain over the champion 0.0278",
            "by": "gate",
            "before": "1",
            "after": "2",
            "gate_run": "143303bddb41",
            "gate_outcome": "promote",
            "regime": "production",
            "window": "2cf869a2d02b9ba5",
            "answers": "e99a34f5523b,398efbe2e445,7b0594849aaa",
            "reference": "True",
            "flow": "retraining",
            "why": "drift: 5 of 6 columns drifted",
        },
    ),
    "retraining": Values(
        params={},
        metrics={},
        tags={"by": "alert", "why": "an alert", "answers": "e99a34f5523b,398efbe2e445", "flow": "retraining"},
    ),
    "batch": Values(
        params={},
        metrics={"number": 1.0},
        tags={
            "number": "1",
            "batch_name": "dataset_kobe_prod.parquet",
            "path": "/data/raw/dataset_kobe_prod.parquet",
            "sha256.batch": "98e4a0c2ed17",
            "synthetic": "False",
            "claimed_by": "kobe_shots/inference/s1/claim",
        },
    ),
    "passed_over": Values(
        params={},
        metrics={},
        tags={"folder": "labels", "file_name": "l1.parquet", "reason": "column 'bought' is missing"},
    ),
    "application": Values(
        params={"model_version": "2", "model_run": "a4fe6af943bd", "partitions": "4"},
        metrics={
            "rows": 6426.0,
            "rows_scored": 6424.0,
            "rows_quarantined": 2.0,
            "rows_positive": 2.0,
            "mean_probability": 0.34696873900079,
        },
        tags={
            "champion": "2",
            "batch": "1",
            "predictions": "/data/kobe_shots/runs/inference/s2/resultado_pipeline.parquet",
            "source": "/data/raw/dataset_kobe_prod.parquet",
            "synthetic": "False",
            "sha256.predictions": "a07e14ce5956",
            "sha256.production": "98e4a0c2ed17",
            "shadow": "1",
            "shadow_predictions": "/data/kobe_shots/runs/inference/s2/shadow.parquet",
            "sha256.shadow": "2c1743a391305fbf",
        },
    ),
    "drift": Values(
        params={"threshold_share": "0.6", "batches": "2"},
        metrics={"drift_score_lat": 0.00790306284097877, "drift_rows_current": 6426.0, "drift_share": 0.0},
        tags={
            "verdict": "ok",
            "reason": "0 of 6 columns drifted: the share 0.00 is below 0.6",
            "broken": "lat, lon",
            "window": "2cf869a2d02b9ba5",
            "champion": "2",
            "batches": "two.parquet, one.parquet",
            "synthetic": "False",
            "report": "/data/kobe_shots/runs/monitoring/m2/drift_report.html",
        },
    ),
    "performance": Values(
        params={"batches": "1"},
        metrics={"rows": 1624.0, "log_loss": 0.6107136460830203, "estimate_rows": 6426.0, "rows_new": 0.0},
        tags={
            "verdict": "insufficient data",
            "reason": "0 labelled rows, 1000 are needed",
            "labels_from": "1998-99.parquet, 1997-98.parquet",
            "window": "2cf869a2d02b9ba5",
            "champion": "2",
            "batches": "dataset_kobe_prod.parquet",
            "synthetic": "False",
        },
    ),
    "shadow": Values(
        params={"batches": "1"},
        metrics={"rows": 1000.0, "gain": 0.02, "gain_low": 0.01, "gain_high": 0.03},
        tags={
            "verdict": "alert",
            "reason": "v1, the version before, has done better",
            "window": "2cf869a2d02b9ba5",
            "champion": "2",
            "batches": "1998-99.parquet",
            "synthetic": "False",
            "shadow": "1",
        },
    ),
    "alert": Values(
        params={},
        metrics={"new_labelled_rows": 5412.0, "every_new_records": 5000.0},
        tags={
            "trigger": "new_records",
            "reason": "5,412 new labelled rows, 5,000 ask for a retraining",
            "window": "2cf869a2d02b9ba5",
            "champion": "1",
        },
    ),
    "stopped": Values(
        params={},
        metrics={},
        tags={
            "trigger": "drift",
            "reason": "STOPPED: the last 3 retrainings changed nothing",
            "window": "2cf869a2d02b9ba5",
            "champion": "1",
        },
    ),
    "policies": Values(
        params={"cut_by": "season", "begin": "1996-11-06", "end": "2016-04-13"},
        metrics={
            "replayed_rows": 5412.0,
            "replayed_blocks": 20.0,
            "log_loss_never": 0.6503,
            "log_loss_the project:u27:s own rules": 0.6292,
            "regret_never": 0.0261,
            "regret_the project:u27:s own rules": 0.005,
            "trainings_never": 0.0,
            "trainings_the project:u27:s own rules": 19.0,
            "money_never": 7038.8,
            "money_the project:u27:s own rules": 7190.6,
        },
        tags={"synthetic": "False"},
    ),
}
"""Every name that each kind of run bears, with values as earlier versions wrote them; tags without `shotclock.`."""

RUN_NAMES = {
    "preparation": "PreparacaoDados",
    "training": "Treinamento",
    "gate": "Gate",
    "retraining": "Retraining: goes on",
    "application": "PipelineAplicacao",
    "drift": "Drift",
    "performance": "Performance",
    "shadow": "Shadow",
    "policies": "Policies",
}
"""Those of the others hold what the run is about: `train` names a candidate, a decision its outcome."""

EXAMPLES = {
    records.Preparation: records.Preparation(
        rows={"raw": 24271, "quarantined": 0, "filtered": 20285, "train": 16228},
        settings={"test_share": "0.2", "seed": "42", "features": "lat, lon, period"},
    ),
    records.Training: records.Training(
        winner="decision_tree",
        score={"cv_log_loss": 0.6742315036176241},
        reason="decision_tree has the lowest log loss, 0.6742",
    ),
    records.Candidate: records.Candidate(
        algorithm="decision_tree",
        backend="scikit-learn",
        seed=42,
        settings={"max_depth": "3", "min_samples_leaf": "200"},
        cv={"log_loss": 0.6281067454120925, "roc_auc": 0.5800141261696192, "log_loss_std": 0.006763043672855308},
        validation_log_loss=0.6390968659300832,
        model_sha256="35526ce24aae",
        tuning="3f0c",
        recipe="9a51",
        holdout={"log_loss": 0.6111261046531321, "log_loss_skill": -0.005812011759412927},
    ),
    records.Gate: records.Gate(
        champion=None,
        challenger="decision_tree",
        min_gain=0.001,
        rules={"mode": "on", "min_rows": "500", "confidence": "0.95", "resamples": "2000", "seed": "42"},
        rows=4057,
        champion_log_loss=0.6921295045494609,
        challenger_log_loss=0.6739739785939988,
        gain=0.018155525955461962,
        gain_low=0.01207370861790952,
        gain_high=0.024078619322970406,
        power=0.5,
        more_rows=12,
        outcome="promote",
        reason="gain over the constant predictor 0.0182",
        regime="training",
        training_run="a8e59ec82176",
        verified_difference=0.0,
        verified_sha256="35526ce24aae",
        churn={"flipped": 0.25, "flipped_low": 0.2},
    ),
    records.Refit: records.Refit(
        recipe="decision_tree.recent",
        backend="scikit-learn",
        seed=42,
        settings={"max_depth": "3", "min_samples_leaf": "200"},
        rows=5412,
        why="it takes over",
        model_sha256="35526ce24aae",
    ),
    records.Decision: records.Decision(
        decision="promote",
        reason="gain over the champion 0.0278",
        by="gate",
        before="1",
        after="2",
        gate_run="143303bddb41",
        gate_outcome="promote",
        regime="production",
        window="2cf869a2d02b9ba5",
        answers=("e99a34f5523b", "398efbe2e445", "7b0594849aaa"),
        reference=True,
        flow="retraining",
        why="drift: 5 of 6 columns drifted",
        labelled_rows=1624,
    ),
    records.Retraining: records.Retraining(by="alert", why="an alert", answers=("e99a34f5523b", "398efbe2e445")),
    records.Entry: records.Entry(
        number=1,
        name="dataset_kobe_prod.parquet",
        path="/data/raw/dataset_kobe_prod.parquet",
        sha256="98e4a0c2ed17",
        synthetic=False,
        claimed_by="kobe_shots/inference/s1/claim",
    ),
    records.PassedOver: records.PassedOver(folder="labels", name="l1.parquet", reason="column 'bought' is missing"),
    records.Application: records.Application(
        model_version="2",
        model_run="a4fe6af943bd",
        rows=6426,
        scored=6424,
        quarantined=2,
        positive=2,
        mean_probability=0.34696873900079,
        champion="2",
        batch=1,
        predictions="/data/kobe_shots/runs/inference/s2/resultado_pipeline.parquet",
        source="/data/raw/dataset_kobe_prod.parquet",
        synthetic=False,
        predictions_sha256="a07e14ce5956",
        source_sha256="98e4a0c2ed17",
        partitions=4,
        shadow="1",
        shadow_predictions="/data/kobe_shots/runs/inference/s2/shadow.parquet",
        shadow_sha256="2c1743a391305fbf",
    ),
    records.Drift: records.Drift(
        threshold_share=0.6,
        batch_count=2,
        figures={"drift_score_lat": 0.00790306284097877, "drift_rows_current": 6426.0, "drift_share": 0.0},
        verdict="ok",
        reason="0 of 6 columns drifted: the share 0.00 is below 0.6",
        broken="lat, lon",
        window="2cf869a2d02b9ba5",
        champion="2",
        batches=("two.parquet", "one.parquet"),
        synthetic=False,
        report="/data/kobe_shots/runs/monitoring/m2/drift_report.html",
    ),
    records.Performance: records.Performance(
        batch_count=1,
        figures={"rows": 1624.0, "log_loss": 0.6107136460830203, "estimate_rows": 6426.0, "rows_new": 0.0},
        verdict="insufficient data",
        reason="0 labelled rows, 1000 are needed",
        labels_from=("1998-99.parquet", "1997-98.parquet"),
        window="2cf869a2d02b9ba5",
        champion="2",
        batches=("dataset_kobe_prod.parquet",),
        synthetic=False,
    ),
    records.Shadow: records.Shadow(
        batch_count=1,
        figures={"rows": 1000.0, "gain": 0.02, "gain_low": 0.01, "gain_high": 0.03},
        verdict="alert",
        reason="v1, the version before, has done better",
        window="2cf869a2d02b9ba5",
        champion="2",
        batches=("1998-99.parquet",),
        synthetic=False,
        shadow="1",
    ),
    records.Alert: records.Alert(
        trigger="new_records",
        reason="5,412 new labelled rows, 5,000 ask for a retraining",
        window="2cf869a2d02b9ba5",
        champion="1",
        figures={"new_labelled_rows": 5412.0, "every_new_records": 5000.0},
    ),
    records.Stopped: records.Stopped(
        trigger="drift",
        reason="STOPPED: the last 3 retrainings changed nothing",
        window="2cf869a2d02b9ba5",
        champion="1",
    ),
    records.Policies: records.Policies(
        cut_by="season",
        begin="1996-11-06",
        end="2016-04-13",
        rows=5412,
        blocks=20,
        log_loss={"never": 0.6503, "the project's own rules": 0.6292},
        regret={"never": 0.0261, "the project's own rules": 0.005},
        trainings={"never": 0, "the project's own rules": 19},
        money={"never": 7038.8, "the project's own rules": 7190.6},
    ),
}
ORIGIN = records.Origin(
    algorithm="decision_tree.recent",
    reason="gain over the champion 0.0278",
    cause="manual",
    flow="retraining",
    run="r1",
    data_sha256="d1",
    rows_path="/data/kobe_shots/runs/retraining/r1/base_train.parquet",
    model_sha256="m1",
    synthetic=True,
    model_card="runs:/1/model_card.html",
    stored_sha256="s1",
    training_ids_sha256="i1",
)


def least(record):
    """The same with all that may be left out left out, and nothing in what gathers several."""
    kept = {part.name: getattr(record, part.name) for part in fields(record)}
    needed = {
        part.name: type(kept[part.name])() if isinstance(kept[part.name], dict | tuple) else kept[part.name]
        for part in fields(record)
        if part.default is MISSING and part.default_factory is MISSING
    }
    return type(record)(**needed)


by_kind = pytest.mark.parametrize("kind", records.KINDS, ids=lambda kind: kind.kind)


# The names


def test_every_kind_of_run_has_its_own_word_and_a_line_in_the_table():
    assert [kind.kind for kind in records.KINDS] == list(ON_DISK)
    assert list(EXAMPLES) == list(records.KINDS)


@by_kind
def test_the_names_on_disk_are_those_that_earlier_versions_wrote(kind):
    assert written(EXAMPLES[kind]) == ON_DISK[kind.kind]


@by_kind
def test_what_earlier_versions_wrote_is_read(kind):
    assert read(kind, ON_DISK[kind.kind]) == EXAMPLES[kind]


@by_kind
def test_an_mlflow_run_is_called_as_people_know_it(kind):
    assert kind.run_name == RUN_NAMES.get(kind.kind, "")


@by_kind
def test_a_tag_is_asked_for_by_the_name_that_it_has_on_disk(kind):
    tags = {tag_name(kind, name) for name, marks in names(kind).items() if any(isinstance(m, Tag) for m in marks)}
    assert tags == {f"shotclock.{name}" for name in ON_DISK[kind.kind].tags}


def test_what_a_version_says_of_itself_stands_in_the_tags_that_earlier_versions_wrote():
    assert written(ORIGIN) == Values(
        params={},
        metrics={},
        tags={
            "algorithm": "decision_tree.recent",
            "reason": "gain over the champion 0.0278",
            "cause": "manual",
            "flow": "retraining",
            "run": "r1",
            "data_sha256": "d1",
            "rows_path": "/data/kobe_shots/runs/retraining/r1/base_train.parquet",
            "model_sha256": "m1",
            "synthetic": "True",
            "model_card": "runs:/1/model_card.html",
            "stored_sha256": "s1",
            "training_ids_sha256": "i1",
        },
    )
    assert read(records.Origin, written(ORIGIN)) == ORIGIN
    assert read(records.Origin, Values({}, {}, {})) == records.Origin(), "one that others registered says nothing"


# There and back


@by_kind
@pytest.mark.parametrize("cut", [lambda record: record, least], ids=["whole", "least"])
def test_a_record_is_read_back_as_it_was_written(kind, cut):
    record = cut(EXAMPLES[kind])
    assert read(kind, written(record)) == record


@pytest.mark.parametrize("champion", [None, "1"])
def test_a_gate_without_a_champion_says_so_in_its_parameter(champion):
    values = written(replace(EXAMPLES[records.Gate], champion=champion))
    assert values.params["champion"] == str(champion)
    assert read(records.Gate, values).champion == champion


def test_a_decision_that_was_skipped_leaves_out_what_it_does_not_know():
    skip = records.Decision(decision="skip", reason="nothing to do", by="alert", flow="retraining", after="2")
    assert set(written(skip).tags) == {"decision", "reason", "by", "flow", "after"}
    answered_none = written(replace(skip, answers=()))
    assert answered_none.tags["answers"] == "" and read(records.Decision, answered_none).answers == ()


def test_what_is_added_to_a_run_later_is_read_with_the_rest_of_it():
    candidate = replace(EXAMPLES[records.Candidate], holdout={})
    first, added = written(candidate), written(records.Holdout(holdout={"f1": 0.5}))
    assert added == Values({}, {"holdout_f1": 0.5}, {})
    both = Values(first.params, {**first.metrics, **added.metrics}, first.tags)
    assert read(records.Candidate, both) == replace(candidate, holdout={"f1": 0.5})


def test_what_a_rollback_is_about_to_do_is_part_of_the_decision_that_it_becomes():
    change = records.Change(before="2", after="1")
    decision = records.Decision(decision="rollback", reason="complaints", before="2", after="1")
    assert written(change).tags.items() <= written(decision).tags.items()
    assert read(records.Change, written(decision)) == change


# What is not whole


@by_kind
def test_a_run_that_lacks_a_tag_is_refused_by_run_kind_and_tag(store, kind):
    required = [
        (part.name, mark)
        for part in fields(kind)
        for mark in names(kind)[part.name][:1]
        if isinstance(mark, Tag) and part.default is MISSING
    ]
    with tracking.tracked(Run("shots", "training", "t1"), "step", kind, name="N") as opened:
        opened.write(EXAMPLES[kind])
    assert [stored.record for stored in queries.newest("shots", kind)] == [EXAMPLES[kind]]
    for name, mark in required:
        tag = f"shotclock.{mark.name or name}"
        value = store.get_run(opened.id).data.tags[tag]
        store.delete_tag(opened.id, tag)
        with pytest.raises(StoreError) as error:
            queries.newest("shots", kind)
        assert f"MLflow run {opened.id} (N) of the kind '{kind.kind}': no tag {tag};" in str(error.value)
        store.set_tag(opened.id, tag, value)


@pytest.mark.parametrize(
    ("kind", "tag"),
    [
        (records.Gate, "outcome"),
        (records.Gate, "regime"),
        (records.Decision, "decision"),
        (records.Decision, "regime"),
        (records.Drift, "verdict"),
        (records.Performance, "verdict"),
        (records.Alert, "trigger"),
        (records.Stopped, "trigger"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_a_word_that_the_kind_does_not_know_is_refused_with_those_that_it_does(kind, tag):
    values = ON_DISK[kind.kind]
    with pytest.raises(ValueError, match=rf"^{tag}: found 'promoet': Input should be '"):
        read(kind, Values(values.params, values.metrics, {**values.tags, tag: "promoet"}))
