"""The shadow: the version before, which scores the same rows after a promotion, and is judged on those whose labels have come.

A version that came back is followed by none: who was taken out of service does not come back by itself, so that the loop
comes to rest.
"""

import logging

import pandas as pd

from shotclock.config import Project, project
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.judging import demotion
from shotclock.judging.gate import untouched
from shotclock.judging.verdict import Verdict
from shotclock.models import scoring
from shotclock.store import history, records, registry
from shotclock.store.run import Run
from shotclock.store.tracking import tracked
from shotclock.store.window import Window, beside, names_of

log = logging.getLogger(__name__)


def of(name: str, champion: registry.Version) -> registry.Version | None:
    """The version that the champion took over from by its promotion, unless it was deleted, or the project wants no shadow."""
    taken = history.takeover(name, champion.number) if project(name).retraining.demote != "off" else None
    return next((found for found in registry.versions(name) if found.number == taken.before), None) if taken else None


def scorer(rules: Project, version: registry.Version | None, target: Address) -> scoring.Shadow | None:
    """What scores the rows beside the champion. A version that cannot, because its files are gone or the project has other
    features by now, must not stop who serves: it is passed over, with a warning."""
    if version is None:
        return None
    try:
        return scoring.Shadow.of(version.load(), rules.columns, version.number, target)
    except StoreError as error:
        log.warning("nobody scores the rows beside the champion: %s", error)
        return None


def judge(run: Run, window: Window) -> Verdict | None:
    """Compare the version before with the one that scored the window, on the labelled rows since; MLflow run `Shadow`.

    None where there is no version before.
    """
    before, version = of(run.project, window.version), window.version
    if before is None:
        return None
    batches = beside.since(window, before.number)
    try:
        found = _judged(window, before, beside.rows(window.project, batches))
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


def _judged(window: Window, before: registry.Version, rows: pd.DataFrame) -> Verdict:
    """By the rows that neither has learnt from, without those that the promotion was decided on."""
    rules, version = window.project, window.version
    columns, taken = rules.columns, history.takeover(rules.name, version.number)
    known = [version.training_ids(), before.training_ids(), history.reference(rules.name, version)]
    ids = (storage.read_table(path, [columns.id])[columns.id].to_numpy() for path in known)
    met = rows[untouched(rows[columns.id].to_numpy(), *ids)]
    return demotion.judge(
        met[columns.probability].to_numpy(dtype=float),
        met[beside.given(columns)].to_numpy(dtype=float),
        met[columns.target].to_numpy(dtype=float),
        rules.gate,
        taken.number if taken else 1,
    )
