"""The step that puts an earlier version back into service."""

from collections.abc import Iterator
from contextlib import contextmanager

from shotclock.config import settings
from shotclock.errors import ConfigError, StoreError
from shotclock.files import storage
from shotclock.handoff import Done
from shotclock.judging import alerts
from shotclock.store import history, left, registry
from shotclock.store.fields import visible
from shotclock.store.records import Change, Decision
from shotclock.store.run import Run
from shotclock.store.tracking import Tracked, earlier, tracked


def rollback(run: Run, reason: str | None, version: int | None = None, by: str = "manual") -> Done:
    """Make `previous`, or the version named, the champion again, and write down why.

    What was chosen is written down before the alias moves: a second try of the same run goes on with that choice, and does
    not roll back what the first one rolled back. Nor does a second run that was asked for before the first one had ended: it
    ends as skipped, since `previous` is another version by then than the one that was meant.

    Raises:
        ConfigError: no reason was given.
        StoreError: there is nothing to go back to.
        ConflictError: someone promoted another version meanwhile.
    """
    if reason is None or not reason.strip():
        raise ConfigError("reason: found nothing, expected a sentence: why is this version taken out of service?")
    reason = visible(reason.strip())
    with _one_at_a_time(run):
        before = earlier(run, "rollback")
        chosen = before.written(Change) if before else None
        meanwhile = None if version or chosen else history.replaced_since(run.project, run.asked)
        # what is refused here is no decision, and leaves none that failed
        choice = meanwhile or chosen or _chosen(run.project, version)
        with tracked(run, "rollback", Decision, name="Decision: rollback") as record:
            if isinstance(choice, alerts.Decision):
                return _skipped(run, record, choice, by)
            return _gone_back(run, record, choice, reason, by)


def _gone_back(run: Run, record: Tracked, chosen: Change, reason: str, by: str) -> Done:
    record.write(
        Decision(decision="rollback", reason=reason, by=by, flow=run.flow, before=chosen.before, after=chosen.after)
    )
    target = registry.version(run.project, chosen.after)
    registry.promote(target, expected=chosen.before)
    summary = f"`{target.uri}` is the champion again instead of v{chosen.before}: {reason}"
    return Done(decision="rollback", version=target.number, reason=reason, mlflow_run_id=record.id, summary=summary)


@contextmanager
def _one_at_a_time(run: Run) -> Iterator[None]:
    """Whoever asked at the same moment chooses once this one is written down, and finds it."""
    with storage.locked(settings().data / run.project / ".rollback.lock"):
        left.take_up(run)
        yield


def _skipped(run: Run, record: Tracked, meanwhile: alerts.Decision, by: str) -> Done:
    stop = (
        f"v{meanwhile.champion} has come into service since this rollback was asked for ({meanwhile.flow} "
        f"`{meanwhile.run}`: {meanwhile.reason}): nothing was rolled back; to go back from there, name a version"
    )
    record.write(Decision(decision="skip", reason=stop, by=by, flow=run.flow))
    return Done(decision="skip", reason=stop, skip=stop, mlflow_run_id=record.id, summary=f"**Skipped**: {stop}")


def _chosen(project: str, version: int | None) -> Change:
    champion = registry.require_champion(project)
    target = registry.version(project, str(version)) if version else registry.by_alias(project, registry.PREVIOUS)
    if target is None:
        raise StoreError(
            f"project '{project}': there is no earlier champion to go back to; v{champion.number} is the first"
        )
    if target.number == champion.number:
        raise StoreError(f"{target.uri} is the champion already; name another version")
    return Change(before=champion.number, after=target.number)
