"""The steps of a training: filter, split, candidates, train, select, gate, promote."""

import logging
import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from shotclock.config import ALGORITHMS, RECALIBRATED, Project, project
from shotclock.errors import ConfigError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.judging import gate as gates
from shotclock.judging import performance
from shotclock.judging.alerts import Decided
from shotclock.models import candidates as training
from shotclock.models.candidates.recalibration import recalibrate
from shotclock.rows import contract, labelling, splits
from shotclock.store import artifacts, history, queries, registry, tracking, verify
from shotclock.store.client import experiment_id
from shotclock.store.history import REFERENCE, TRAINING_IDS
from shotclock.store.run import Run, folder_of
from shotclock.words import summaries
from shotclock.words.cards import contents, curves

log = logging.getLogger(__name__)


def filter_rows(run: Run, source: dict[str, Any]) -> dict[str, Any]:
    """Keep the labelled rows and the columns that the model uses: `data_filtered.parquet`."""
    rules, target = project(run.project), folder_of(run) / "data_filtered.parquet"
    rows = storage.read_table(storage.at(source["valid"]))
    contract.require_both_classes(rows[rules.columns.target], rules.columns.target, source["path"])
    filtered = splits.filter_labelled(rows, rules.columns)
    storage.write_table(filtered, target)
    positive = float(np.mean(filtered[rules.columns.target].to_numpy()))
    return {
        "path": str(target),
        "rows": filtered.num_rows,
        "source": {key: source[key] for key in ("path", "rows", "sha256", "synthetic", "quarantined")},
        "summary": f"{filtered.num_rows:,} labelled rows of {source['rows']:,}, {positive:.2%} positive",
    }


def split(run: Run, filtered: dict[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Cut the filtered rows into `base_train.parquet` and `base_test.parquet`, stratified; MLflow run `PreparacaoDados`."""
    rules, folder = project(run.project), folder_of(run)
    seed = rules.split.seed if seed is None else seed
    table = storage.read_table(storage.at(filtered["path"]))
    parts = splits.split(table, rules.columns.target, test_share=rules.split.test_share, seed=seed)
    paths = folder / "base_train.parquet", folder / "base_test.parquet"
    for part, path in zip(parts, paths, strict=True):
        storage.write_table(part, path)
    train, test = (part.num_rows for part in parts)
    source = filtered["source"]
    with tracking.tracked(run, "prepare", "PreparacaoDados", kind="preparation") as record:
        record.record(
            params={"test_share": rules.split.test_share, "seed": seed, "features": ", ".join(rules.columns.features)},
            metrics={
                "rows_raw": source["rows"],
                "rows_quarantined": source["quarantined"],
                "rows_filtered": filtered["rows"],
                "rows_train": train,
                "rows_test": test,
            },
            tags={"synthetic": source["synthetic"]},
        )
        record.dataset("raw", source["path"], source["sha256"], "raw")
        for name, path in zip(("train", "test"), paths, strict=True):
            record.dataset(name, path, storage.digest(path), name)
    return {
        "train": str(paths[0]),
        "test": str(paths[1]),
        "file": source["path"],
        "split_seed": seed,
        "rows": {"raw": source["rows"], "filtered": filtered["rows"], "train": train, "test": test},
        "sha256": source["sha256"],
        "synthetic": source["synthetic"],
        "mlflow_run_id": record.id,
        "summary": f"{train:,} rows to train on, {test:,} for the gate, stratified by `{rules.columns.target}`, seed {seed}",
    }


def candidates(run: Run, names: list[str] | None = None) -> list[dict[str, str]]:
    """Which algorithms compete, and on which rows each is trained; opens the MLflow run `Treinamento` above their runs."""
    chosen = algorithms(run.project, names)
    tracking.open_run(run, "training", "Treinamento", kind="training")
    return [{"name": algorithm, "algorithm": algorithm, "rows": "train"} for algorithm in chosen]


def algorithms(name: str, given: list[str] | None) -> list[str]:
    """The given algorithms, or the project's.

    Raises:
        ConfigError: an algorithm that does not exist.
    """
    chosen = list(dict.fromkeys(given or project(name).training.candidates))
    unknown = sorted(set(chosen) - set(ALGORITHMS))
    if unknown:
        raise ConfigError(f"candidates: found {', '.join(unknown)}, allowed: {', '.join(ALGORITHMS)}")
    return chosen


def train(run: Run, candidate: dict[str, str], data: dict[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Tune one candidate by cross-validated log loss on its training rows; a child run of `Treinamento`.

    Where the data has a validation slice, of the regime that the model will serve, selection goes by the log loss there.
    """
    rules = project(run.project)
    seed = rules.training.seed if seed is None else seed
    rows = _frame(data[candidate["rows"]])
    parent = tracking.find_run(run, "training").id
    name, path = candidate["name"], storage.at(data[candidate["rows"]])
    try:
        with tracking.tracked(run, f"train/{name}", name, kind="candidate", parent=parent) as record:
            trained = _fit(run, candidate["algorithm"], rows, seed)
            score = _score(trained, rules, data)
            model = folder_of(run) / "candidates" / f"{name}.pickle"
            _write_pickle(trained.model, model)
            record.record(
                params={
                    "algorithm": candidate["algorithm"],
                    "backend": trained.backend,
                    "seed": seed,
                    **trained.params,
                },
                metrics={
                    **{f"cv_{key}": value for key, value in trained.cv.items()},
                    score["metric"]: score["log_loss"],
                },
                tags={"synthetic": data["synthetic"], "model_sha256": storage.digest(model)},
            )
            for key in ("log_loss", "roc_auc"):
                record.series(f"fold_{key}", [fold[key] for fold in trained.folds])
            record.json(trained.search, "search.json")
            record.dataset("train", path, storage.digest(path), "training")
    except BaseException:
        tracking.close_run(parent, "FAILED")
        raise
    return {
        "name": name,
        "rows": candidate["rows"],
        "model": str(model),
        "cv": trained.cv,
        "score": score,
        "params": {key: str(value) for key, value in trained.params.items()},
        "seed": seed,
        "mlflow_run_id": record.id,
        "summary": summaries.candidate(name, trained.cv, score, trained.params, len(trained.search)),
    }


def _fit(run: Run, algorithm: str, rows: pd.DataFrame, seed: int) -> training.Trained:
    rules = project(run.project)
    features, target = rows[list(rules.columns.features)], rows[rules.columns.target]
    if algorithm == RECALIBRATED:
        champion = registry.require_champion(run.project)
        return recalibrate(champion.load(), features, target, folds=rules.training.folds, seed=seed)
    return training.train(
        features,
        target,
        algorithm,
        backend=rules.training.backend,
        folds=rules.training.folds,
        iterations=rules.training.iterations,
        seed=seed,
    )


def _score(trained: training.Trained, rules: Project, data: dict[str, Any]) -> dict[str, Any]:
    """What selection goes by: the log loss of the regime that the model will serve."""
    if "validation" not in data:
        return {"metric": "cv_log_loss", "log_loss": trained.cv["log_loss"]}
    rows = _frame(data["validation"])
    probability = _probability(trained.model, rows[list(rules.columns.features)])
    loss = float(performance.losses(rows[rules.columns.target].to_numpy(), probability).mean())
    return {"metric": "validation_log_loss", "log_loss": loss}


def select(run: Run, trained: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The candidate with the lowest log loss becomes the challenger: `modelo_final.pickle`."""
    by_name = {item["name"]: item for item in trained}
    selection = training.select({name: item["score"]["log_loss"] for name, item in by_name.items()})
    winner, final = by_name[selection.winner], folder_of(run) / "modelo_final.pickle"
    with storage.replacing(final) as partial:
        partial.write_bytes(storage.read(storage.at(winner["model"])))
    record = tracking.find_run(run, "training")
    record.record(
        params={"winner": selection.winner},
        metrics={winner["score"]["metric"]: winner["score"]["log_loss"]},
        tags={"reason": selection.reason},
    )
    tracking.close_run(record.id)
    return {
        "winner": selection.winner,
        "reason": selection.reason,
        "rows": winner["rows"],
        "model": str(final),
        "mlflow_run_id": winner["mlflow_run_id"],
        "training_run_id": record.id,
        "candidates": {
            name: {key: item[key] for key in ("model", "mlflow_run_id", "score")} for name, item in by_name.items()
        },
        "params": winner["params"],
        "seed": winner["seed"],
        "summary": summaries.selection(selection.winner, selection.reason, list(by_name.values())),
    }


def gate(run: Run, selection: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Challenger against champion on the same rows that neither was trained on; without a champion, against the base rate.

    Every candidate's figures on these rows are written down here too, the one time that they are used.
    """
    rules, champion = project(run.project), _opponent(run, selection)
    path, regime = _judged_on(run, champion, data)
    holdout = _frame(path)
    holdout = holdout[_unseen(champion, selection, data, holdout[rules.columns.id])]
    features, labels = holdout[list(rules.columns.features)], holdout[rules.columns.target].to_numpy()
    scored = {
        name: _probability(_read_pickle(storage.at(item["model"])), features)
        for name, item in selection["candidates"].items()
    }
    old = _probability(champion.load(), features) if champion else None
    decision = gates.judge(old, scored[selection["winner"]], labels, rules.gate)
    measured = {name: _measure(p, labels, selection["candidates"][name], run) for name, p in scored.items()}
    figures = {name: {key: f.value for key, f in found.figures.items()} for name, found in measured.items()}
    scores = folder_of(run) / "gate_scores.parquet"
    storage.write_table(_scores(holdout, old, scored[selection["winner"]]), scores)
    outcome = {
        "champion": champion.number if champion else None,
        "challenger": selection["winner"],
        "regime": regime,
        **decision.to_dict(),
    }
    with tracking.tracked(run, "gate", "Gate", kind="gate") as record:
        record.record(
            params={"champion": outcome["champion"], "challenger": outcome["challenger"], **rules.gate.model_dump()},
            metrics=decision.metrics(),
            tags={
                "outcome": decision.outcome,
                "reason": decision.because,
                "regime": regime,
                "training_run": selection["training_run_id"],
            },
        )
        record.dataset("holdout", path, storage.digest(path), "gate")
        record.artifact(scores)
    return {
        **outcome,
        "figures": figures,
        "measured": measured[selection["winner"]].to_dict(),
        "scores": str(scores),
        "mlflow_run_id": record.id,
        "summary": summaries.gate(outcome, figures),
    }


def _opponent(run: Run, selection: dict[str, Any]) -> registry.Version | None:
    """The champion; for a run that is repeated after its own challenger took over, the one that this replaced."""
    champion = registry.champion(run.project)
    if champion is None or champion.run_id != selection["mlflow_run_id"]:
        return champion
    before = tracking.tags(tracking.find_run(run, "decision")).get("before")
    return registry.version(run.project, before) if before else None


def _judged_on(run: Run, champion: registry.Version | None, data: dict[str, Any]) -> tuple[Address, str]:
    """The gate's rows, and whose regime they are of: the one that the champion serves.

    Once a champion was judged on production rows, a model from the training file must prove itself on those too: on its
    own test rows it would win, and lose in production.
    """
    if "recent" in data:
        return storage.at(data["test"]), "production"
    wanted = {"after": champion.number, "reference": "True"} if champion else {}
    decided = queries.newest(run.project, "decision", tags=wanted) if champion else []
    if decided and history.tag(decided[0], "regime") == "production":
        return artifacts.artifact(decided[0].info.run_id, REFERENCE), "production"
    return storage.at(data["test"]), "training"


def _scores(holdout: pd.DataFrame, old: NDArray[Any] | None, new: NDArray[Any]) -> pa.Table:
    """The gate's rows with the champion's and the challenger's probabilities."""
    named = holdout.assign(probability=new, **({} if old is None else {"champion_probability": old}))
    return pa.Table.from_pandas(named, preserve_index=False)


def _probability(model: Pipeline, features: pd.DataFrame) -> NDArray[Any]:
    return model.predict_proba(features)[:, 1] if len(features) else np.empty(0)


def _measure(
    probability: NDArray[Any], labels: NDArray[Any], candidate: dict[str, Any], run: Run
) -> performance.Performance:
    """One candidate's figures on the holdout, also written to its run with its curves."""
    measured = performance.measure(labels, probability, resamples=200, seed=project(run.project).gate.seed)
    record = tracking.Tracked(candidate["mlflow_run_id"], experiment_id(run.project))
    record.record(metrics={f"holdout_{name}": figure.value for name, figure in measured.figures.items()})
    if measured.gap is None:
        record.figure(curves.curves(labels, probability), "holdout_curves.png")
    return measured


def _unseen(
    champion: registry.Version | None, selection: dict[str, Any], data: dict[str, Any], ids: "pd.Series[Any]"
) -> NDArray[Any]:
    """Which holdout rows stand in neither model's training set, by id."""
    trained_on = [_ids(storage.at(data[key]), ids.name) for key in ("train", "all", "validation") if key in data]
    if champion is not None:
        trained_on.append(_ids(champion.artifact(TRAINING_IDS), ids.name))
    return gates.untouched(ids.to_numpy(), *trained_on)


def _ids(path: Address, column: Any) -> NDArray[Any]:
    ids: NDArray[Any] = storage.read_table(path, [column])[column].to_numpy()
    return ids


def promote(
    run: Run,
    selection: dict[str, Any],
    decision: dict[str, Any],
    data: dict[str, Any],
    approval: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Act on the gate's verdict: register, load back, move the alias; or keep the champion and say why.

    The alias moves last, after the registered model was loaded in a fresh process and gave the same probabilities. A rollback
    that came after this run was asked for stands, as long as nobody approves of the challenger all the same.

    Args:
        approval: `approved`, and `because` where a person or the mode decided; without it, the gate alone decides.
    """
    answer = approval or {"approved": True}
    undone = _rolled_back(run, decision, answer)
    because = [answer.get("because"), undone and _stands(undone), decision["because"]]
    reason = "; ".join(part for part in because if part)
    promoted = decision["outcome"] == "promote" and answer["approved"] and not undone
    before = undone.champion if undone else decision["champion"] or ""
    outcome = "promote" if promoted else "keep"
    with tracking.tracked(run, "decision", f"Decision: {outcome}", kind="decision") as record:
        version = _install(run, selection, decision, data) if promoted else None
        after = version.number if version else before
        reference = _reference(run, decision, data, version)
        if reference:
            record.artifact(reference)
        tags = {
            "decision": outcome,
            "reason": reason,
            "by": answer.get("by", "gate"),
            "before": before,
            "after": after,
            "gate_run": decision["mlflow_run_id"],
            "gate_outcome": decision["outcome"],
            "regime": decision["regime"],
            "window": data.get("window", ""),
            "answers": ",".join(data.get("answers", [])),
            "reference": bool(reference),
            "flow": run.flow,
        }
        record.artifact(contents.decision_page(run, selection, decision, data, tags))
        if version is not None:
            card = contents.model_card(run, selection, decision, data, version, reference)
            tracking.Tracked(version.run_id, record.experiment).artifact(card)
        record.record(metrics={"labelled_rows": data["rows"]["test"]}, tags=tags)
        if version is not None:
            registry.promote(version, expected=decision["champion"])
            storage.publish(folder_of(run), "champion")
            log.info("%s is the champion: %s", version.uri, decision["because"])
    result = {"decision": outcome, "reason": reason, "mlflow_run_id": record.id}
    if version is None:
        return {**result, "champion": after, "skip": f"the champion stays: {reason}", "summary": f"**keep**: {reason}"}
    return {**result, "version": version.number, "summary": summaries.promotion(version.uri, decision)}


def _rolled_back(run: Run, decision: dict[str, Any], answer: dict[str, Any]) -> Decided | None:
    """The rollback that this promotion would undo."""
    if decision["outcome"] != "promote" or not answer["approved"] or "by" in answer:  # a person, who has seen it
        return None
    newest = history.replaced_since(run.project, run.asked)
    return newest if newest and newest.outcome == "rollback" else None


def _stands(rollback: Decided) -> str:
    return (
        f"v{rollback.champion} was put back into service after this run was asked for (rollback `{rollback.run}`: "
        f"{rollback.reason}), and stays; to replace it, start a new run"
    )


def _install(run: Run, selection: dict[str, Any], decision: dict[str, Any], data: dict[str, Any]) -> registry.Version:
    """Register the challenger, and load it back in a fresh process, which gets ready meanwhile."""
    with verify.Verifier() as verifier:
        version = _register(run, selection, decision, data)
        verifier.verify(version, storage.at(decision["scores"]))
    return version


def _register(run: Run, selection: dict[str, Any], decision: dict[str, Any], data: dict[str, Any]) -> registry.Version:
    """Register the challenger with all that it takes to trace and to judge it."""
    rules, folder = project(run.project), folder_of(run)
    trained_on = folder / TRAINING_IDS
    storage.write_table(_training_ids(run, selection, decision, data), trained_on)
    candidate = tracking.Tracked(selection["mlflow_run_id"], experiment_id(run.project))
    for path in (trained_on, storage.at(selection["model"])):
        candidate.artifact(path)
    scores = storage.at(decision["scores"])
    example = storage.read_table(scores).slice(0, 5).to_pandas()[list(rules.columns.features)]
    tags = {
        "algorithm": selection["winner"],
        "reason": decision["because"],
        "cause": run.cause,
        "flow": run.flow,
        "run": run.id,
        "data_sha256": data["sha256"],
        "rows_path": data.get(
            "all", data["train"]
        ),  # all the rows there were, whichever of them this model learnt from
        "model_sha256": storage.digest(storage.at(selection["model"])),
        "synthetic": data["synthetic"],
        "model_card": f"runs:/{selection['mlflow_run_id']}/{contents.MODEL_CARD}",
    }
    model = _read_pickle(storage.at(selection["model"]))
    return registry.register(run, selection["mlflow_run_id"], model, example, tags=tags)


def _training_ids(run: Run, selection: dict[str, Any], decision: dict[str, Any], data: dict[str, Any]) -> pa.Table:
    """The ids of all rows that the model has learnt from; the validation slice chose it, so it counts as seen.

    A recalibrated champion still holds the model that it was made of, and so all that this one had learnt from.
    """
    column = project(run.project).columns.id
    paths = [storage.at(data[key]) for key in (selection["rows"], "validation") if key in data]
    if selection["winner"] == RECALIBRATED:
        paths.append(registry.version(run.project, decision["champion"]).artifact(TRAINING_IDS))
    return labelling.first_of_each(pa.concat_tables([storage.read_table(path, [column]) for path in paths]), column)


def _reference(
    run: Run, decision: dict[str, Any], data: dict[str, Any], version: registry.Version | None
) -> Address | None:
    """The rows that the next windows are measured against, with the probabilities of the model that is now in service.

    After a first training these are the gate's rows. After a retraining it is the recent window that it was about. A
    training that changed nothing leaves the reference as it is.
    """
    path, rules = folder_of(run) / REFERENCE, project(run.project)
    if "recent" in data:
        rows = _frame(data["recent"])
        model = (version or registry.require_champion(run.project)).load()
        rows = rows.assign(probability=_probability(model, rows[list(rules.columns.features)]))
    elif version is not None:
        rows = _frame(decision["scores"]).drop(columns="champion_probability", errors="ignore")
    else:
        return None
    storage.write_table(pa.Table.from_pandas(rows, preserve_index=False), path)
    return path


def _frame(path: str | Address) -> pd.DataFrame:
    frame: pd.DataFrame = storage.read_table(storage.at(str(path))).to_pandas()
    return frame


def _write_pickle(model: Pipeline, path: Address) -> None:
    with storage.replacing(path) as partial:
        partial.write_bytes(pickle.dumps(model, protocol=5))


def _read_pickle(path: Address) -> Pipeline:
    return pickle.loads(storage.read(path))
