"""The shadow: the version before, which scores the same rows after a promotion, and is judged on those whose labels have come.

A version that came back is followed by none: who was taken out of service does not come back by itself, so that the loop
comes to rest.
"""

import logging

import pandas as pd
import pyarrow as pa

from shotclock.config import Project, project
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.judging.gate import Gains, demotion, untouched
from shotclock.judging.verdict import Verdict
from shotclock.models import scoring
from shotclock.store import history, records
from shotclock.store.run import Run
from shotclock.store.tracking import tracked
from shotclock.store.versions import registry
from shotclock.store.window import Window, beside, names_of

log = logging.getLogger(__name__)
MOST_ROWS = 30_000
"""Of a batch, about: of a larger one the shadow scores a share, by id. More would prove nothing that these do not."""


def of(name: str, champion: registry.Version) -> registry.Version | None:
    """The version that the champion took over from by its promotion, unless it was deleted, or the project wants no shadow."""
    taken = _taken(name, champion)
    return there(name, taken.before) if taken else None


def _taken(name: str, champion: registry.Version) -> history.Takeover | None:
    return history.takeover(name, champion.number) if project(name).retraining.demote != "off" else None


def there(name: str, number: str) -> registry.Version | None:
    """The version of that number, or None where it was deleted."""
    return next((found for found in registry.versions(name) if found.number == number), None)


def scorer(rules: Project, version: registry.Version | None, target: Address, rows: int) -> scoring.Shadow | None:
    """What scores the rows beside the champion, of a batch of so many. A version that cannot, because its files are gone or
    the project has other features by now, must not stop who serves: it is passed over, with a warning."""
    if version is None:
        return None
    try:
        share = min(1.0, MOST_ROWS / max(1, rows))
        return scoring.Shadow.of(
            version.load(), rules.columns, version.number, target, share=share, seed=rules.drift.seed
        )
    except StoreError as error:
        log.warning("v%s scores no rows beside the champion: %s", version.number, error)
        return None


def judge(run: Run, window: Window) -> Verdict | None:
    """Compare the version before with the one that scored the window, on the labelled rows since; MLflow run `Shadow`.

    None where there is no version before.
    """
    version, taken = window.version, _taken(run.project, window.version)
    before = there(run.project, taken.before) if taken else None
    if taken is None or before is None:
        return None
    batches = beside.since(window, before.number, taken.at)
    try:
        found = _judged(window, before, taken.number, beside.rows(window.project, batches))
    except StoreError as error:
        found = Verdict("insufficient data", f"cannot be compared: {error}", {"rows": 0})
    told = Verdict(found.status, f"v{before.number}, the version before, {found.reason}", found.figures)
    with tracked(run, "shadow", records.Shadow) as record:
        record.write(
            records.Shadow(
                batch_count=len(batches),
                figures={name: float(value) for name, value in found.figures.items()},
                verdict=told.status,
                reason=told.reason,
                window=window.id,
                champion=version.number,
                batches=names_of(batches),
                synthetic=any(batch.synthetic for batch in batches),
                shadow=before.number,
            )
        )
    return told


def _judged(window: Window, before: registry.Version, number: int, rows: pd.DataFrame) -> Verdict:
    """By the rows that neither has learnt from, without those that the promotion was decided on."""
    rules, version = window.project, window.version
    columns = rules.columns
    known = [version.training_ids(), before.training_ids(), history.reference(rules.name, version)]
    met = rows[untouched(rows[columns.id].to_numpy(), *(storage.read_column(path, columns.id) for path in known))]
    return demotion.judge(
        met[columns.probability].to_numpy(dtype=float),
        met[beside.given(columns)].to_numpy(dtype=float),
        met[columns.target].to_numpy(dtype=float),
        rules.gate,
        number,
    )


def offer(window: Window, rows: pd.DataFrame) -> str:
    """The earlier version that is proven to do best on these rows, better than who serves; empty where none is.

    Asked is the last version of each recipe that has served, but for the shadow, which is judged by itself. Each meets the
    champion as at the gate, with more confidence: one of as many chances (Bonferroni). It is told, and nothing is done.

    Args:
        rows: labelled rows that the version in service has not learnt from, with its probabilities.
    """
    rules, earlier = window.project, _last_of_each_recipe(window)
    ordered = rows.sort_values([rules.columns.time, rules.columns.id], kind="stable")
    found = [(gains, version) for version in earlier if (gains := _over(window, version, ordered, len(earlier)))]
    if not found:
        return ""
    gains, best = max(found, key=lambda item: item[0].mean.value)
    return (
        f"; v{best.number} would have done better on {gains.rows:,} of these rows: gain {gains.mean} nats per row; to put it "
        f"back: `shotclock rollback {rules.name} --version {best.number}`"
    )


def _last_of_each_recipe(window: Window) -> list[registry.Version]:
    shadow, found = of(window.project.name, window.version), dict[str, registry.Version]()
    for version in registry.versions(window.project.name):
        if version.number not in (window.version.number, shadow and shadow.number):
            found.setdefault(version.origin.algorithm, version)
    return list(found.values())


def _over(window: Window, version: registry.Version, rows: pd.DataFrame, chances: int) -> Gains | None:
    """What the version would have gained on the rows that it has not learnt from, where that is proven."""
    from shotclock.models.predictor import predictor

    rules, columns = window.project, window.project.columns
    gate = rules.gate.model_copy(update={"confidence": 1 - (1 - rules.gate.confidence) / chances})
    if len(rows) < gate.min_rows:
        return None
    try:
        predict = predictor(version.load(), list(columns.features), version.number)
        learnt = storage.read_column(version.training_ids(), columns.id)
    except StoreError as error:
        log.warning("v%s is not compared with who serves: %s", version.number, error)
        return None
    met = rows[untouched(rows[columns.id].to_numpy(), learnt)]
    labels = met[columns.target].to_numpy(dtype=float)
    if len(met) < gate.min_rows or labels.min() == labels.max():
        return None
    given = predict(pa.RecordBatch.from_pandas(met[list(columns.features)], preserve_index=False))
    gains = demotion.over(met[columns.probability].to_numpy(dtype=float), given, labels, gate)
    return gains if gains.proven else None
