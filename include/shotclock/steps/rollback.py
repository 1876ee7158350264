"""The step that puts an earlier version back into service: by hand, or because it is proven better."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shotclock.config import project, settings
from shotclock.errors import ConfigError, StoreError
from shotclock.files import storage
from shotclock.handoff import Done
from shotclock.store import history, left
from shotclock.store.fields import visible
from shotclock.store.records import Change, Decision
from shotclock.store.run import Run
from shotclock.store.tracking import Tracked, earlier, tracked
from shotclock.store.versions import registry


def rollback(run: Run, reason: str | None, version: int | None = None, by: str = "manual") -> Done:
    """Make `previous`, or the version named, the champion again, and write down why.

    `by` is who or what asked: a person, or `alert`. Where a demotion's alert has started the run, that is the version
    before, if it was proven better than who serves now.

    What was chosen is written down before the alias moves: a second try of the same run goes on with that choice, and does
    not roll back what the first one rolled back. Nor does a second run that was asked for before the first one had ended: it
    ends as skipped, since `previous` is another version by then than the one that was meant.

    Raises:
        ConfigError: no reason was given.
        StoreError: there is nothing to go back to.
        ConflictError: someone promoted another version meanwhile.
    """
    if by != "alert" and (reason is None or not reason.strip()):
        raise ConfigError("reason: found nothing, expected a sentence: why is this version taken out of service?")
    with _one_at_a_time(run):
        before = earlier(run, "rollback")
        chosen = before.written(Change) if before else None
        # what is refused here is no decision, and leaves none that failed
        stop = "" if version or chosen else _replaced(run)
        find = _proven_better if by == "alert" else _chosen
        choice = chosen or (None if stop else find(run.project, version))
        with tracked(run, "rollback", Decision, name="Decision: rollback") as record:
            if choice is None:
                return _skipped(run, record, stop or _NOTHING, by)
            why = _alerted(run.project, choice) if by == "alert" else _Why(visible((reason or "").strip()), by)
            return _gone_back(run, record, choice, why)


_NOTHING = "no version before is proven better than the one in service: nothing was rolled back"


@dataclass(frozen=True)
class _Why:
    """Why a version goes back, who says so, and what it answers."""

    reason: str
    by: str
    window: str | None = None
    answers: tuple[str, ...] | None = None


def _proven_better(name: str, _: int | None) -> Change | None:
    """Back to the version before, where it was proven better than who serves now."""
    champion = registry.require_champion(name).number
    taken = history.takeover(name, champion)
    proven = taken and history.demotions(name, champion) and project(name).retraining.demote == "on"
    return Change(before=champion, after=taken.before) if taken and proven else None


def _alerted(project: str, chosen: Change) -> _Why:
    told = history.demotions(project, chosen.before)[0]
    return _Why(told.reason, "shadow", told.window, (told.id,))


def _gone_back(run: Run, record: Tracked, chosen: Change, why: _Why) -> Done:
    reason = why.reason
    record.write(Decision(decision="rollback", flow=run.flow, **vars(why), **vars(chosen)))
    target = registry.version(run.project, chosen.after)
    registry.promote(target, expected=chosen.before)
    summary = f"`{target.uri}` is the champion again instead of v{chosen.before}: {reason}"
    done = Done(decision="rollback", version=target.number, reason=reason, by=why.by)
    return replace(done, mlflow_run_id=record.id, summary=summary)


@contextmanager
def _one_at_a_time(run: Run) -> Iterator[None]:
    """Whoever asked at the same moment chooses once this one is written down, and finds it."""
    with storage.locked(settings().data / run.project / ".rollback.lock"):
        left.take_up(run)
        yield


def _replaced(run: Run) -> str:
    """Which version has come into service since this was asked for; an empty string where none has."""
    meanwhile = history.replaced_since(run.project, run.asked)
    if meanwhile is None:
        return ""
    return (
        f"v{meanwhile.champion} has come into service since this rollback was asked for ({meanwhile.flow} "
        f"`{meanwhile.run}`: {meanwhile.reason}): nothing was rolled back; to go back from there, name a version"
    )


def _skipped(run: Run, record: Tracked, stop: str, by: str) -> Done:
    record.write(Decision(decision="skip", reason=stop, by=by, flow=run.flow))
    return Done(decision="skip", reason=stop, by=by, skip=stop, mlflow_run_id=record.id, summary=f"**Skipped**: {stop}")


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
