"""`python -m shotclock.verify`: a fresh process that loads a registered model and compares its scores.

It loads its libraries first and then reads one line of JSON: `model` (its address), `digest` (of its files), `rows` (a
parquet file of features and the column `probability`) and `store`. It answers with the largest absolute difference between
the model's probabilities and that column. PyCaret is barred from this process: who loads a registered model must not need
it.
"""

import json
import sys


def main() -> float:
    """The largest absolute difference between recorded and reproduced probabilities."""
    sys.modules["pycaret"] = None  # type: ignore[assignment]  # any import of it now fails

    import skops.io  # noqa: F401  (loaded while there is nothing else to do)

    from shotclock import storage
    from shotclock.registry import load_model

    asked = json.loads(sys.stdin.readline())
    model = load_model(asked["model"], asked["digest"], asked["store"])
    table = storage.read_table(storage.at(asked["rows"])).to_pandas()
    features = table[list(model.feature_names_in_)]
    return float(abs(model.predict_proba(features)[:, 1] - table["probability"]).max())


if __name__ == "__main__":
    sys.stdout.write(f"{main()!r}\n")
