"""The years go by: the real production rows season by season, through the flows without Airflow."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.config import settings
from shotclock.files import storage
from shotclock.handoff import Done
from shotclock.judging import alerts
from shotclock.judging.alerts import KINDS
from shotclock.projects.split_history import split_history
from shotclock.reading import findings
from shotclock.reading import history as told
from shotclock.reading.status import lines as told_in_lines
from shotclock.steps.intake import ingest_batches
from shotclock.store import history, queries, records, window
from shotclock.store.intake import ledger
from shotclock.store.run import Run
from shotclock.store.versions import registry

ROWS = {"1996-97": 159, "1997-98": 234, "1998-99": 124, "1999-00": 208, "2000-01": 234, "2001-02": 190, "2002-03": 386}
LABELLED = {"1996-97": 127, "1997-98": 193, "1998-99": 111, "1999-00": 177, "2000-01": 195, "2001-02": 161}


class Seasons:
    """The project `shots` with a folder of batches, and the seasons that can be put into it."""

    def __init__(self) -> None:
        self.cut = split_history("shots", "season", into="seasons")
        self.names = [part.file.removesuffix(".parquet") for part in self.cut.files]
        self.folder = settings().data / "raw" / "arrivals"
        self.folder.mkdir()
        self._number = 0

    def put(self, *names, labels=True):
        for name in names:
            rows = pq.read_table(settings().data / "raw" / "seasons" / f"{name}.parquet")
            storage.write_table(
                rows if labels else rows.drop_columns(["shot_made_flag"]), self.folder / f"{name}.parquet"
            )

    def label(self, *names):
        """The labels of these seasons come, in a file of their own."""
        for name in names:
            rows = pq.read_table(settings().data / "raw" / "seasons" / f"{name}.parquet")
            late = settings().data / "raw" / "late" / f"{name}.parquet"
            storage.write_table(rows.select(["shot_id", "shot_made_flag"]), late)

    def score(self):
        self._number += 1
        return flows.score("shots", f"s{self._number}")

    def check(self):
        self._number += 1
        return flows.check("shots", f"m{self._number}")

    def come_to_rest(self):
        """What Airflow does after a batch. Gives the ends of the retrainings."""
        ends = []
        for _ in range(4):
            scored = self.score()
            if scored.skip:
                return ends
            if not fired(self.check()):
                return ends
            self._number += 1
            ends.append(flows.retrain("shots", f"r{self._number}", by="alert"))
            if not (isinstance(ends[-1], Done) and ends[-1].decision == "promote"):
                return ends
        pytest.fail(f"no rest: {ends}")


def fired(found):
    return [kind for kind in KINDS if found.sensors[kind].fires]


def change(**sections):
    path = settings().projects / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    for name, values in sections.items():
        rules[name] = rules[name] | values
    path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
    config.project.cache_clear()


@pytest.fixture
def seasons(at):
    at("trained")
    change(data={"batches": "arrivals", "labels": "late"})
    return Seasons()


@pytest.fixture
def performance(stored_runs):
    """`performance()`: what the newest run `Performance` holds, under its names in MLflow."""
    return lambda: stored_runs("performance")[0].data


# The windows


def test_the_seasons_hold_all_6426_rows(seasons):
    assert seasons.cut.rows == 6_426
    assert {part.file.removesuffix(".parquet"): part.rows for part in seasons.cut.files[:7]} == ROWS


def test_windows_reach_back_until_they_hold_the_minimum_and_name_their_batches(seasons, stored_runs):
    total = 0
    for name in list(ROWS)[:5]:
        seasons.put(name)
        seasons.score()
        found = seasons.check()
        total += ROWS[name]
        assert found.drift_check.reason.startswith(f"{total} current and 4,057 reference rows, 1,000 are needed")
        assert fired(found) == []
    seasons.put("2001-02")
    seasons.score()
    found = seasons.check()
    assert found.drift_check.verdict == "alert"  # 1,149 rows: six seasons
    drift = stored_runs("drift")[0]
    assert drift.data.tags["shotclock.batches"] == ", ".join(f"{name}.parquet" for name in reversed(list(ROWS)[:6]))
    assert drift.data.metrics["drift_rows_current"] == sum(list(ROWS.values())[:6])
    seasons.put("2002-03")
    seasons.score()
    seasons.check()
    drift = stored_runs("drift")[0]
    assert drift.data.tags["shotclock.batches"] == "2002-03.parquet, 2001-02.parquet, 2000-01.parquet, 1999-00.parquet"
    assert drift.data.metrics["drift_rows_current"] == 386 + 190 + 234 + 208


def test_new_records_are_counted_over_batches(seasons, performance):
    seen = 0
    for name, labelled in LABELLED.items():
        seasons.put(name)
        seasons.score()
        found = seasons.check()
        seen += labelled
        assert performance().metrics["rows_new"] == seen
        assert found.sensors["new_records"].reason.startswith(f"ok: {seen:,} new labelled rows")
    change(retraining={"every_new_records": seen})
    assert findings.newest("shots", "new_records")[1].fires


def test_where_the_window_has_too_few_labels_the_batches_before_it_lend_theirs(seasons, performance):
    seasons.put(*list(ROWS)[:7])
    seasons.score()
    found = seasons.check()
    # four seasons are 1,018 rows, but only 854 labels: two more seasons are needed for 1,000
    assert found.performance_check.verdict == "alert"
    assert performance().tags["shotclock.labels_from"] == "1998-99.parquet, 1997-98.parquet"
    assert performance().metrics["rows"] == 854 + 111 + 193
    assert performance().metrics["rows_scored"] == 1_018
    assert "some of them from the batches before it: 1998-99.parquet, 1997-98.parquet" in (
        found.performance_check.summary
    )


# The ledger


def test_files_are_taken_in_once_in_the_order_of_time_and_scored_once(seasons):
    seasons.put(*seasons.names)
    scored = seasons.score()
    assert (scored.rows, scored.batches) == (6_426, tuple(range(1, 21)))
    assert [batch.name.removesuffix(".parquet") for batch, _ in ledger.arrivals("shots")] == seasons.names
    again = seasons.score()
    assert again.skip == "nothing new to score: champion v1 has scored every batch of its window"
    assert len(queries.newest("shots", records.Application, most=100)) == 20


def test_without_a_champion_nothing_is_taken_in_and_nothing_fails(at):
    at("empty")
    change(data={"batches": "arrivals"})
    seasons = Seasons()
    seasons.put("1996-97")
    assert (
        seasons.score().skip
        == "nothing new to score: project 'shots' has no champion yet; trigger shots.training first"
    )
    assert ledger.entries("shots") == []
    flows.train("shots", "t1")
    assert seasons.score().batches == (1,)


RIVAL = """
import json, sys
from shotclock.store.run import Run
from shotclock.steps.intake import ingest_batches
import shotclock.store.versions.registry
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([batch.name for batch in ingest_batches(Run("shots", "inference", sys.argv[1]))]))
"""


def test_of_two_processes_that_ingest_at_once_each_season_goes_to_one(seasons):
    seasons.put(*seasons.names)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    rivals = [subprocess.Popen([sys.executable, "-c", RIVAL, f"r{n}"], **pipes) for n in range(2)]
    assert [rival.stdout.readline() for rival in rivals] == ["ready\n"] * 2
    for rival in rivals:
        rival.stdin.write("go\n")
        rival.stdin.flush()
    claimed = [json.loads(rival.communicate()[0].splitlines()[-1]) for rival in rivals]
    assert sorted(claimed[0] + claimed[1]) == [f"{name}.parquet" for name in seasons.names]
    assert [batch.number for batch in ledger.entries("shots")] == list(range(20, 0, -1))


def test_a_batch_that_another_run_has_taken_in_is_left_to_it(seasons):
    seasons.put("1996-97", "1997-98")
    ingest_batches(Run("shots", "inference", "rival"))  # taken in, not scored yet
    assert ingest_batches(Run("shots", "inference", "s1")) == []


# The loop


def test_the_loop_rests_after_each_season_and_rows_too_few_for_the_gate_refit_what_serves(seasons, performance):
    change(gate={"min_rows": 1600})
    for name in list(ROWS)[:5]:
        seasons.put(name)
        assert seasons.come_to_rest() == []
    seasons.put("2001-02")
    (end,) = seasons.come_to_rest()
    assert (end.decision, end.version) == ("promote", "2")
    assert "964 rows to judge by, 1,600 are needed" in end.reason
    for name in ("2002-03", "2003-04", "2004-05"):
        seasons.put(name)
        assert seasons.come_to_rest() == []  # the cool-down: 921 new labels
    assert performance().metrics["rows_new"] == 921
    seasons.put("2005-06")
    (end,) = seasons.come_to_rest()  # 2,350 labelled rows: enough
    assert end.decision == "promote"
    assert alerts.fruitless_in_a_row(history.decisions("shots")) == 0
    assert queries.newest("shots", records.Decision, where={"decision": "skip"}) == []
    (newest, *_) = window.scored_batches("shots", registry.require_champion("shots"))
    assert newest.source.endswith("2005-06.parquet")
    assert performance().metrics["rows_new"] == 0

    lines = told.batches("shots")
    assert [line.batch for line in lines] == seasons.names[:10]
    assert {line.batch: line.rows for line in lines[:7]} == ROWS
    assert [line.champion for line in lines] == ["1"] * 5 + ["2"] * 4 + ["3"]
    assert lines[5].window == tuple(seasons.names[:6])
    assert lines[5].alerts == ("drift",)
    assert lines[5].drift_share == pytest.approx(5 / 6)
    assert [done.outcome for done in lines[9].decisions] == ["promote"]
    shown = [told_in_lines.batch(line) for line in lines]
    assert "1996-97 … 2001-02 (6 batches)" in shown[5] and "v2 in service afterwards" in shown[5]
    assert "promote: the recipe in service stays, refitted" in " ".join(shown[5].split())
    assert "promote; v3 in service afterwards" in shown[9]
    assert [judged.version for judged in lines[9].judged] == ["2", "3"]


# Labels that come later


def test_a_window_without_labels_is_judged_again_once_they_have_come(seasons, performance):
    seasons.put(*list(ROWS)[:6], labels=False)
    seasons.score()
    found = seasons.check()
    before = found.performance_check
    assert (before.verdict, before.reason) == ("insufficient data", "0 labelled rows, 1,000 are needed")
    assert "estimate_log_loss_error" not in performance().metrics
    assert fired(found) == ["drift"]

    seasons.label(*list(ROWS)[:5])
    assert seasons.check().performance_check.reason == "803 labelled rows, 1,000 are needed"
    change(degradation={"min_rows": 900})
    seasons.label("2001-02")
    found = seasons.check()
    after = found.performance_check
    assert (after.verdict, after.window) == ("alert", before.window)
    assert "degradation" in fired(found)
    assert performance().metrics["rows"] == performance().metrics["rows_new"] == sum(LABELLED.values())


def test_labels_of_older_batches_are_judged_while_the_newest_have_none_yet(seasons, performance):
    seasons.put(*list(ROWS)[:7], labels=False)
    seasons.put("2003-04", "2004-05", "2005-06", labels=False)
    seasons.score()
    assert seasons.check().performance_check.verdict == "insufficient data"
    seasons.label(*list(ROWS)[:7])
    found = seasons.check().performance_check
    assert found.verdict == "alert"
    assert performance().tags["shotclock.batches"] == "2005-06.parquet, 2004-05.parquet, 2003-04.parquet"
    assert performance().tags["shotclock.labels_from"].startswith("2002-03.parquet, 2001-02.parquet, 2000-01.parquet")


def test_the_estimate_stands_beside_its_own_past_error_once_labels_are_there(seasons, performance):
    seasons.put(*list(ROWS)[:6])
    seasons.score()
    summary = seasons.check().performance_check.summary
    found = performance().metrics
    # the tree thinks that it is on two-point shots: its own estimate is too pessimistic about three-point shots
    assert found["estimate_log_loss_error"] == pytest.approx(0.027, abs=0.005)
    assert f"advisory; where labels have come it is off by {found['estimate_log_loss_error']:+.4f}" in summary
