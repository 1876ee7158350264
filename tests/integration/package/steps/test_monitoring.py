"""Monitoring on the real rows, and on windows that allow no verdict."""

import re

import numpy as np
import pytest

from shotclock import flows
from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.judging.alerts import KINDS
from shotclock.judging.verdict import UNLIKE
from shotclock.reading import findings
from shotclock.reading.model import worsening
from shotclock.steps import monitoring
from shotclock.store.run import Run
from shotclock.store.window import recent_rows

M1 = Run("shots", "monitoring", "m1")


def checked(path, number=1):
    """Score a file with the champion and judge the window."""
    flows.score("shots", f"s{number}", path=path)
    run = Run("shots", "monitoring", f"m{number}")
    return monitoring.drift_check(run), monitoring.performance_check(run)


def fired():
    return [kind for kind in KINDS if findings.newest("shots", kind)[1].fires]


# The real window


def test_production_drifts_in_5_of_6_columns_and_playoffs_is_not_among_them(at, stored_runs):
    folder = at("alerted")
    (run,) = stored_runs("drift")
    assert run.data.tags["shotclock.verdict"] == "alert"
    assert run.data.tags["shotclock.reason"].startswith(f"{UNLIKE}: 5 of 6 columns drifted (lat 2.0")
    assert run.data.metrics["drift_share"] == pytest.approx(5 / 6)
    assert run.data.metrics["drift_score_playoffs"] < 0.1
    assert (folder / "data" / "shots" / "monitoring" / "drift_report.html").stat().st_size > 1_000_000


def test_the_report_weighs_the_columns_by_what_they_are_worth_as_the_window_s_page_has_it(at, stored_runs):
    html = (at("alerted") / "data" / "shots" / "monitoring" / "drift_report.html").read_text("utf-8")
    places = re.findall(r"<li><strong>(\w+)</strong>", html)
    assert places[:6] == ["shot_distance", "lon", "minutes_remaining", "lat", "period", "playoffs"]
    assert places[6:] == ["probability", "shot_made_flag"]
    (run,) = stored_runs("drift")
    page = worsening.window("shots", "1", run.data.tags["shotclock.window"])
    assert page.found.worth_before["shot_distance"].value == pytest.approx(0.0649, abs=5e-5)
    assert re.findall(r"worth (\S+ \[.+?\]) of skill", html) == [
        str(page.found.worth_before[name]) for name in places[:6]
    ]


def test_the_report_of_a_version_whose_model_is_gone_says_so(at, monkeypatch):
    folder = at("alerted")

    def gone(version):
        raise StoreError(f"{version.uri}: its files are gone")

    monkeypatch.setattr("shotclock.store.versions.registry.Version.load", gone)
    monitoring.drift_check(M1)
    html = (folder / "data" / "shots" / "monitoring" / "drift_report.html").read_text("utf-8")
    assert "worth to the model is not known: models:/shots/1: its files are gone." in html


def test_the_tree_is_worse_than_the_base_rate_while_its_log_loss_has_fallen(at, stored_runs):
    at("alerted")
    (run,) = stored_runs("performance")
    found = run.data.metrics
    assert found["log_loss_skill_high"] < 0
    assert found["log_loss"] < 0.66 < found["estimate_log_loss"]
    assert (found["rows"], found["rows_scored"], found["rows_new"]) == (5_412, 6_426, 5_412)
    assert run.data.tags["shotclock.verdict"] == "alert"


def test_checking_again_leaves_the_same_report_and_one_run_each(at, mlflow_runs, files):
    folder = at("alerted")
    before = mlflow_runs(), files(folder / "data" / "shots" / "monitoring")
    monitoring.drift_check(M1)
    monitoring.performance_check(M1)
    assert (mlflow_runs(), files(folder / "data" / "shots" / "monitoring")) == before


def test_another_version_than_the_champion_may_be_judged(at):
    at("rested")
    found = monitoring.performance_check(Run("shots", "monitoring", "m9"), version=1)
    assert found.verdict == "alert"


def test_a_champion_that_scored_nothing_yet_cannot_be_judged(at):
    at("trained")
    with pytest.raises(StoreError, match=r"models:/shots/1 has scored nothing yet; trigger shots\.inference first"):
        monitoring.drift_check(M1)


# Windows that allow no verdict


def test_fewer_than_1000_rows_are_no_verdict(at, prod, put):
    at("trained")
    drifted, performed = checked(put(prod.head(999)))
    assert drifted.verdict == performed.verdict == "insufficient data"
    assert drifted.reason.startswith("999 current and 4,057 reference rows, 1,000 are needed")
    assert fired() == []


@pytest.mark.parametrize("kind", [float, object])
def test_labels_that_are_all_missing_are_no_verdict_on_the_model(at, prod, put, kind):
    at("trained")
    flows.score("shots", "s1", path=put(prod.assign(shot_made_flag=None).astype({"shot_made_flag": kind})))
    found = monitoring.performance_check(M1)
    assert (found.verdict, found.reason) == ("insufficient data", "0 labelled rows, 1,000 are needed")


def test_a_window_without_labels_is_judged_by_its_features_alone(at, prod, put):
    at("trained")
    drifted, performed = checked(put(prod.drop(columns="shot_made_flag")))
    assert (drifted.verdict, performed.verdict) == ("alert", "insufficient data")
    assert "labels not judged" in drifted.reason
    assert "Estimate" in performed.summary
    assert fired() == ["drift"]


def test_labels_of_one_class_are_no_verdict_on_the_model(at, prod, put):
    at("trained")
    drifted, performed = checked(put(prod.assign(shot_made_flag=1.0)))
    assert performed.verdict == "insufficient data"
    assert performed.reason.startswith("all 6,426 labels are 1")
    assert "labels not judged: all labels of one window are the same" in drifted.reason


def test_labels_that_come_later_are_joined_by_id(at, prod, put):
    at("trained")
    labels = prod.dropna(subset=["shot_made_flag"])[["shot_id", "shot_made_flag"]]
    change_labels_folder()
    flows.score("shots", "s1", path=put(prod.assign(shot_made_flag=np.nan)))
    assert monitoring.performance_check(M1).verdict == "insufficient data"
    folder = settings().data / "raw" / "late"
    folder.mkdir()
    labels.sample(frac=1, random_state=1).to_parquet(folder / "first.parquet")
    again = monitoring.performance_check(Run("shots", "monitoring", "m2"))
    assert again.verdict == "alert"
    assert findings.newest("shots", "degradation")[1].fires


def change_labels_folder():
    from yaml import safe_dump, safe_load

    from shotclock import config

    path = settings().projects / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    rules["data"]["labels"] = "late"
    path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
    config.project.cache_clear()


# Broken feeds


def test_a_column_that_stands_still_over_small_batches_is_a_broken_feed_and_no_drift(at, prod, put):
    at("trained")
    for start in range(0, len(prod), 999):  # each too small to be told by itself
        path = put(prod.assign(shot_distance=24).iloc[start : start + 999], f"{start}.parquet")
        flows.score("shots", f"s{start}", path=path)
    drifted, _ = checked(path)
    assert drifted.verdict == "insufficient data"
    assert "shot_distance: constant (24) in the current window, but not in the reference: is the feed broken?" in (
        drifted.reason
    )
    assert fired() == ["degradation"]  # a broken feed never hides falling quality


def test_no_retraining_learns_from_the_rows_of_a_broken_feed_and_its_next_good_batch_counts_again(at, prod, put):
    at("trained")
    for start in (0, 900):
        rows = prod.assign(shot_distance=24).iloc[start : start + 900]
        flows.score("shots", f"s{start}", path=put(rows, f"{start}.parquet"))
    checked(put(prod.assign(shot_distance=24).iloc[1800:2700], "1800.parquet"))
    assert recent_rows("shots").rows.num_rows < 900  # the oldest batch stands in no window that was checked
    good = prod.iloc[2700:4700]
    checked(put(good, "good.parquet"), 2)
    assert set(good[good.shot_made_flag.notna()].shot_id) <= set(recent_rows("shots").rows["shot_id"].to_pylist())
    assert recent_rows("shots").rows.num_rows < len(good) + 900


def test_a_window_that_reaches_back_says_which_batches_it_holds(at, prod, put, stored_runs):
    at("trained")
    flows.score("shots", "s1", path=put(prod.head(800), "one.parquet"))
    drifted, _ = checked(put(prod.tail(800), "two.parquet"), 2)
    run = stored_runs("drift")[0]
    assert run.data.tags["shotclock.batches"] == "two.parquet, one.parquet"
    assert run.data.metrics["drift_rows_current"] == 1_600
    assert drifted.verdict == "alert"
