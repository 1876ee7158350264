"""The drift report says of what it is, in words, the worst column first, and keeps Evidently's page below."""

import re
from html import unescape

import pytest

from shotclock.judging.drift import ColumnDrift, Drift, Rows
from shotclock.judging.drift.distributions import compare
from shotclock.judging.figure import Figure
from shotclock.judging.verdict import UNLIKE, Verdict
from shotclock.words.cards.drift_report import About, page

EVIDENTLY = (
    "<!DOCTYPE html>\n<html lang='en'><head>\n<title>Drift</title></head><body><div>drawn \\1</div></body></html>"
)
SCORES = {"near": 0.05, "far": 0.9, "farther": 0.5, "still": None}
THRESHOLDS = {"near": 0.1, "far": 0.5, "farther": 0.1, "still": 0.1}
TRICK = "</section><script>alert(1)</script>"


def column(name: str, **options: object) -> ColumnDrift:
    return ColumnDrift(name, "wasserstein", THRESHOLDS.get(name, 0.1), SCORES.get(name), **options)  # type: ignore[arg-type]


def drift(status: str = "alert", columns: tuple[str, ...] = ("near", "far", "farther")) -> Drift:
    verdict = Verdict(status, f"{UNLIKE}: 2 of 3 columns drifted", {})  # type: ignore[arg-type]
    found = tuple(column(name) for name in columns)
    return Drift(verdict, Rows(6426, 6426), Rows(500, 20_000), found, None, column("chance"), column("made"), EVIDENTLY)


def about(**changed: object) -> About:
    names = (*SCORES, "chance", "made", TRICK)
    told = {
        "project": "shots",
        "title": "Kobe's shots",
        "version": "7",
        "window": ("2016-04.parquet", "2016-03.parquet"),
        "period": ("2016-03-01", "2016-04-13"),
        "reference_period": ("2010-05-10", "2016-02-28"),
        "worth": {},
        "worth_unknown": "no labels",
        "spreads": {name: compare([0.0, 1, 1, 2], [0.0, 0, 1, 9]) for name in names},
    }
    return About(**told | changed)  # type: ignore[arg-type]


def said(html: str) -> str:
    shown = re.sub(r"<style.*?</style>|<svg.*?</svg>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split())


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("ok", "● Stable : the rows are like those that it was judged on"),
        ("warning", "▲ Single columns drifted : single columns are no longer like"),
        ("alert", "✖ Drifted : the rows are no longer like those that it was judged on"),
        ("insufficient data", "○ Too few rows : nobody can tell"),
    ],
)
def test_it_begins_with_what_it_is_about_and_the_verdict_in_words(status: str, sentence: str) -> None:
    html = page(drift(status), about())
    assert "<title>Drift of Kobe&#39;s shots: " in html
    for part in (
        sentence,
        " 2 of 3 columns drifted. project shots model v7",
        "window 2016-04.parquet, 2016-03.parquet: 2016-03-01 to 2016-04-13, 6,426 rows",
        "2010-05-10 to 2016-02-28, a seeded sample of 500 of 20,000 rows",
    ):
        assert part in said(html)


def test_the_worst_column_stands_first_by_its_own_threshold_and_what_is_apart_stands_last() -> None:
    html = page(drift(), about())
    assert re.findall(r"<li><strong>(\w+)</strong>", html) == ["farther", "far", "near", "chance", "made"]
    assert said(html).index("chance (predictions)") < said(html).index("made (labels)")


def test_what_a_feature_is_worth_to_the_model_weighs_how_far_it_has_moved() -> None:
    worth = {"far": Figure(0.04, 0.03, 0.05), "farther": Figure(0.01, 0.0, 0.02), "near": Figure(0.5, 0.4, 0.6)}
    html = page(
        drift(), about(worth=worth)
    )  # 1.8 thresholds times 0.04 is more than 5 times 0.01; near has not drifted
    assert re.findall(r"<li><strong>(\w+)</strong>", html) == ["far", "farther", "near", "chance", "made"]
    assert "threshold 0.5 (wasserstein) worth 0.0400 [0.0300, 0.0500] of skill" in said(html)
    assert "then by distance over threshold times what the feature is worth to the model" in said(html)


def test_a_feature_without_which_the_model_loses_nothing_weighs_nothing_and_then_the_distance_counts() -> None:
    worth = {"far": Figure(-0.04, -0.05, 0.0), "farther": Figure(0.0, 0.0, 0.0)}
    html = page(drift(), about(worth=worth))
    assert re.findall(r"<li><strong>(\w+)</strong>", html)[:3] == ["farther", "far", "near"]


def test_where_nobody_can_tell_what_they_are_worth_the_report_says_why_and_the_distance_counts() -> None:
    html = page(drift(), about())
    assert "then by distance over threshold; what a feature is worth to the model is not known: no labels." in said(
        html
    )
    assert "of skill" not in said(html)


def test_each_column_is_drawn_before_evidently_s_page_which_stays_as_it_is() -> None:
    html = page(drift(), about())
    assert html.count("<svg") == 5
    assert html.count("<body>") == html.count("<title>Drift") == 1
    assert html.endswith("<div>drawn \\1</div></body></html>")
    assert html.rindex("<svg") < html.index("<div>drawn")


def test_a_feed_that_stands_still_comes_before_what_drifted() -> None:
    still = column("still", gap="constant: is the feed broken?", broken=True)
    found = drift()
    html = page(Drift(found.verdict, found.current, found.reference, (*found.columns, still), html=EVIDENTLY), about())
    assert re.findall(r"<li><strong>(\w+)</strong>", html)[0] == "still"
    assert "✖ not judged" in said(html)


def test_names_stay_text() -> None:
    html = page(drift(columns=("near", TRICK)), about(title=TRICK, window=(TRICK,)))
    assert "<script" not in html
