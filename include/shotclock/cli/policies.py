"""The command that compares policies of retraining on a project's own past."""

from typing import TYPE_CHECKING

from shotclock.cli.common import AsJson, Project, at_work_on, run_id, tell
from shotclock.cli.progress import Watch

if TYPE_CHECKING:
    from shotclock.judging.policies import Comparison


_AGED = f"{'age/blocks':>10}{'rows':>12}{'excess':>12}"


def policies(project: Project = "", as_json: AsJson = False) -> None:
    """Replay the labelled rows under each way to decide when to retrain: what each would have cost. Nobody is retrained."""
    with at_work_on(project, as_json), Watch(as_json) as watch:
        from shotclock.flows import compare_policies

        found = compare_policies(project, run_id(), note=watch.note, progress=watch.progress).comparison
    tell(found, f"\n{_table(found)}", as_json)


def _table(found: "Comparison") -> str:
    priced = any(one.money is not None for one in found.replayed)
    header = f"{'policy':<26}{'log loss':>10}{'regret':>10}{'trainings':>11}{'promotions':>12}" + (
        "money".rjust(14) if priced else ""
    )
    lines = [
        f"{one.name:<26}{one.log_loss:>10.4f}{one.regret:>10.4f}{one.trainings:>11}{one.promotions:>12}"
        + ("" if one.money is None else f"{one.money:>14,.2f}")
        for one in found.replayed
    ]
    about = (
        f"{found.project}: {found.rows:,} labelled rows from {found.begin} to {found.end} in {found.blocks} blocks (each a "
        f"{found.cut_by}),\neach scored before its labels were known; log loss and regret in nats per row\n"
    )
    chosen = [f"{one.name}:\n" + "\n".join(f"    {line}" for line in one.yaml.splitlines()) for one in found.replayed]
    ages = [f"{one.blocks:>10}{one.rows:>12,}{one.excess:>12.4f}" for one in found.staleness]
    aged = ["\nWhat age costs: nats per row above a model made just before the same rows", _AGED, *ages]
    return "\n".join([about, header, *lines, *aged, "\nWhat chooses each, in the project file:", *chosen])
