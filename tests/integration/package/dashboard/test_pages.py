"""Every page in Streamlit's own test frame: nothing raises, and what is shown is what the store says."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from yaml import safe_dump, safe_load

from shotclock import config
from shotclock.config import settings
from shotclock.judging.policies import Aged, Comparison, Replayed
from shotclock.reading import demonstration
from shotclock.store import queries, records
from shotclock.store.run import Run
from shotclock.store.server.client import find_experiment
from shotclock.store.tracking import tracked
from shotclock.words.glossary import HELP

APP = Path(__file__).parents[4] / "dashboard" / "app.py"
PAGES = ("quality", "data", "retrainings", "policies", "trial")


@pytest.fixture
def open_page(at, monkeypatch):
    """`open_page("trained", "data")`: the page as it is shown at that stage of the loop."""

    monkeypatch.setenv("SHOTCLOCK_DASHBOARD_ALONE", "1")

    def opened(stage: str | None, page: str) -> AppTest:
        if stage:
            at(stage)
        st.cache_resource.clear()  # the stages take the same address one after the other
        app = AppTest.from_file(APP, default_timeout=60).run()
        return ran(app if page == "quality" else app.switch_page(f"shotclock_dashboard/views/{page}.py").run())

    yield opened
    st.cache_resource.clear()


def ran(app: AppTest) -> AppTest:
    assert [error.message for error in app.exception] == []
    return app


def said(app: AppTest) -> str:
    """All text on the page, without the marks that make it harmless."""
    shown = [
        element.value
        for kind in ("title", "subheader", "markdown", "caption", "info", "warning")
        for element in app.get(kind)
    ]
    return "\n".join(shown).replace("\\", "")


def all_pages(app: AppTest) -> list[str]:
    """What each page says, one after the other as a reader goes through them."""
    return [said(ran(app.switch_page(f"shotclock_dashboard/views/{page}.py").run())) for page in PAGES]


def test_before_the_first_training_every_page_says_that_no_model_is_in_service(open_page):
    for told in all_pages(open_page("empty", "quality")):
        assert "No model is in service yet" in told
        assert "shotclock train shots" in told


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("trained", "v1 has not been judged yet"),
        ("alerted", "Worse than guessing the base rate, by 1.9% to 3.5%"),
        (
            "rested",
            "Nobody can tell yet: 0 labelled rows, 1,000 are needed; 5,412 labelled rows of this window are those",
        ),
    ],
)
def test_every_page_begins_with_the_three_answers_in_their_order(open_page, stage, answer):
    for told in all_pages(open_page(stage, "quality")):
        asked = ("Is the model fit for use?", answer, "Since when not?", "What is being done about it?")
        places = [told.index(part) for part in asked]
        assert places == sorted(places)


def test_an_unfit_model_is_called_so_with_a_sign_besides_its_colour(open_page):
    told = said(open_page("alerted", "quality"))
    assert ":material/cancel: :red[Not fit]" in told
    assert "A retraining has to answer: degradation and drift and new records" in told


def test_quality_shows_the_newest_windows_figures_with_their_intervals(open_page):
    app = open_page("alerted", "quality")
    newest = queries.newest("shots", records.Performance)[0].record.figures
    for metric, name in zip(app.metric, ("log_loss_skill", "log_loss", "accuracy", "f1"), strict=True):
        assert metric.value == f"{newest[name]:.4f}"
        assert metric.delta == f"interval [{newest[f'{name}_low']:.4f}, {newest[f'{name}_high']:.4f}]"
        assert metric.help
    assert "5,412 labelled rows" in said(app)


def test_every_window_stands_in_the_table_also_one_that_the_champion_has_learnt_from(open_page):
    app = open_page("rested", "quality")
    assert [list(row)[2] for row in app.dataframe[0].value.to_numpy()] == ["v2", "v1"]


def test_an_older_window_can_be_chosen_and_the_address_keeps_it(open_page):
    app = open_page("rested", "quality")
    (chosen,) = app.selectbox
    assert [option.rpartition(", ")[2] for option in chosen.options] == ["v2", "v1"]
    ran(chosen.select_index(1).run())
    assert app.metric[0].value == "-0.0263"
    assert "".join(app.query_params["window"]).endswith("/v1")


def test_data_of_the_version_before_can_be_looked_at(open_page):
    app = open_page("rested", "data")
    assert "reference of v2: 5,412 rows" in said(app)
    ran(app.segmented_control[0].set_value("previous").run())
    assert "reference of v1: 4,057 rows" in said(app)
    assert "score 2.0" in said(app)


def test_a_champion_that_was_not_checked_yet_says_what_to_do(open_page):
    told = said(open_page("trained", "quality"))
    assert "v1 has not been checked yet" in told
    assert "shotclock score shots" in told


def test_data_names_the_columns_that_drifted_and_both_sides_sizes(open_page):
    app = open_page("alerted", "data")
    told = said(app)
    badges = [text.value for text in app.markdown if "badge[" in text.value]
    assert [":red-badge" in badge for badge in badges] == [True, True, True, True, False, True, True, True]
    assert "6,426 rows; reference of v1: 4,057 rows" in told
    assert "mean 0.32927 now, 0.47745 in the reference" in told


def test_data_before_the_first_scoring_says_so(open_page):
    assert "models:/shots/1 has scored nothing yet" in said(open_page("trained", "data"))


def test_retrainings_tell_cause_answered_alerts_and_reason(open_page):
    app = open_page("rested", "retrainings")
    told = said(app)
    for part in (
        "Caused by** alerts: ",
        "answered: **degradation**: worse than guessing the base rate",
        "answered: **drift**: the rows are no longer like those that it was judged on: 5 of 6 columns drifted",
        "answered: **new records**: 5,412 new labelled rows",
        "gain over the champion",
        "gain over the constant predictor",
    ):
        assert part in told, part
    newest = queries.newest("shots", records.Decision)[0]
    place = f"experiments/{find_experiment('shots')}/runs/{newest.id}?workflowType=machine_learning"
    assert f"[MLflow run {newest.id}](http://127.0.0.1:5000/#/{place})" in told
    names = app.dataframe[0].value["candidate"].tolist()
    assert len(names) == 5
    assert names[0].endswith("★")


def test_a_reason_that_speaks_of_nats_says_what_they_are(open_page):
    told = [line for line in open_page("rested", "retrainings").markdown if line.value.startswith("**Reason**")]
    assert [line.help == HELP["nats"] for line in told] == ["nats" in line.value for line in told]
    assert any(line.help for line in told)


def test_an_open_alert_stands_above_the_retrainings(open_page):
    assert sum("Open alert" in warning.value for warning in open_page("alerted", "retrainings").warning) == 3


def test_the_candidates_of_an_earlier_training_can_be_chosen(open_page):
    app = open_page("rested", "retrainings")
    first = app.selectbox[0].options[-1]
    ran(app.selectbox[0].select(first).run())
    assert sorted(name.rstrip(" ★") for name in app.dataframe[0].value["candidate"]) == [
        "decision_tree",
        "logistic_regression",
    ]


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label.rpartition(": ")[2]: metric.value for metric in app.metric}


def test_when_to_retrain_says_how_to_compare_and_then_shows_the_newest_comparison(open_page):
    app = open_page("alerted", "policies")
    assert "trigger the DAG shots.policies, or call: shotclock policies shots" in said(app)
    never = Replayed("never", 0.65, 0.02, 0, 0, "gate: {mode: dry_run}", "never", 99.0)
    found = Comparison("shots", 900, 3, "season", "2026-01-01", "2026-03-31", (never,), (Aged(0, 900, 0.0),))
    with tracked(Run("shots", "policies", "p1"), "replay", records.Policies) as record:
        rows = {"cut_by": "season", "begin": found.begin, "end": found.end, "rows": 900, "blocks": 3}
        record.write(records.Policies(**rows, log_loss={"never": 0.65}, regret={"never": 0.02}, trainings={"never": 0}))
        record.json(asdict(found), records.COMPARISON)
    told = ran(app.run())
    assert "900 labelled rows from 2026-01-01 to 2026-03-31 in 3 blocks (each a season)" in said(told)
    assert told.code[0].value == never.yaml
    (row,) = told.dataframe[0].value.to_dict("records")
    assert row == {
        "policy": "✖ never",
        "log loss": "0.6500",
        "regret": "0.0200",
        "trainings": 0,
        "another recipe took over": 0,
        "money": "99.00",
    }


def test_a_spot_shows_both_versions_probabilities_to_six_decimals(open_page):
    app = open_page("rested", "trial")
    by_key = {widget.key: widget for widget in (*app.number_input, *app.slider, *app.toggle)}
    by_key["shots/spot/x"].set_value(-22.0)
    by_key["shots/spot/y"].set_value(6.0)
    by_key["shots/period"].set_value(4)
    by_key["shots/minutes_remaining"].set_value(0)
    by_key["shots/playoffs"].set_value(True)
    ran(app.run())
    row = {"lon": -118.4898, "lat": 33.9843, "shot_distance": 22, "period": 4, "minutes_remaining": 0, "playoffs": 1}
    expected = {n: demonstration.load("shots", n).probability([row])[0] for n in ("1", "2")}
    assert shown(app) == {"champion, v2": f"{expected['2']:.6f}", "previous, v1": f"{expected['1']:.6f}"}
    assert '"data": [[33.9843, -118.4898, 0.0, 4.0, 1.0, 22.0]]' in app.code[0].value


def test_the_form_starts_with_what_the_champion_was_judged_on_and_says_where_that_ends(open_page):
    app = open_page("rested", "trial")
    assert [warning.value for warning in app.warning] == []
    by_key = {widget.key: widget for widget in app.number_input}
    by_key["shots/spot/y"].set_value(-5.0)  # behind the basket, from where nobody shot
    by_key["shots/spot/x"].set_value(0.0)
    ran(app.run())
    (told,) = (warning.value.replace("\\", "") for warning in app.warning)
    assert told.startswith("Outside of what v2 was judged on: ") and "lat (" in told


def test_the_map_is_of_the_version_that_is_asked_for(open_page):
    app = open_page("rested", "trial")
    assert "0 labelled rows of its newest window that it was not trained on" in said(app)
    ran(app.segmented_control[0].set_value("previous").run())
    assert "5,412 labelled rows of its newest window" in said(app)


def test_the_first_champion_has_no_previous_and_no_map_yet(open_page):
    app = open_page("trained", "trial")
    told = said(app)
    assert "There is no previous version yet" in told
    assert "models:/shots/1 has scored nothing yet" in told
    assert list(shown(app)) == ["champion, v1"]


def rewrite(change) -> None:
    path = settings().projects / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    change(rules)
    path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
    config.project.cache_clear()


def test_a_project_without_a_court_gets_a_form_of_all_inputs(at, open_page):
    at("rested")
    rewrite(lambda rules: rules.pop("demonstration"))
    app = open_page(None, "trial")
    asked = [widget.key for widget in (*app.number_input, *app.slider, *app.toggle)]
    assert sorted(asked) == sorted(
        f"shots/{name}" for name in ("lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance")
    )
    app.slider(key="shots/shot_distance").set_value(3)
    ran(app.run())
    served = demonstration.load("shots", "2")
    row = {one.name: one.start for one in demonstration.inputs("shots", served)} | {"shot_distance": 3}
    assert shown(app)["champion, v2"] == f"{served.probability([row])[0]:.6f}"


def test_a_title_from_a_project_file_makes_no_link_and_no_picture(at, open_page):
    at("trained")
    rewrite(lambda rules: rules.update(title="![x](http://elsewhere.example/x.png) <script>"))
    assert open_page(None, "quality").title[
        0
    ].value == r"\!\[x\]\(http\:\/\/elsewhere\.example\/x\.png\) \<script\>".replace(r"\/", "/")


def test_with_several_projects_one_is_chosen_and_the_address_keeps_it(at, open_page):
    at("rested")
    path = settings().projects / "shots.yaml"
    other = safe_load(path.read_text("utf-8")) | {"name": "others", "title": "Others"}
    path.with_name("others.yaml").write_text(safe_dump(other, sort_keys=False), "utf-8")
    app = open_page(None, "quality")
    assert app.selectbox[0].options == ["Kobe Bryant's shots", "Others"]
    ran(app.selectbox[0].select("others").run())
    assert app.query_params["project"] in ("others", ["others"])
    assert "No model is in service yet" in said(app)
    ran(app.switch_page("shotclock_dashboard/views/trial.py").run())
    assert "shotclock train others" in said(app)


def test_a_wrong_project_file_is_named_and_the_others_are_shown(at, open_page):
    at("rested")
    (settings().projects / "broken.yaml").write_text("name: 7\n", "utf-8")
    app = open_page(None, "quality")
    assert "broken.yaml" in app.warning[0].value.replace("\\", "")
    assert len(app.metric) == 4


def test_without_any_project_the_page_says_so(at, open_page):
    at("empty")
    shutil.rmtree(settings().projects)
    assert "There is no project yet" in said(open_page(None, "quality"))


def test_a_promotion_shows_without_loading_the_page_again(at, promote_r1, open_page):
    app = open_page("gated", "quality")
    assert "Version 1 of shots is in service" in said(app)
    promote_r1()
    ran(app.run())
    assert "Version 2 of shots is in service" in said(app)
    assert "v2 has not been judged yet" in said(app)
