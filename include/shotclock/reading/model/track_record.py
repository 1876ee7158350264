"""The track record that a decision went by: each recipe's log loss, block by block."""

from shotclock.errors import StoreError
from shotclock.store import queries, records
from shotclock.store.versions.registry import Version

_MOST = 1000  # decisions, and trainings, that are looked through


def of_champion(champion: Version) -> dict[str, list[float]]:
    """By recipe, best first, the loss of each block in nats per row, oldest block first.

    It is that of the newest decision, promote or keep, after which this version was in service.

    Raises:
        StoreError: there is none.
    """
    name = champion.project
    trainings = {stored.place: stored for stored in queries.newest(name, records.Training, most=_MOST)}
    after = {"after": champion.number}
    for decided in queries.newest(name, records.Decision, where=after, unless={"decision": "skip"}, most=_MOST):
        training = trainings.get(decided.place)
        if training and (found := _of(name, training)):
            return found
    raise StoreError(
        f"{champion.uri}: no retraining has decided about it yet, and a first training is judged on test rows, so it has no "
        f"track record; trigger {name}.retraining, or run: shotclock retrain {name} --reason …"
    )


def _of(name: str, training: records.Stored[records.Training]) -> dict[str, list[float]]:
    recipes = queries.newest(name, records.Candidate, parent=training.id, most=_MOST)
    best = sorted(recipes, key=lambda stored: stored.record.figure("validation_log_loss"))
    losses = {stored.name: queries.series(stored.id, records.BLOCK_LOG_LOSS) for stored in best}
    return {recipe: found for recipe, found in losses.items() if found}
