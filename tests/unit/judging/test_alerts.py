"""From findings to alerts: what fires, what is answered, and how the loop comes to rest."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.config import DriftRules, RetrainingRules
from shotclock.judging.alerts import (
    Alert,
    Decision,
    Finding,
    Signal,
    demotion_signal,
    drift_finding,
    fruitless_in_a_row,
    guard,
    new_records_finding,
    unanswered,
)
from shotclock.judging.verdict import Verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = RetrainingRules(cool_down_days=30, min_new_labels=1000, max_fruitless=3, every_new_records=5000)
ALERTING = Verdict("alert", "5 of 6 columns drifted", {"share": 5 / 6})


def finding(window="w2", champion="1", verdict=ALERTING, kind="drift"):
    return Finding(kind, window, champion, verdict)


def decided(outcome="keep", champion="1", days_ago=1.0, **given):
    rest = {"flow": "retraining", "window": "w1"} | given
    told = {"gate": outcome} | rest
    return Decision("d", outcome, "gain too small", champion, NOW - timedelta(days=days_ago), **told)


def signal(found=None, decisions=(), new_rows=0, rules=RULES):
    return guard(found or finding(), decisions, new_rows=new_rows, now=NOW, rules=rules)


# The guard


@pytest.mark.parametrize("status", ["ok", "warning", "insufficient data"])
def test_only_an_alert_fires(status):
    found = signal(finding(verdict=Verdict(status, "nothing to see")))
    assert (found.fires, found.reason) == (False, f"{status}: nothing to see")


def test_an_alert_fires_with_its_reason_when_nothing_was_decided_yet():
    assert signal() == Signal(True, "5 of 6 columns drifted")


def test_an_alert_about_rows_of_a_broken_feed_starts_nothing_and_is_said_loudly():
    found = guard(finding(), [], new_rows=9999, now=NOW, rules=RULES, broken="size, count")
    assert (found.fires, found.stopped) == (False, True)
    assert found.reason.startswith("BROKEN FEED: size, count stood still") and "5 of 6 columns" in found.reason


def test_a_broken_feed_never_hides_falling_quality():
    found = guard(finding(kind="degradation"), [], new_rows=0, now=NOW, rules=RULES, broken="size, count")
    assert found == Signal(True, "5 of 6 columns drifted")


def test_a_first_training_answers_nothing():
    assert signal(decisions=[decided("promote", flow="training", window="")]).fires


@pytest.mark.parametrize("outcome", ["keep", "promote"])
def test_the_window_that_the_last_retraining_was_about_is_answered(outcome):
    found = signal(finding("w1"), [decided(outcome)])
    assert not found.fires
    assert found.reason == f"answered for this window on 2026-02-28 00:00 ({outcome}): gain too small"


@pytest.mark.parametrize("outcome", ["keep", "promote"])
@pytest.mark.parametrize(("new_rows", "fires"), [(999, False), (1000, True)])
def test_labels_that_come_later_open_the_same_window_again(outcome, new_rows, fires):
    assert signal(finding("w1"), [decided(outcome)], new_rows).fires is fires


@pytest.mark.parametrize(("days", "fires"), [(29.99, False), (30, True), (31, True)])
def test_after_keep_a_new_window_is_silent_until_the_cool_down_is_over(days, fires):
    found = signal(decisions=[decided(days_ago=days)])
    assert found.fires is fires
    assert ("the cool-down after 'keep' ended" if fires else "cool-down after 'keep' on") in found.reason


@pytest.mark.parametrize(("days", "fires"), [(1, False), (30, True)])
def test_after_a_rollback_the_model_that_people_chose_is_left_alone_for_a_while(days, fires):
    back = decided("rollback", days_ago=days, flow="rollback", window="")
    assert signal(decisions=[back, decided("promote", champion="2", days_ago=40)]).fires is fires


def test_after_keep_the_cool_down_alone_does_not_open_the_same_window():
    assert not signal(finding("w1"), [decided(days_ago=365)]).fires


@pytest.mark.parametrize(("new_rows", "fires"), [(0, False), (999, False), (1000, True)])
def test_after_keep_enough_new_labels_end_the_silence(new_rows, fires):
    found = signal(decisions=[decided()], new_rows=new_rows)
    assert found.fires is fires
    assert f"{new_rows:,}" in found.reason


def test_after_promote_a_new_window_of_the_new_champion_fires_at_once():
    assert signal(finding("w2", champion="2"), [decided("promote", champion="2")]).fires


def test_a_keep_about_an_earlier_champion_does_not_silence_the_new_one():
    assert signal(finding(champion="2"), [decided("keep", champion="1")]).fires


def test_three_fruitless_retrainings_stop_alerts_loudly():
    found = signal(decisions=[decided(days_ago=days) for days in (100, 200, 300)], new_rows=4999)
    assert (found.fires, found.stopped) == (False, True)
    assert found.reason.startswith("STOPPED: the last 3 retrainings changed nothing")
    assert "until 5,000 new labelled rows have come (4,999 so far; schedule and manual" in found.reason
    assert "5 of 6 columns drifted" in found.reason


@pytest.mark.parametrize(("every", "least", "new_rows", "fires"), [(5000, 1000, 5000, True), (500, 1000, 600, False)])
def test_after_fruitless_retrainings_silence_is_counted_in_new_labelled_rows(every, least, new_rows, fires):
    rules = RULES.model_copy(update={"every_new_records": every, "min_new_labels": least})
    kept = [decided(days_ago=days) for days in (1, 2, 3)]
    assert signal(decisions=kept, new_rows=new_rows, rules=rules).fires is fires
    assert not signal(decisions=[decided(days_ago=days) for days in (800, 900, 999)], new_rows=0, rules=rules).fires


def test_a_retraining_that_had_too_little_data_is_not_fruitless():
    starved = [decided(days_ago=days, gate="not enough data") for days in (100, 200, 300)]
    assert not signal(decisions=starved).stopped
    assert fruitless_in_a_row([starved[0], decided(), starved[1], decided(gate="promote")]) == 1


@pytest.mark.parametrize(
    "newest", [decided("promote", days_ago=50), decided("keep", flow="training", days_ago=50, window="")]
)
def test_a_promotion_or_a_training_counts_from_the_start_again(newest):
    found = signal(decisions=[newest, *(decided(days_ago=days) for days in (100, 200, 300))])
    assert not found.stopped


outcomes = st.lists(st.sampled_from(["keep", "promote"]), max_size=8)


@given(outcomes)
def test_the_fruitless_ones_are_the_keeps_since_the_last_promotion(history):
    decisions = [decided(outcome) for outcome in history]
    expected = next((place for place, outcome in enumerate(history) if outcome == "promote"), len(history))
    assert fruitless_in_a_row(decisions) == expected


def test_a_mere_refit_of_the_recipe_in_service_is_no_more_than_a_keep():
    refit = decided("promote", champion="2", gate="keep")
    assert refit.kept and not decided("promote", champion="2").kept
    assert fruitless_in_a_row([refit, decided(), decided("promote")]) == 2
    found = signal(finding(champion="2"), decisions=[refit], new_rows=999)
    assert not found.fires and found.reason.startswith("cool-down after 'refit'")
    assert signal(finding(champion="2"), decisions=[refit], new_rows=1000).fires


def test_a_refit_after_too_little_data_is_not_counted_as_fruitless():
    assert fruitless_in_a_row([decided("promote", gate="not enough data"), decided()]) == 1


@given(outcomes, st.floats(0, 60), st.integers(0, 3000))
def test_whatever_fires_would_fire_with_more_time_and_more_labels_too(history, days, new_rows):
    past = [decided(outcome, days_ago=10 + 10 * place) for place, outcome in enumerate(history)]
    older = [decided(outcome, days_ago=10 + days + 10 * place) for place, outcome in enumerate(history)]
    assert signal(decisions=past, new_rows=0).fires <= signal(decisions=older, new_rows=new_rows).fires


@given(outcomes, st.sampled_from(["w1", "w2"]))
def test_an_answered_window_never_fires_without_new_labels(history, window):
    decisions = [decided("keep", window=window, days_ago=1), *(decided(outcome) for outcome in history)]
    assert not signal(finding(window), decisions).fires


# Alerts and what answered them


def alert(window="w1", champion="1", days_ago=2.0, name="a"):
    return Alert(name, "drift", window, champion, "drifted", NOW - timedelta(days=days_ago))


def test_an_alert_that_no_decision_speaks_of_is_open():
    assert unanswered([alert()], [], "1") == [alert()]


def test_a_decision_answers_the_alerts_that_it_names():
    assert unanswered([alert("w9"), alert("w9", name="b")], [decided(answers=("a",))], "1") == [alert("w9", name="b")]


def test_a_decision_answers_earlier_alerts_about_the_window_that_it_used():
    assert unanswered([alert("w1")], [decided(window="w1")], "1") == []


def test_an_alert_that_came_after_the_decision_about_its_window_is_open():
    assert unanswered([alert("w1", days_ago=0.5)], [decided(window="w1", days_ago=1)], "1")


def test_alerts_about_a_model_that_serves_no_longer_are_closed():
    assert unanswered([alert(champion="1")], [], "2") == []


def test_a_decision_without_a_window_answers_only_by_name():
    assert unanswered([alert("")], [decided("keep", window="other", flow="training")], "1") == [alert("")]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["w1", "w2", "w3"])), unique=True, max_size=6))
def test_a_decision_that_names_every_open_alert_leaves_none(found):
    alerts = [alert(window, name=name + window) for name, window in found]
    still_open = unanswered(alerts, [decided(window="w1")], "1")
    answer = decided(answers=tuple(item.id for item in still_open), window="w9")
    assert unanswered(alerts, [answer, decided(window="w1")], "1") == []


# k of n, and new records


def windows(*statuses):
    return [finding(f"w{place}", verdict=Verdict(status, status)) for place, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "k", "n", "status"),
    [
        (["alert"], 1, 1, "alert"),
        (["ok", "alert"], 1, 1, "ok"),
        (["alert", "ok", "ok"], 2, 3, "warning"),
        (["alert", "ok", "alert"], 2, 3, "alert"),
        (["alert", "ok", "ok", "alert"], 2, 3, "warning"),
        (["alert", "alert"], 3, 3, "warning"),
        (["ok", "alert", "alert"], 2, 3, "ok"),
        (["insufficient data", "alert", "alert"], 2, 3, "insufficient data"),
    ],
)
def test_k_of_the_last_n_windows(statuses, k, n, status):
    assert drift_finding(windows(*statuses), DriftRules(windows=k, of_windows=n)).status == status


@given(st.lists(st.sampled_from(["alert", "ok"]), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 4))
def test_asking_for_more_windows_never_turns_quiet_into_an_alert(statuses, k, more):
    n = 6
    loose, strict = (DriftRules(windows=min(n, needed), of_windows=n) for needed in (k, k + more))
    found = [drift_finding(windows(*statuses), rules).status == "alert" for rules in (loose, strict)]
    assert found[1] <= found[0]


def test_what_is_missing_to_k_of_n_is_said():
    verdict = drift_finding(windows("alert", "ok"), DriftRules(windows=2, of_windows=3))
    assert verdict.reason == "alert; 1 of the last 2 windows drifted, 2 of 3 are needed"


@pytest.mark.parametrize(("rows", "status"), [(0, "ok"), (4999, "ok"), (5000, "alert"), (5412, "alert")])
def test_enough_new_records_alert(rows, status):
    verdict = new_records_finding(rows, RULES)
    assert verdict.status == status
    assert verdict.figures == {"new_labelled_rows": rows, "every_new_records": 5000}


PROVEN = Verdict("alert", "v1, the version before, has done better")


@pytest.mark.parametrize(
    ("verdict", "told", "demote", "fires", "said"),
    [
        (PROVEN, False, "on", True, "v1, the version before, has done better: it comes back"),
        (PROVEN, True, "on", True, "v1, the version before, has done better: it comes back"),
        (
            PROVEN,
            False,
            "ask",
            True,
            "v1, the version before, has done better: a person has to put it back into service",
        ),
        (PROVEN, True, "ask", False, "asked on 2026-03-10 00:00, and not answered yet: the reason"),
        (Verdict("ok", "is not"), False, "on", False, "ok: is not"),
    ],
)
def test_the_version_before_is_asked_for_until_it_is_back_and_of_a_person_once(verdict, told, demote, fires, said):
    found = Finding("demotion", "w1", "2", verdict)
    before = [Alert("a1", "demotion", "w1", "2", "the reason", datetime(2026, 3, 10, tzinfo=UTC))] if told else []
    assert demotion_signal(found, before, demote) == Signal(fires, said)


def test_a_retraining_that_kept_the_champion_has_not_answered_a_demotion():
    at = datetime(2026, 3, 10, tzinfo=UTC)
    kept = Decision("d1", "keep", "gain too small", "2", at, window="w1")
    open_ones = [Alert(kind, kind, "w1", "2", "the reason", at) for kind in ("drift", "demotion")]
    assert [alert.kind for alert in unanswered(open_ones, [kept], "2")] == ["demotion"]
