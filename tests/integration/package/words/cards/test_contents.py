"""The model card and the page of a decision, on the real rows: what they say, that nothing runs, that a rerun says the same."""

import json
import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mlflow import MlflowClient
from yaml import safe_dump, safe_load

from shotclock import config
from shotclock.config import settings
from shotclock.handoff import call
from shotclock.judging.figure import Figure
from shotclock.reading import reports
from shotclock.steps import training
from shotclock.store import history, queries, records
from shotclock.store.run import Run
from shotclock.store.server import artifacts
from shotclock.store.versions import registry
from shotclock.words.cards import contents

promote = partial(call, training.promote, Run("shots", "retraining", "r1"))


class _Words(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self):
        super().__init__()
        self.words, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if data.strip() and self.tags[-1][0] != "style":
            self.words.append(" ".join(data.split()))


def read(path):
    page = _Words()
    page.feed(Path(path).read_text("utf-8"))
    return " | ".join(page.words), page.tags


def runs(flow, run):
    return settings().data / "shots" / "runs" / flow / run


def gated(folder):
    """What the step `promote` is called with, as it travels."""
    return json.loads((folder / "gated.json").read_text("utf-8"))


def test_the_card_of_the_first_champion_tells_what_is_known_of_it(at):
    at("trained")
    said, _ = read(runs("training", "t1") / "model_card.html")
    for sentence in (
        "shots v1 | decision_tree, made by training",
        "✓ promoted by the gate |",
        "● Fit. | Better than guessing the base rate, by 1.7% to 3.5%. On 4,057 rows of the training file that it never saw",
        "from | dataset_kobe_dev.parquet | sha256 | 3a177adbf7e4ef40cb770940a3aa52ee4880372352d4cf676a94a2d274a36b07",
        "learnt from | 16,228 rows from 1996-11-03 to 2016-04-13",
        "judged on | 4,057 rows from 1996-11-05 to 2016-04-13: rows of the training file",
        "playoffs | 0 | 3,438 |",
        "5 | 60 | too few rows for figures: 200 are needed",
        "24 to below 28 | 1 | too few rows for figures",
        ".venv/bin/shotclock train shots --file dataset_kobe_dev.parquet",
        "seeds | split 42, search 42, gate 42",
        "lat ≥ 32 and ≤ 36",
        "playoffs in 0, 1",
    ):
        assert sentence in said


def test_the_card_of_a_retraining_tells_of_the_window_and_the_champion_before(at):
    at("rested")
    said, _ = read(settings().data / "shots" / "champion" / "model_card.html")
    window = history.decisions("shots")[0].window
    for sentence in (
        "✓ promoted by the gate, in place of v1",
        f"labelled rows of the newest batches, up to window {window}",
        "learnt from | 5,412 rows from 1996-11-06 to 2016-04-13",
        "judged on | 1,623 rows from 2010-05-10 to 2016-04-13: production rows",
        "1 | 167 | too few rows for figures: 200 are needed",
        "reference | 5,412 rows from 1996-11-06 to 2016-04-13",
        "With v1 as the champion and the batches up to window",
    ):
        assert sentence in said
    for candidate in ("decision_tree.recent", "logistic_regression.older_and_recent", "recalibrated_champion"):
        assert candidate in said


def test_the_figures_on_the_card_are_those_of_the_gate(at):
    given = gated(at("gated"))["decision"]
    found = promote(gated(at("gated")))
    said, _ = read(runs("retraining", "r1") / "model_card.html")
    assert found.decision == "promote"
    for name in ("log_loss", "log_loss_skill", "roc_auc"):
        figure = given["measured"][name]
        assert f"{figure['value']:.4f} | {figure['low']:.4f} to {figure['high']:.4f}" in said
    assert given["ruling"]["because"][1:] in said


def test_a_challenger_has_a_card_before_anybody_decides(at):
    at("gated")
    (gate,) = queries.newest("shots", records.Gate, most=1)
    said, _ = read(runs("retraining", "r1") / "challenger_card.html")
    for sentence in (
        "shots challenger | logistic_regression.recent, made by retraining",
        "not in service: the gate would promote it in place of v1",
        "▲ Not proven. | Not proven better than the base rate: between",
        "judged on | 1,623 rows from 2010-05-10 to 2016-04-13: production rows",
        "What takes over is this recipe fitted once more, on all labelled rows",
        ".venv/bin/shotclock retrain shots --reason 'make the challenger again'",
    ):
        assert sentence in said
    assert "the largest difference is to be 0" not in said  # no version yet that could be loaded
    assert f"gain over the champion {Figure.among(vars(gate.record), 'gain')}" in said.lower()
    assert reports.of_challenger("shots", gate.id) == (runs("retraining", "r1") / "challenger_card.html").read_text(
        "utf-8"
    )


def test_no_other_run_has_a_challengers_card(at):
    at("gated")
    (data,) = queries.newest("shots", records.Candidate, most=1)
    assert reports.of_challenger("shots", data.id) is None
    assert reports.of_challenger("shots", "0" * 32) is None


def test_mlflow_has_the_card_with_the_versions_run_and_the_version_names_it(at):
    at("rested")
    for number, run in (("1", runs("training", "t1")), ("2", runs("retraining", "r1"))):
        version = registry.version("shots", number)
        assert version.origin.model_card == f"runs:/{version.run_id}/model_card.html"
        assert (
            artifacts.artifact(version.run_id, "model_card.html").read_bytes() == (run / "model_card.html").read_bytes()
        )


def test_a_decision_tells_why_the_run_ran_and_what_came_of_it(at):
    at("rested")
    said, _ = read(artifacts.artifact(history.decisions("shots")[0].id, "decision.html"))
    for sentence in (
        "v2 takes over",
        "✓ promote: v1 → v2",
        "champion before | v1 | champion after | v2",
        "degradation: worse than guessing the base rate, by 1.9% to 3.5%",
        "new_records |",
        "5,412 new labelled rows",
        "Gain over the champion 0.02",
        "are predicted otherwise than by v1, at a probability of 0.5",
    ):
        assert sentence in said


def test_a_champion_that_is_kept_has_a_page_of_the_decision_and_no_card(at):
    given = gated(at("gated"))
    answer = {"approved": False, "because": "Ann: not before the finals", "by": "Ann"}
    promote(given | {"approval": answer})
    said, _ = read(artifacts.artifact(history.decisions("shots")[0].id, "decision.html"))
    for sentence in (
        "v1 stays",
        "= keep",
        "Ann: not before the finals; gain",
        "decided by | Ann | the gate said | promote",
    ):
        assert sentence in said
    assert not (runs("retraining", "r1") / "model_card.html").exists()


def test_promoting_again_gives_the_same_bytes(at, promote_r1):
    at("gated")
    promote_r1()
    pages = [runs("retraining", "r1") / name for name in (contents.MODEL_CARD, contents.DECISION_PAGE)]
    before = [page.read_bytes() for page in pages]
    for page in pages:
        page.unlink()
    promote_r1()
    assert [page.read_bytes() for page in pages] == before


EVIL = "<script>alert(1)</script>"


def test_what_a_name_or_reason_holds_never_runs(at):
    folder = at("gated")
    path = folder / "projects" / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    rules |= {
        "title": EVIL,
        "slices": {EVIL: {"column": "playoffs"}, '"><img src=x onerror=alert(1)>': {"column": "period"}},
    }
    path.write_text(safe_dump(rules), "utf-8")
    config.project.cache_clear()
    given = gated(folder)
    given["data"]["cause"]["why"] = EVIL
    given["data"]["cause"]["alerts"] = [{"id": EVIL, "kind": "drift", "window": EVIL, "reason": EVIL}]
    given["decision"]["ruling"]["because"] = given["selection"]["reason"] = EVIL
    promote(given)
    for name in (contents.MODEL_CARD, contents.DECISION_PAGE):
        said, tags = read(runs("retraining", "r1") / name)
        assert EVIL in said
        assert not {"script", "img", "iframe", "object"} & {tag for tag, _ in tags}
        assert not [attribute for _, attributes in tags for attribute in attributes if attribute.startswith("on")]


@pytest.mark.parametrize("name", [contents.MODEL_CARD, contents.DECISION_PAGE])
def test_a_page_loads_nothing(at, name):
    at("rested")
    text = (settings().data / "shots" / "champion" / name).read_text("utf-8")
    _, tags = read(settings().data / "shots" / "champion" / name)
    assert not [attributes for _, attributes in tags if {"src", "href"} & set(attributes)]
    assert not re.search(r"url\(|@import", text)
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_the_check_on_the_card_is_a_command_that_finds_no_difference(at, capsys):
    at("rested")
    said, _ = read(settings().data / "shots" / "champion" / "model_card.html")
    code = said.split('.venv/bin/python -c "')[1].split('"')[0]
    code = code.strip()
    code = re.sub(r" (from |rows = |model = |print\()", r"\n\1", code)
    exec(compile(code, "card", "exec"), {})
    assert capsys.readouterr().out == "0.0\n"


def test_a_version_says_where_its_card_lies_in_mlflow(at):
    at("trained")
    found = MlflowClient(settings().tracking_uri).get_model_version("shots", "1")
    assert found.tags["shotclock.model_card"].endswith("/model_card.html")
