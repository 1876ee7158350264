"""What one step hands to the next: JSON on the wire, the same value at the other end, and a named error for anything else."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from shotclock import handoff
from shotclock.errors import (
    ConfigError,
    ConflictError,
    ContractError,
    HandoffError,
    ShotclockError,
    SourceAwayError,
    SourceError,
    StoreError,
)
from shotclock.files.dataset import Part
from shotclock.handoff import (
    AnyData,
    Approval,
    Batch,
    Candidate,
    Cause,
    Checked,
    Compared,
    ComparedPolicies,
    Competitor,
    Cut,
    Done,
    FilteredRows,
    FirstModel,
    FittedBlock,
    Gated,
    Moment,
    OpenAlert,
    PastRows,
    Plan,
    Published,
    RawFile,
    RecentData,
    RecentRows,
    Refitted,
    Result,
    Score,
    ScoredBatch,
    ScoredPartition,
    Selection,
    Sensed,
    Skipped,
    Source,
    StoredModel,
    TrainedCandidate,
    TrainingData,
    ValidBatch,
    ValidRows,
    Verified,
    call,
    from_wire,
    to_wire,
)
from shotclock.judging.gate import Ruling
from shotclock.judging.performance import Figure, Performance
from shotclock.judging.policies import Aged, Comparison, Replayed
from shotclock.models.scoring import Partition, Scored
from shotclock.models.searched import Search, Searched, Tried, Tuned
from shotclock.rows.blocks import Blocks

FIGURE = Figure(0.02, 0.01, 0.03)
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CAUSE = Cause(
    by="alert", why="drift", alerts=(OpenAlert("a1", "drift", "5 of 6", "w1"), OpenAlert("a2", "drift", "", "w1"))
)
FILE = {"path": "/raw/x.parquet", "rows": 9, "sha256": "ab", "synthetic": False}
PARTS = {"train": "/t", "test": "/h", "rows": {"train": 7, "test": 2}, "sha256": "cd", "synthetic": True}
BATCH = {"number": 3, "name": "may.parquet", "path": "/raw/may.parquet", "sha256": "ef"}
CUT = Cut(Partition(number=1, of=2, start=10, rows=10, groups=(1, 2), file_rows=20), "2", "/repeated", "0af3")
RESULTS = [
    Source(**FILE, summary="nine rows"),
    ValidRows(**FILE, valid="/v", quarantined=1),
    FilteredRows(path="/f", rows=8, source=RawFile(**FILE, quarantined=1)),
    TrainingData(**PARTS, file="/raw/x.parquet", split_seed=42, all="/filtered", mlflow_run_id="r"),
    Plan(cause=CAUSE),
    Plan(cause=CAUSE, skip="every alert is answered"),
    RecentRows(recent="/r", rows=9, sizes=(4, 5), window="w1", synthetic=False, cause=CAUSE),
    RecentData(
        **PARTS,
        all="/all",
        window="w1",
        cause=CAUSE,
        blocks=Blocks(older=5, cuts=(5, 7, 9), judging=7),
        recalibrates=True,
    ),
    Compared(name="recalibrated", algorithm="recalibrated_champion", rows="train", seed=7, tuned=None),
    Compared(
        name="tree.recent",
        algorithm="decision_tree",
        rows="all",
        seed=7,
        tuned=Tuned(
            Search(
                "pycaret",
                (Tried({"C": 1.0, "max_depth": None}, (0.7, 0.6)), Tried({"C": 10.0, "max_depth": 3}, (0.6, 0.5))),
                1,
                [{"log_loss": 0.6, "f1": 0.5}, {"log_loss": 0.5, "f1": 0.5}],
                cut_short=True,
            ),
            rows=100,
            newest="00000000000000ff",
            by="r1",
        ),
    ),
    TrainedCandidate(
        name="tree.recent",
        rows="train",
        model="/m",
        model_sha256="aa",
        cv={"log_loss": 0.6},
        score=Score("validation_log_loss", 0.61),
        params={"max_depth": "3"},
        seed=7,
        record="/record",
    ),
    Selection(
        winner="tree",
        reason="lowest",
        rows="all",
        model="/m",
        training_run_id="t",
        candidates={
            "tree": Competitor(model="/m", model_sha256="aa", score=Score("cv_log_loss", 0.6), mlflow_run_id="c")
        },
        params={},
        seed=7,
    ),
    Gated(
        champion=None,
        challenger="tree",
        regime="training",
        ruling=Ruling("promote", "better", 500, "constant predictor", 0.95, FIGURE, 0.69, 0.67),
        figures={"tree": {"log_loss": 0.67}},
        measured=Performance(rows=500, positives=240, confidence=0.95, log_loss=FIGURE),
        scores="/s",
        stored=StoredModel("models:/m-1", "m-1", "ee"),
    ),
    Refitted(summary="nothing is fitted"),
    Refitted(
        recipe="tree",
        rows="train",
        learnt=9,
        training_ids="/ids",
        model="/m",
        model_sha256="aa",
        params={"max_depth": "3"},
        scores="/s2",
        measured=Performance(rows=500, positives=240, confidence=0.95, log_loss=FIGURE),
        measured_on="/s3",
        stored=StoredModel("models:/m-2", "m-2", "ff"),
        mlflow_run_id="r2",
    ),
    Verified(summary="nothing to verify"),
    PastRows(training="/t", test="/h", later="/l", cuts=(0, 4, 9), begin=DAY, ends=(DAY, DAY), cut_by="season"),
    Moment(block=1, begin=DAY, tuned=(Searched("tree", Search("scikit-learn", (Tried({"C": 1.0}, (0.7,)),), 0, [])),)),
    FittedBlock(
        block=0,
        given="/fits/block_00.parquet",
        drifted=(False, True),
        first=FirstModel(2, Performance(rows=500, positives=240, confidence=0.95, log_loss=FIGURE)),
    ),
    ComparedPolicies(
        comparison=Comparison(
            "shots",
            9,
            2,
            "season",
            "2026-01-01",
            "2026-01-02",
            (Replayed("never", 0.6, 0.01, 0, 0, "x"),),
            (Aged(0, 5, 0.0),),
        )
    ),
    Verified(model=StoredModel("models:/m-1", "m-1", "ee"), difference=1e-16),
    Done(decision="promote", reason="better", version="2"),
    Done(decision="keep", reason="not better", champion="1", skip="the champion stays"),
    Batch(**BATCH),
    ValidBatch(**BATCH, rows=20),
    ValidBatch(**BATCH, rows=20, cut=CUT),
    ScoredBatch(predictions="/p", batch=3, rows=20, version="2"),
    ScoredPartition(
        batch=ValidBatch(**BATCH, rows=20),
        cut=CUT,
        scored=Scored(rows=10, scored=9, quarantined=1, reasons={"lat: null": 1}, mean_probability=0.4, positive=3),
        part=Part("part-1", 9, "aa"),
    ),
    Published(rows=20, version="2", batches=(3, 4)),
    Checked(verdict="alert", reason="5 of 6", window="w1", report="/report.html"),
    Sensed(trigger="drift", reason="5 of 6", window="w1", champion="1", fires=True, figures={"drift_share": 0.83}),
    Sensed(trigger="drift", reason="silent", window="w1", champion="1", fires=False, skip="silent"),
    Skipped(skip="nothing new to score"),
    Approval(approved=False, by="Ann", because="not before the finals"),
    Candidate(name="tree", algorithm="decision_tree", rows="train"),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_survives_its_way_as_json(result):
    assert from_wire(type(result), json.loads(json.dumps(to_wire(result)))) == result


def test_every_result_there_is_was_tried():
    there = {each for each in vars(handoff).values() if isinstance(each, type) and issubclass(each, Result)}
    assert there - {Result, handoff.Data} <= {type(result) for result in RESULTS}


def test_what_holds_its_default_does_not_travel():
    assert to_wire(Checked(verdict="ok", reason="fine", window="w1")) == {
        "verdict": "ok",
        "reason": "fine",
        "window": "w1",
    }


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_misspelt_key_is_refused_and_named(result):
    wire = to_wire(result)
    key = next(iter(wire))
    with pytest.raises(HandoffError, match=rf"{type(result).__name__}: {key[:-1]}"):
        from_wire(type(result), {key[:-1] if name == key else name: value for name, value in wire.items()})


def test_training_and_retraining_data_are_told_apart_by_what_they_hold():
    for data in (result for result in RESULTS if isinstance(result, handoff.Data)):
        assert type(from_wire(AnyData, to_wire(data))) is type(data)


def test_a_candidate_learns_from_the_rows_that_it_names():
    training, recent = (result for result in RESULTS if isinstance(result, handoff.Data))
    assert [training.of(part) for part in ("train", "all")] == ["/t", "/t"]
    assert [recent.of(part) for part in ("train", "all")] == ["/t", "/all"]
    assert (training.everything, recent.everything) == ("/filtered", "/all")
    assert dataclasses.replace(training, all="").everything == "/t"  # handed over by a task from before
    assert (training.seen, recent.seen) == (("/t",), ())


def test_a_refit_stands_in_the_place_of_what_was_selected_and_measured():
    selection, gated, refitted = (
        next(result for result in RESULTS if isinstance(result, kind) and getattr(result, "recipe", "tree"))
        for kind in (Selection, Gated, Refitted)
    )
    shipped = refitted.shipped(selection)
    assert (shipped.winner, shipped.rows, shipped.model, shipped.mlflow_run_id) == ("tree", "train", "/m", "r2")
    assert (shipped.params, shipped.candidates) == ({"max_depth": "3"}, selection.candidates)
    measured = refitted.as_measured(gated)
    assert (measured.challenger, measured.measured, measured.scores) == ("tree", refitted.measured, "/s3")
    assert measured.ruling == gated.ruling


def split(run: str, filtered: FilteredRows, seed: int | None = None) -> tuple[str, FilteredRows, int | None]:
    return run, filtered, seed


FILTERED = RESULTS[2]


def test_a_step_is_called_with_what_it_asks_for():
    assert call(split, "run", {"filtered": to_wire(FILTERED), "seed": "7"}) == ("run", FILTERED, 7)
    assert call(split, "run", {"filtered": to_wire(FILTERED), "seed": None}) == ("run", FILTERED, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"filtered": to_wire(FILTERED), "sead": 7}, "split: unknown argument sead; it takes run, filtered, seed"),
        ({"filtered": to_wire(FILTERED), "seed": "seven"}, "split, argument 'seed': found 'seven'"),
        ({"filtered": {"path": "/f"}}, "split, argument 'filtered': rows: .*"),
        ({"filtered": to_wire(FILTERED) | {"extra": 1}}, "split, argument 'filtered': extra: found 1"),
        ({"filtered": None}, "split, argument 'filtered': found None"),
    ],
)
def test_what_a_step_cannot_take_is_named(arguments, said):
    with pytest.raises(HandoffError, match=said):
        call(split, "run", arguments)


def test_who_is_told_of_the_arguments_sees_them_as_the_step_does():
    told = []
    call(split, "run", {"filtered": to_wire(FILTERED)}, seen=lambda name, value: told.append((name, value)))
    assert told == [("filtered", FILTERED)]


def test_results_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RESULTS[0].rows = 1


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (ShotclockError, False),
        (ConfigError, False),
        (SourceError, False),
        (SourceAwayError, True),
        (ContractError, False),
        (HandoffError, False),
        (ConflictError, False),
        (StoreError, True),
    ],
)
def test_an_error_says_whether_trying_again_can_help(error, may_pass):
    assert error("said").may_pass is may_pass
