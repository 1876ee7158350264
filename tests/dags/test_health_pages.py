"""The Model health pages as text, from values made here: what they say, and that no value of theirs can ever run."""

import re
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from shotclock.config import Feature
from shotclock.judging import fitness
from shotclock.judging.advice import advise
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Check, Fitness, WindowHealth
from shotclock.judging.policies import Aged, Comparison, Replayed
from shotclock.judging.side_by_side import Pair
from shotclock.judging.side_by_side.year import Gained, Part, Stretch
from shotclock.judging.slices import SliceFigures
from shotclock.judging.slices.worsening import Fall
from shotclock.reading.alert import AlertDetails
from shotclock.reading.comparisons import Compared
from shotclock.reading.health import Candidate, Competition, Details, Gate, Overview, Summary, Tenure
from shotclock.reading.model.side_by_side import Block, Side, SideBySide
from shotclock.reading.model.worsening import Costly, Found, WindowDetails
from shotclock.reading.model.year import Placed, Year

EVIL = "<script>alert(1)</script>\"' onload=alert(2) {{ 7 * 7 }}"
FIGURE = Figure(0.02, 0.01, 0.03)
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture
def pages(_airflow):
    from shotclock_ui import health_pages

    return health_pages


def window(number, quality="ok", champion="1", said=EVIL):
    metrics = {"drift_share": 0.5, f"drift_score_{said}": 0.3, "drift_score_lat": 0.05, "rows": 1000.0}
    metrics |= {"log_loss_skill": 0.01, "log_loss_skill_low": -0.01, "log_loss_skill_high": 0.03}
    at = NOW - timedelta(days=9 - number)
    check = Check("ok", said, at, "f" * 32, said, said, metrics, has_report=True)
    return WindowHealth(f"w{number}", champion, at, (said,), True, check, replace(check, status=quality))


def summary(kobe, said=EVIL, level="unfit", windows=None):
    columns = kobe.columns.model_copy(update={"features": {**kobe.columns.features, said: Feature(type="number")}})
    rules = kobe.model_copy(update={"title": said, "columns": columns})
    windows = (window(1, said=said), window(2, "alert", said=said)) if windows is None else windows
    since = None if level == "fit" else NOW - timedelta(days=3)
    return Summary(
        name="shots",
        title=said,
        rules=rules,
        fitness=Fitness(level, f"verdict {said}", since, False, f"doing {said}"),
        champion="1",
        champion_since=NOW - timedelta(days=12),
        windows=windows,
        newest=windows[-1] if windows else None,
        drifted=(said,),
        open_alerts=(Alert("a1", "drift", "w2", "1", said, NOW),),
        decision=decided(said),
        next_retraining=NOW + timedelta(days=21),
        new_rows=1234,
    )


def decided(said=EVIL, outcome="keep"):
    return Decision("d1", outcome, said, "1", NOW - timedelta(days=5), "retraining", "w1", by=said, run=said)


def details(kobe, said=EVIL, **options):
    row = summary(kobe, said, **options)
    gate = Gate("promote", said, said, "1", 1624, Figure(0.02, 0.01, 0.03), 0.001, said)
    candidate = Candidate(said, said, 0.6, 0.01, None, {"log_loss": 0.6}, True, said)
    tenure = Tenure("1", said, NOW - timedelta(days=12), None, "promote", said, said, said)
    return Details(
        summary=row,
        windows=row.windows,
        alerts=row.open_alerts,
        decisions=(decided(said),),
        tenures=(tenure, replace(tenure, version="0", until=tenure.since)),
        competitions=(Competition(NOW, said, said, said, gate, None, (candidate,)),),
        versions=("1", "0"),
        compared=compared(said),
    )


class _Tags(HTMLParser):
    """The elements of a page, and the attributes that would run something."""

    def __init__(self, page):
        super().__init__()
        self.names, self.handlers, self.addresses = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action")]


def compared(said=EVIL):
    told = (
        Replayed("best in hindsight", 0.62, 0.0, 1, 1, "(nobody can know it before)", "hindsight", 3.0),
        Replayed(said, 0.63, 0.005, 9, 1, said, "points", 12.5),
        Replayed("never", 0.65, 0.02, 0, 0, "gate: {mode: dry_run}", "never", 99.0),
    )
    found = Comparison(
        "shots", 900, 10, said, "2026-01-01", "2026-03-31", told, (Aged(0, 900, 0.0), Aged(1, 800, 0.01))
    )
    return Compared(NOW, said, said, said, False, found, "")


def live(**options):
    from shotclock_ui.activity import Live

    return Live(**options)


def both(pages, kobe):
    row = summary(kobe)
    asked = live(activity="approval", dag_id=EVIL, run_id=EVIL, paused=True)
    yield pages.overview(Overview((row,), (EVIL,), NOW), {"shots": live()})
    yield pages.states(Overview((row,), (EVIL,), NOW))
    yield pages.project(details(kobe), asked)
    yield pages.alert(alerted(kobe), asked)
    yield pages.window(explained(kobe), asked)
    yield pages.comparison(beside(kobe), asked)
    yield pages.year(a_year(), details(kobe), asked)


def explained(kobe, said=EVIL, gap=""):
    part = SliceFigures(said, 300, 0.3, 0.4, FIGURE, FIGURE)
    fall = Fall(said, part, None, Figure(-0.03, -0.04, -0.02), True)
    row = Costly(said, said, 0.9, 0, 2.3026, {"lat": said})
    found = Found((fall,), {said: FIGURE}, {said: FIGURE}, (row,), 1000, 2000)
    shown = details(kobe, said)
    return WindowDetails(shown, shown.windows[0], None if gap else found, gap)


def beside(kobe, said=EVIL, **changes):
    shown = details(kobe, said)
    old, new = (Side(said, number, {"made by": said}, {"log_loss": FIGURE}) for number in ("1", ""))
    pair, block = Pair(said, said, 300, FIGURE, FIGURE, FIGURE), Block(1, 500, 0.6, 0.61)
    one = replace(shown.competitions[0], **changes)
    return SideBySide(shown, old, new, said, 300, FIGURE, (pair,), said, (block,), one)


def a_year(said=EVIL):
    stretch = Stretch(date(2026, 1, 1), date(2026, 3, 1), "unfit", said, said)
    return Year(
        choices=("newest", "2026"),
        chosen="newest",
        begin=date(2025, 3, 2),
        end=date(2026, 3, 1),
        stretches=(stretch,),
        days={"unfit": 60},
        decisions=(Placed(decided(said), date(2026, 2, 1), said),),
        parts=(Part(np.datetime64("2026-01-01"), np.datetime64("2026-02-01"), 300, FIGURE, FIGURE),),
        gained=Gained(300, FIGURE, FIGURE),
        first="1",
        served=("1",),
    )


def alerted(kobe, said=EVIL, **options):
    found = details(kobe, said, **options)
    told = found.alerts[0]
    advice = advise(told, window=found.windows[-1], answer=None, champion="1", confidence=0.95)
    return AlertDetails(told, found, found.windows[-1], decided(said), advice)


def test_no_value_of_a_page_can_run(pages, kobe):
    for page in both(pages, kobe):
        found = _Tags(page)
        assert found.names.count("script") == 1
        assert found.handlers == []
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "{{ 7 * 7 }}" in page
        assert all(address.startswith(("/", "http://127.0.0.1:5000/#/")) for address in found.addresses)


def test_what_the_command_line_did_leads_to_no_dag_run(pages, kobe):
    shown = details(kobe)
    (one,) = shown.competitions
    for run, leads in (("cli__2026-03-10T12:30:00", False), ("manual__2026-03-10T12:30:00", True)):
        page = pages.project(replace(shown, competitions=(replace(one, run_id=run),)), live())
        assert (f"/runs/{run.replace(':', '%3A')}" in page) == leads


def test_the_policy_names_the_pages_own_script_and_style_and_nothing_else(pages, kobe):
    import base64
    import hashlib
    import re

    rules = dict(rule.strip().split(" ", 1) for rule in pages.POLICY.split(";"))
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert (rules["connect-src"], rules["frame-ancestors"]) == ("'self'", "'self'")
    for page in both(pages, kobe):
        for kind in ("script", "style"):
            (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
            assert (
                rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            )


def test_the_three_answers_come_first_and_in_order(pages, kobe):
    text = pages.project(details(kobe, "plain"), live())
    said = (
        "Fit for use?",
        "Not fit for use",
        "Since when not?",
        "2026-03-07 12:30",
        "What is being done?",
        "doing plain",
    )
    places = [text.index(part) for part in said]
    assert places == sorted(places)
    assert places[-1] < text.index('<svg class="timeline"')


def test_the_worst_model_stands_first_and_each_level_has_its_own_sign_and_word(pages, kobe):
    rows = tuple(
        replace(summary(kobe, name, level), name=name) for level, name in zip(fitness.LEVELS, "abcd", strict=True)
    )
    text = pages.overview(Overview(rows, (), NOW), dict.fromkeys("abcd", live()))
    places = [text.index(f"/health/{name}") for name in ("c", "b", "d", "a")]
    assert places == sorted(places)
    for shape, word in (
        ("circle", "Fit for use"),
        ("triangle", "Not proven"),
        ("cross", "Not fit"),
        ("ring", "Unknown"),
    ):
        assert f' {shape}"' in text
        assert word in text


def test_a_number_s_missing_values_stand_beside_its_drift(pages, kobe):
    newest = window(2)
    gappy = replace(newest, drift=replace(newest.drift, metrics=newest.drift.metrics | {"drift_missing_lat": 0.25}))
    details_of = details(kobe, "plain")
    text = pages.project(replace(details_of, summary=replace(details_of.summary, newest=gappy)), live())
    assert "missing values 0.250 drifted" in text
    assert "missing values" not in pages.project(details_of, live())


def test_figures_carry_their_interval_and_window(pages, kobe):
    text = pages.overview(Overview((summary(kobe, "plain"),), (), NOW), {"shots": live()})
    assert "0.0100 [-0.0100, 0.0300]" in text
    assert "plain · 1,000 labelled rows" in text
    assert "1,234 of 5,000" in text
    assert "in service for 12 days" in text


def test_a_rollback_offers_the_versions_that_have_served_with_what_tells_them_apart(pages, kobe):
    known = details(kobe)
    before = replace(known.tenures[1], algorithm="decision_tree")
    older = replace(known.windows[0], champion="0")
    known = replace(known, tenures=(known.tenures[0], before), windows=(older, *known.windows))
    text = pages.comparison(replace(beside(kobe), competition=None, details=known), live())
    (offered,) = re.findall(r'<option value="/shotclock/health/shots/versions/0"[^>]*>(.*?)</option>', text)
    assert offered == f"v0, skill 0.0100, until {before.until:%Y-%m-%d %H:%M}, decision_tree"
    assert 'versions/1">' not in text


def test_a_project_without_a_past_says_so_everywhere(pages, kobe):
    empty = replace(
        summary(kobe, "plain", windows=()), champion=None, champion_since=None, decision=None, open_alerts=()
    )
    nothing = Details(empty, (), (), (), (), (), ())
    assert "none yet" in pages.overview(Overview((empty,), (), NOW), {"shots": live()})
    text = pages.project(nothing, live())
    assert "There is no earlier champion to roll back to" in text
    assert "Timeline" not in text
    assert "There is no project that you may see" in pages.overview(Overview((), (), NOW), {})


def test_on_airflows_first_page_each_model_has_its_state_the_worst_first_and_leads_to_its_page(pages, kobe):
    rows = [
        replace(
            summary(kobe, "plain"), name=level, title=level, fitness=Fitness(level, f"it is {level}", None, False, "")
        )
        for level in ("fit", "unfit", "unknown")
    ]
    told = pages.states(Overview(tuple(rows), (), NOW))
    assert re.findall(r'href="/shotclock/health/(\w+)"', told) == ["unfit", "unknown", "fit"]
    assert all(f"it is {level}" in told for level in ("fit", "unfit", "unknown"))
    assert "There is no project that you may see." in pages.states(Overview((), (), NOW))


def test_who_is_asked_is_led_to_both_side_by_side_and_answers_there_alone(pages, kobe):
    asked = live(activity="approval", dag_id="d", run_id="plain")
    led = pages.project(details(kobe, "plain"), asked)
    assert 'href="/shotclock/health/shots/gates/plain">Compare and decide' in led
    answers = [f'data-action="{answer}"' for answer in ("approve", "reject")]
    assert all(answer in pages.comparison(beside(kobe, "plain"), asked) for answer in answers)
    for activity, run in (("approval", "another"), ("retraining", "plain")):
        other = live(activity=activity, dag_id="d", run_id=run)
        assert not any(answer in pages.comparison(beside(kobe, "plain"), other) for answer in answers)
    done = pages.comparison(beside(kobe, "plain", decision=decided("plain")), asked)
    assert not any(answer in done for answer in answers)
    assert 'href="/shotclock/health/shots/decisions/d1"' in done


@pytest.mark.parametrize("outcome", ["promote", "keep", "not enough data"])
def test_a_challenger_that_the_gate_would_promote_has_a_card_beside_the_champions(pages, kobe, outcome):
    gate = replace(details(kobe, "plain").competitions[0].gate, outcome=outcome)
    told = pages.comparison(beside(kobe, "plain", gate=gate), live())
    assert ('href="/shotclock/health/shots/gates/plain/card"' in told) == (outcome == "promote")


@pytest.mark.parametrize(
    ("outcome", "champion", "told"),
    [
        ("promote", "1", "the challenger takes over from v1."),
        ("promote", None, "the challenger takes over."),
        ("keep", "1", "the recipe in service, fitted on all that is labelled by now, takes over from v1."),
        ("keep", None, "the base rate goes into service."),
    ],
)
def test_who_is_asked_is_told_what_would_take_over_and_how_much_changes(pages, kobe, outcome, champion, told):
    gate = replace(details(kobe, "plain").competitions[0].gate, outcome=outcome, champion=champion)
    shown = replace(beside(kobe, "plain", gate=gate), changes="3 of 10 flip")
    asked = pages.comparison(shown, live(activity="approval", dag_id="d", run_id="plain"))
    assert told in asked
    assert "3 of 10 flip" in asked


def test_a_rollback_is_asked_for_beside_what_it_would_put_back(pages, kobe):
    shown = replace(beside(kobe, "plain"), competition=None)
    shown = replace(shown, new=replace(shown.new, name="v0", version="0"))
    text = pages.comparison(shown, live())
    assert '<input type="hidden" name="version" value="0">' in text
    assert 'data-action="rollback"' in text


def test_nats_explain_themselves_wherever_a_page_says_the_word(pages, kobe):
    said = "gain 0.03 nats per row on 5 rows"
    for text in (
        pages.overview(Overview((summary(kobe, said),), (), NOW), {"shots": live()}),
        pages.project(details(kobe, said), live()),
        pages.comparison(beside(kobe, said), live()),
        pages.year(a_year(said), details(kobe, said), live()),
    ):
        assert 'nats per row<span class="tip" role="tooltip">The unit of log loss' in text


def test_a_window_that_cannot_be_explained_says_why(pages, kobe):
    text = pages.window(explained(kobe, "plain", gap="its predictions are gone"), live())
    assert "its predictions are gone" in text
    assert "What each feature is worth" not in text


def test_an_alert_s_page_begins_with_what_it_means_and_leads_to_what_can_be_done(pages, kobe):
    text = pages.alert(alerted(kobe, "plain"), live())
    said = (
        "Drift alert",
        "no longer like those",
        "Fit for use now?",
        "doing plain",
        "Recommended: <strong>wait</strong>",
    )
    places = [text.index(part) for part in said]
    assert places == sorted(places)
    assert 'data-action="retrain"' in text and ">Drift alert of 2026-03-10 12:30: " in text
    assert 'href="/shotclock/health/shots/versions/0">Roll back' in text
    assert '<span class="value">0.0100</span> <span class="quiet small">[-0.0100, 0.0300]</span>' in text
    assert "Drifted most: plain (0.300" in text
    assert "/health/shots/report/" in text


def test_an_alert_whose_window_is_out_of_sight_says_so(pages, kobe):
    assert "older than those that are kept in sight" in pages.alert(
        replace(alerted(kobe, "plain"), window=None), live()
    )


def test_each_alert_of_a_project_leads_to_its_own_page(pages, kobe):
    assert 'href="/shotclock/health/shots/alerts/a1"' in pages.project(details(kobe, "plain"), live())


def test_a_paused_retraining_is_said(pages, kobe):
    assert "is paused in Airflow" in pages.project(details(kobe, "plain"), live(activity="paused", paused=True))


def test_synthetic_rows_are_named(pages, kobe):
    assert all("synthetic sample" in page for page in both(pages, kobe))


def test_of_a_window_whose_drift_nobody_could_judge_no_count_is_told(pages, kobe):
    judged = window(1)
    unjudged = replace(judged, drift=replace(judged.drift, status="insufficient data", metrics={}))
    row = replace(summary(kobe, "plain", windows=(unjudged,)), drifted=())
    text = pages.overview(Overview((row,), (), NOW), {"shots": live()})
    assert "too few rows" in text
    assert "0 of" not in text[text.index("too few rows") - 200 : text.index("too few rows") + 200]


@pytest.mark.parametrize("count", [1, 2, 60])
def test_a_timeline_of_any_length_stays_inside_its_picture(pages, kobe, count):
    import re

    from shotclock_ui import charts

    windows = tuple(window(number / 10, champion=str(number % 3)) for number in range(count))
    drawn = charts.timeline(replace(details(kobe, "plain"), windows=windows))
    xs = [float(x) for x in re.findall(r'\b(?:x|cx|x1|x2)="(-?[\d.]+)"', drawn)]
    width = float(re.search(r' width="([\d.]+)"', drawn)[1])
    assert 0 <= min(xs) <= max(xs) <= width == min(1080, 136 + 96 * (count + 1))  # no room is left empty


def test_a_columns_picture_marks_where_it_drifted_and_where_it_stands(pages):
    from shotclock_ui import charts

    scores = (0.3, 0.05, 0.02)
    windows = [
        replace(window(number), drift=replace(window(number).drift, metrics={"drift_score_lat": score}))
        for number, score in enumerate(scores)
    ]
    drawn = charts.column(windows, "lat", 0.1)
    assert (drawn.count("unfit cross"), drawn.count("fit circle")) == (1, 1)
    assert "newest drift score 0.020, threshold 0.1" in drawn


@pytest.mark.parametrize(
    ("skill", "ticks"),
    [
        ((0.01, -0.01, 0.03), ["0", "-0.01", "0.03"]),
        ((-0.026, -0.0347, -0.0192), ["0", "-0.035"]),  # the upper end is 0 itself
        ((0.5, 0.4, 0.62), ["0", "0.62"]),
        ((0.2, -0.001, 0.4), ["0", "0.4"]),  # where two numbers would stand in one another, 0 stands
    ],
)
def test_the_course_of_a_model_s_skill_stands_on_a_scale(pages, skill, ticks):
    from shotclock_ui import charts

    value, low, high = skill
    shown = window(1)
    figures = {"log_loss_skill": value, "log_loss_skill_low": low, "log_loss_skill_high": high}
    shown = replace(shown, performance=replace(shown.performance, metrics=shown.performance.metrics | figures))
    assert re.findall(r'<text class="tick"[^>]*>([^<]*)</text>', charts.spark([shown])) == ticks


def test_a_models_page_draws_each_policy_with_its_name_and_gives_the_lines_that_choose_it(pages, kobe):
    page = pages.project(details(kobe, "weekly"), live())
    drawn = page.partition('aria-label="regret by number of trainings')[2].partition("</svg>")[0]
    assert drawn.startswith(
        ", lowest first: best in hindsight 0.0000 after 1, weekly 0.0050 after 9, never 0.0200 after 0"
    )
    assert [name for name in ("best in hindsight", "weekly", "never") if f">{name}</text>" not in drawn] == []
    assert "<code>gate: {mode: dry_run}</code>" in page
    assert "(nobody can know it before)</span>" in page
    assert "99.00" in page
    assert "+0.0100" in page


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "trigger the DAG shots.policies, or call: shotclock policies shots"),
        (replace(compared("x"), comparison=None, fault="MLflow run x has no 'policies.json'"), "MLflow run x has no"),
    ],
)
def test_where_there_is_no_comparison_one_sentence_says_how_to_get_it_or_what_is_gone(pages, kobe, found, said):
    page = pages.project(replace(details(kobe, "x"), compared=found), live())
    assert said in page
    assert "regret by number of trainings" not in page


def test_the_server_answers_nobody_before_everything_was_read_once(_airflow, monkeypatch):
    from shotclock_ui import health

    read = []
    monkeypatch.setattr(health, "_READ", threading.Event())
    monkeypatch.setattr(health, "_read", lambda: (time.sleep(0.1), read.append("all")))
    monkeypatch.setattr(health, "import_module", lambda name: None)
    health.warm_up()
    assert read == ["all"]


def test_where_no_store_is_made_yet_the_server_answers_at_once_and_asks_for_none(_airflow, monkeypatch, tmp_path):
    from shotclock_ui import health

    waited, imported = [], threading.Event()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(health, "_READ", threading.Event())
    monkeypatch.setattr(health, "_projects", lambda: pytest.fail("it was read"))
    monkeypatch.setattr(health, "time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(health, "import_module", lambda name: imported.set())
    health.warm_up()
    assert health._READ.is_set()
    assert imported.wait(10)
    assert waited == [health._LONG]
    assert not list(tmp_path.iterdir())
