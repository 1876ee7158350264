"""The read model behind pages and dashboard, on the real project."""

from datetime import timedelta

import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.errors import ConfigError
from shotclock.reading import health
from shotclock.store import history, recent, records, tracking
from shotclock.store.run import Run


def row():
    (found,) = health.Projects().overview().projects
    return found


def drifted(share):
    """What a drift check of v1 writes; another share means another parameter too."""
    return records.Drift(
        batch_count=1,
        figures={"drift_share": share},
        verdict="alert",
        reason="so",
        window="w",
        champion="1",
        batches=("b.parquet",),
        synthetic=False,
        threshold_share=share,
    )


def test_a_project_without_a_champion_has_an_empty_row(at):
    at("empty")
    found = row()
    assert (found.champion, found.windows, found.decision, found.fitness.level) == (None, (), None, "unknown")
    assert health.details("shots").competitions == ()


def test_before_its_first_window_a_champion_is_unknown(at):
    at("trained")
    found = row()
    assert (found.champion, found.newest, found.fitness.verdict) == ("1", None, "v1 has not been judged yet")
    assert found.champion_since == found.decision.at


def test_the_first_champion_is_not_fit_on_three_point_shots_and_three_alerts_are_open(at):
    at("alerted")
    found = row()
    assert found.fitness.level == "unfit"
    assert found.fitness.from_start
    assert found.fitness.verdict.startswith(
        "Worse than guessing the base rate, by 1.9% to 3.5%; log-loss skill -0.0263"
    )
    assert sorted(alert.kind for alert in found.open_alerts) == ["degradation", "drift", "new_records"]
    assert found.newest.figure("log_loss_skill").high < 0
    assert [name for name in found.drifted if name in found.rules.columns.features] == [
        "lat",
        "lon",
        "minutes_remaining",
        "period",
        "shot_distance",
    ]
    assert found.newest.batches == ("dataset_kobe_prod",)
    assert (found.new_rows, found.every_new_records) == (5412, 5000)


def test_after_the_retraining_nothing_is_open_and_both_versions_have_their_time(at):
    at("rested")
    found = health.details("shots")
    summary = found.summary
    assert (summary.champion, summary.open_alerts, summary.drifted) == ("2", (), ())
    assert [(tenure.version, tenure.until is None) for tenure in found.tenures] == [("2", True), ("1", False)]
    assert found.tenures[1].until == found.tenures[0].since
    assert [window.champion for window in found.windows] == ["1", "2"]
    assert found.versions == ("2", "1")


def test_each_gate_has_its_decision_its_reason_and_its_candidates_the_winner_first(at):
    at("rested")
    second, first = health.details("shots").competitions
    assert (second.decision.outcome, second.decision.champion) == ("promote", "2")
    assert second.why.startswith("degradation:") or "drift:" in second.why
    assert second.gate.gain.low > second.gate.min_gain > 0
    assert second.gate.rows == 1623
    assert (first.gate.champion, second.gate.champion) == (None, "1")
    assert [candidate.won for candidate in second.candidates] == [True] + [False] * 4
    assert second.candidates[0].name == second.gate.challenger
    assert all(candidate.validation_log_loss for candidate in second.candidates)
    assert {"log_loss", "log_loss_skill"} <= second.candidates[0].holdout.keys()


def test_a_gate_that_waits_for_a_person_is_undecided(at):
    at("gated")
    newest = health.details("shots").competitions[0]
    assert (newest.gate.outcome, newest.decision) == ("promote", None)


def test_the_row_and_the_page_say_the_same(at):
    at("rested")
    short, long = row(), health.details("shots").summary
    assert (short.fitness, short.newest, short.drifted) == (long.fitness, long.newest, long.drifted)


def test_what_the_orchestrator_is_at_is_told(at):
    at("alerted")
    (found,) = health.Projects().overview({"shots": "approval"}).projects
    assert found.fitness.doing == "A new version waits for a person's approval"


def test_only_the_projects_asked_for_are_shown(at):
    at("trained")
    assert health.Projects().overview(only=set()).projects == ()


def test_a_file_that_cannot_be_used_is_named_and_hides_no_other(at):
    folder = at("trained")
    (folder / "projects" / "other.yaml").write_text("name: other\n")
    found = health.Projects().overview()
    assert [summary.name for summary in found.projects] == ["shots"]
    assert "other.yaml" in found.faults[0]
    with pytest.raises(ConfigError, match=r"other\.yaml"):
        health.details("other")


def test_a_changed_project_file_counts_at_once(at):
    folder = at("trained")
    projects, path = health.Projects(), folder / "projects" / "shots.yaml"
    projects.overview()
    path.write_text(path.read_text().replace("title: Kobe", "title: Mr Kobe"))
    (found,) = projects.overview().projects
    assert found.title == "Mr Kobe Bryant's shots"


def test_what_happens_after_the_first_look_is_seen_at_the_next(at):
    at("trained")
    projects = health.Projects()
    assert projects.overview().projects[0].newest is None
    with tracking.tracked(Run("shots", "monitoring", "m9"), "drift", records.Drift) as run:
        run.write(drifted(1.0))
    assert projects.overview().projects[0].newest.drift_share == 1.0


def test_a_check_that_is_tried_again_replaces_what_it_said_before(at):
    at("trained")
    projects = health.Projects()
    for share in (1.0, 0.5):
        with tracking.tracked(Run("shots", "monitoring", "m9"), "drift", records.Drift) as run:
            run.write(drifted(share))
        (found,) = projects.overview().projects
        assert [window.drift_share for window in found.windows] == [share]


def test_a_rollback_stands_among_the_decisions_and_begins_a_time_in_service(at):
    at("rested")
    from shotclock.steps import rollback

    rollback.rollback(Run("shots", "rollback", "b1"), "it was better")
    found = health.details("shots")
    assert (found.competitions[0].gate, found.competitions[0].decision.reason) == (None, "it was better")
    assert [tenure.version for tenure in found.tenures] == ["1", "2", "1"]
    assert found.summary.champion == "1"


def test_skips_are_no_decisions(at):
    at("trained")
    with tracking.tracked(Run("shots", "retraining", "r9"), "decide", records.Decision, name="skip") as run:
        run.write(records.Decision(decision="skip", reason="nothing to do", after="1"))
    assert row().decision.outcome == "promote"
    assert [done.outcome for done in health.details("shots").decisions] == ["promote"]
    assert history.decisions("shots")[0] == row().decision


def test_a_store_of_no_project_at_all_can_be_looked_at_twice(at):
    (at("empty") / "projects" / "shots.yaml").unlink()
    projects = health.Projects()
    assert [projects.overview().projects for _ in range(2)] == [(), ()]


def test_a_run_that_somebody_deleted_is_gone_once_the_copy_is_made_anew(at, monkeypatch):
    at("alerted")
    projects = health.Projects()
    assert len(projects.overview().projects[0].open_alerts) == 3
    MlflowClient(settings().tracking_uri).delete_run(history.alerts("shots")[0].id)
    monkeypatch.setattr(recent, "_LONGEST", timedelta(0))
    for _ in range(4):  # one kind at a look
        (found,) = projects.overview().projects
    assert len(found.open_alerts) == 2
