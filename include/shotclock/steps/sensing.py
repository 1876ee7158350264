"""The step behind each sensor: does what the checks concluded ask for a retraining, or for the version before, now?"""

import logging

from shotclock.config import settings
from shotclock.files import storage
from shotclock.handoff import Sensed
from shotclock.judging.alerts import Finding, Kind, unanswered
from shotclock.reading import findings
from shotclock.store import history, queries
from shotclock.store.records import Alert, Stopped
from shotclock.store.run import Run
from shotclock.store.tracking import tracked

log = logging.getLogger(__name__)


def sense(run: Run, kind: Kind) -> Sensed:
    """Judge the champion's newest window; when it asks for something to be done, that is an alert (MLflow run `Alert`).

    Returns:
        For an alert, its figures and id, too. `skip` says why nothing fires; where that is for people to look at, it is
        `stopped`, and `news` says whether nobody was told about this window yet.

    Raises:
        StoreError: no champion, or no window of it was checked yet.
    """
    finding, signal = findings.newest(run.project, kind)
    window, champion, reason = finding.window, finding.champion, signal.reason
    if not signal.fires:
        log.log(logging.WARNING if signal.stopped else logging.INFO, "%s, %s: %s", run.project, kind, reason)
        news = signal.stopped and _is_news(run, Stopped(trigger=kind, reason=reason, window=window, champion=champion))
        return Sensed(
            trigger=kind,
            reason=reason,
            window=window,
            champion=champion,
            fires=False,
            stopped=signal.stopped,
            news=news,
            skip=reason,
        )
    figures = dict(finding.verdict.figures)
    alert = _said(run.project, kind, window, champion, reason) or _write(run, finding, reason)
    return Sensed(
        trigger=kind,
        reason=reason,
        window=window,
        champion=champion,
        fires=True,
        alert=alert,
        figures=figures,
        mlflow_run_id=alert,
        summary=f"**Alert**: {reason}",
    )


def _said(project: str, kind: Kind, window: str, champion: str, reason: str) -> str | None:
    """The open alert that says just this, of a run that died before its other sensors had looked, or of an earlier check.

    It fires again, for its event may be lost; it is one alert all the same, since when it was first said.
    """
    waiting = unanswered(history.alerts(project), history.decisions(project), champion)
    said = (told.id for told in waiting if (told.kind, told.window, told.reason) == (kind, window, reason))
    return next(said, None)


def _write(run: Run, finding: Finding, reason: str) -> str:
    kind, figures = finding.kind, finding.verdict.figures
    with tracked(run, f"alert/{kind}", Alert, name=f"Alert: {kind}") as record:
        numbers = {key: value for key, value in figures.items() if isinstance(value, int | float)}
        told = Alert(trigger=kind, reason=reason, window=finding.window, champion=finding.champion, figures=numbers)
        record.write(told)
    return record.id


def _is_news(run: Run, stopped: Stopped) -> bool:
    """Whether people are to be told now: once for each window, whichever sensor comes first; a second try says it again."""
    step = f"stopped/{stopped.trigger}"
    about = {"window": stopped.window, "champion": stopped.champion}
    with storage.locked(settings().data / run.project / ".stopped.lock"):
        said = queries.newest(run.project, Stopped, where=about)
        if not said:
            with tracked(run, step, Stopped, name=f"Stopped: {stopped.trigger}") as record:
                record.write(stopped)
    return not said or said[0].key == run.key(step)
