"""One number, one interval: the same five figures are read from seven places, to the digit.

Of a window: MLflow, JSON, command line, Airflow's page, dashboard. Of a gate's rows: MLflow, model card, page of the decision;
there, too, they are what monitoring would measure on the same rows.
"""

import json
import re
from html import unescape
from pathlib import Path

import pytest
import streamlit as st
from mlflow import MlflowClient
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from shotclock.cli import app as shotclock
from shotclock.config import project, settings
from shotclock.files import storage
from shotclock.judging.figure import Figure
from shotclock.reading import health
from shotclock.store import queries, records
from shotclock.store.server.artifacts import artifact
from shotclock.store.window import unseen
from shotclock.words.glossary import NAMES

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
FIVE = ("log_loss", "log_loss_skill", "roc_auc", "accuracy", "f1")
NUMBER = r"-?\d\.\d{4}"


def text(page: str) -> str:
    """What a page says, without tags, styles and drawings."""
    shown = re.sub(
        r'<style.*?</style>|<script.*?</script>|<svg.*?</svg>|<span class="tip".*?</span>', " ", page, flags=re.DOTALL
    )
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split())


def told(said: str, names: dict[str, str]) -> dict[str, str]:
    """The first value with an interval behind each name, as `value [low, high]`."""
    found = {}
    for name, spoken in names.items():
        match = re.search(rf"(?i)\b{spoken} +({NUMBER} \[{NUMBER}, {NUMBER}\])", said)
        assert match, (spoken, said)
        found[name] = match[1]
    return found


def run_figures(run_id: str) -> dict[str, str]:
    """The figures of an MLflow run, as MLflow's own client reads them."""
    metrics = MlflowClient(settings().tracking_uri).get_run(run_id).data.metrics
    return {name: str(Figure.among(metrics, name)) for name in FIVE}


def of_dashboard(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("SHOTCLOCK_DASHBOARD_ALONE", "1")
    st.cache_resource.clear()
    try:
        row = AppTest.from_file(APP, default_timeout=120).run().dataframe[0].value.iloc[0]
    finally:
        st.cache_resource.clear()
    return {name: row[NAMES[name]] for name in FIVE}


def of_airflow() -> str:
    from shotclock_ui import health_pages
    from shotclock_ui.activity import Live

    return text(health_pages.project(health.details("shots"), Live()))


def test_the_figures_of_a_window_are_the_same_wherever_they_are_read(at, _airflow, monkeypatch):
    at("alerted")
    names = {name: NAMES[name] for name in FIVE}
    status = CliRunner().invoke(shotclock, ["status", "shots"], catch_exceptions=False).stdout
    known = json.loads(CliRunner().invoke(shotclock, ["status", "shots", "--json"], catch_exceptions=False).stdout)
    performance = known["newest"]["performance"]
    expected = run_figures(performance["mlflow_run_id"])
    assert expected["log_loss_skill"] == "-0.0263 [-0.0347, -0.0192]"
    assert {name: str(Figure.among(performance["metrics"], name)) for name in FIVE} == expected
    assert told(" ".join(status.split()), names) == expected
    assert told(of_airflow(), names | {"log_loss_skill": "skill"}) == expected
    assert of_dashboard(monkeypatch) == expected


@pytest.mark.parametrize(("stage", "flow", "run"), [("trained", "training", "t1"), ("rested", "retraining", "r1")])
def test_the_figures_of_a_gates_rows_are_the_same_wherever_they_are_read(at, stage, flow, run):
    at(stage)
    folder = settings().data / "shots" / "runs" / flow / run
    pages = [text((folder / name).read_text("utf-8")) for name in ("model_card.html", "decision.html")]
    names = {name: NAMES[name] for name in FIVE}
    (gate,) = (found for found in queries.newest("shots", records.Gate) if found.run_id == run)
    rows = storage.read_table(artifact(gate.id, "gate_scores.parquet")).to_pandas()
    measured = unseen.measured(project("shots"), rows)
    expected = {name: str(measured.figures[name]) for name in FIVE}
    assert [told(page[page.index("figure value") :], names) for page in pages] == [expected, expected]
    assert f"its log-loss skill is {expected['log_loss_skill']}." in pages[0]
    (candidate,) = (
        found
        for found in queries.newest("shots", records.Candidate, parent=gate.record.training_run, most=9)
        if found.name == gate.record.challenger
    )
    assert {name: f"{candidate.record.holdout[name]:.4f}" for name in FIVE} == {
        name: f"{measured.figures[name].value:.4f}" for name in FIVE
    }
