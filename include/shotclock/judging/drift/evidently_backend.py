"""Evidently measures and draws: the only module that imports it, and that knows how its page is laid out.

Read in Evidently 0.7.23. Two things here are not documented. That a snapshot's metrics come in the order of the tests asked
for: without it each column would get another's score. And what its page looks like inside: see `_inert`. The tests in
`tests/integration/package/judging/drift/test_evidently_backend.py` fail when one of them goes.
"""

import re
from collections.abc import Mapping

from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift
from pandas import DataFrame

from shotclock.config import Feature

_RANDOM_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


def measure(now: DataFrame, then: DataFrame, judged: Mapping[str, Feature]) -> tuple[dict[str, float], str]:
    """The score of each of the columns (one at least), and a page about them: its bytes depend on the values alone.

    Evidently's own count of drifted columns is left out: it measures everything a second time (at a million rows, a
    third of the time and 100 MB).
    """
    categories = [name for name, feature in judged.items() if feature.is_category]
    numbers = [name for name in judged if name not in categories]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    tests = [
        ValueDrift(column=name, method=feature.drift, threshold=feature.drift_threshold)
        for name, feature in judged.items()
    ]
    windows = [Dataset.from_pandas(_named(side[list(judged)], categories), definition) for side in (now, then)]
    snapshot = Report(tests, include_tests=True).run(*windows)
    scores = [float(metric["value"]) for metric in snapshot.dict()["metrics"]]
    return dict(zip(judged, scores, strict=True)), _inert(snapshot.get_html_str(as_iframe=False))


def _named(frame: DataFrame, categories: list[str]) -> DataFrame:
    """Categories as text, so that 1 and 1.0 are one category and the report shows it as 1."""
    numbers = [name for name in categories if frame[name].dtype != object]
    named = frame.copy(deep=False)
    for name in numbers:
        named[name] = frame[name].map("{:g}".format, na_action="ignore").astype(object)
    return named


def _inert(report: str) -> str:
    """Keep the embedded data from ending its script, and its random ids from changing the page's bytes.

    Evidently writes the data as two lines of JSON in the first script, without escaping `</script>`. In JSON `<` stands
    only inside text, where `\u003c` means the same.

    Upstream: nothing found on the escaping; evidentlyai/evidently#1168 makes ids repeatable in its own tests only. Without it:
    a column's name may run as a script in the reader's browser, and a run that is tried again writes another page. Goes: when
    Evidently escapes what it embeds and draws its ids from a seed.
    """
    head, script, tail = report.partition("<script>\n")
    dashboard, graphs, rest = tail.split("\n", 2)
    ids: dict[str, str] = {}

    def fixed(line: str) -> str:
        return _RANDOM_ID.sub(lambda found: ids.setdefault(found[0], f"{len(ids):032x}"), line).replace("<", r"\u003c")

    data = "\n".join([fixed(dashboard), fixed(graphs)])
    root, root_fixed = next(iter(ids.items()))
    return "".join([head, script, data, "\n", rest.replace(root, root_fixed)])
