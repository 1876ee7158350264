"""The best candidate of each project against five lines of scikit-learn, on the same test rows: log loss, nats per row.

    python -m benchmarks.five_lines --project late_flights --leave-out destination

The five lines are one-hot logistic regression, and histogram boosting with the library's defaults. What a feature is worth
shows when it is left out. Figures do not depend on the machine.
"""

import argparse
from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from shotclock.config import Feature, Project, project, settings
from shotclock.files import storage
from shotclock.models import candidates
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.rows import contract, splits
from shotclock.sources import find

ALLOWED = 0.002  # nats: what the best candidate may be worse


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--project", default="kobe_shots")
    options.add_argument("--leave-out", action="append", default=[], help="a feature of the project")
    options.add_argument("--iterations", type=int, help="settings that are tried; by default as the project says")
    asked = options.parse_args()
    rules = project(asked.project)
    features = {name: rule for name, rule in rules.columns.features.items() if name not in asked.leave_out}
    train, test = _rows(rules)
    ours = _ours(rules, features, train, test, asked.iterations or rules.training.iterations)
    theirs = _theirs(features, train, test, rules.columns.target)
    for name, loss in {**ours, **theirs}.items():
        print(f"{asked.project:<16} {name:<32} {loss:.4f}")
    gap = min(ours.values()) - min(theirs.values())
    print(f"{asked.project:<16} {'the best of ours minus theirs':<32} {gap:+.4f} (at most {ALLOWED:+.4f})")


def _rows(rules: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The project's training and test rows."""
    path = find.find(rules, "training", settings()).path
    good = contract.examine(storage.read_table(path, rules.columns.in_file), rules.columns).good
    labelled = splits.filter_labelled(good, rules.columns)
    train, test = splits.split(labelled, rules.columns.target, test_share=rules.split.test_share, seed=rules.split.seed)
    return train.to_pandas(), test.to_pandas()


def _ours(
    rules: Project, features: Mapping[str, Feature], train: pd.DataFrame, test: pd.DataFrame, iterations: int
) -> dict[str, float]:
    """Each candidate's log loss on the test rows."""
    how, inputs, target = rules.training, Inputs.of(features), rules.columns.target
    rows = candidates.rows_of(train[list(features)], train[target], how.folds, inputs)
    found = {}
    for algorithm in how.candidates:
        plan = candidates.Plan(algorithm, folds=how.folds, iterations=iterations, seed=how.seed, inputs=inputs)
        entry = candidates.Entry(algorithm, plan, rows)
        search = candidates.widened(entry, candidates.compare([entry], ScikitLearn())[0])
        model = candidates.fit(entry, search).model
        found[algorithm] = log_loss(test[target], model.predict_proba(test[list(features)])[:, 1])
    return found


def _theirs(features: Mapping[str, Feature], train: pd.DataFrame, test: pd.DataFrame, target: str) -> dict[str, float]:
    texts = [name for name, rule in features.items() if rule.is_text]
    numbers = [name for name in features if name not in texts]
    medians = train[numbers].median()
    one_hot = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), (StandardScaler(), numbers))
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254)
    as_numbers = make_column_transformer((ordinal, texts), remainder="passthrough")
    boosting = HistGradientBoostingClassifier(categorical_features=range(len(texts)), random_state=0)
    filled = [side.fillna(medians) for side in (train, test)]
    regression = make_pipeline(one_hot, LogisticRegression(max_iter=1000)).fit(filled[0][list(features)], train[target])
    boosted = make_pipeline(as_numbers, boosting).fit(train[list(features)], train[target])
    return {
        "one-hot logistic regression": log_loss(
            test[target], regression.predict_proba(filled[1][list(features)])[:, 1]
        ),
        "boosting with default settings": log_loss(test[target], boosted.predict_proba(test[list(features)])[:, 1]),
    }


if __name__ == "__main__":
    main()
