"""A registered model is loaded back in a fresh process before its alias moves, and must score as the gate measured.

`python -m shotclock.store.verify` is that process. It loads its libraries first and then reads one line of JSON: `model` (its
address), `digest` (of its files), `rows` (a parquet file of features and the column `probability`) and `store`. It answers
with the largest absolute difference between the model's probabilities and that column. PyCaret is barred from it: who
loads a registered model must not need it.
"""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from shotclock.config import settings
from shotclock.errors import StoreError

if TYPE_CHECKING:
    from shotclock.files.storage import Address
    from shotclock.store.registry import Version


class Verifier:
    """A fresh process without PyCaret that loads a registered model back and compares its probabilities.

    To be started early, as a context: it loads its libraries while the model is being registered.
    """

    def __enter__(self) -> Self:
        command, pipe = [sys.executable, "-m", "shotclock.store.verify"], subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def verify(self, version: "Version", rows: "Address", *, tolerance: float = 1e-12) -> float:
        """The largest absolute difference between the registered model's probabilities and the recorded ones.

        Args:
            rows: parquet file of features and the column `probability` as the gate measured it.

        Raises:
            StoreError: the model cannot be loaded, or a probability differs by more than `tolerance`.
        """
        asked = {"model": version.uri, "digest": version.digest, "rows": str(rows), "store": settings().tracking_uri}
        answer, errors = self._process.communicate(json.dumps(asked) + "\n")
        if self._process.returncode != 0:
            raise StoreError(f"{version.uri}: cannot be loaded back, the alias stays where it is: {errors[-2000:]}")
        difference = float(answer.split()[-1])
        if not difference <= tolerance:
            raise StoreError(
                f"{version.uri}: loaded back, its probabilities differ by up to {difference:.3g} from those that the "
                f"gate measured (allowed {tolerance:.0e}); the alias stays where it is"
            )
        return difference


def main() -> float:
    """The largest absolute difference between recorded and reproduced probabilities."""
    sys.modules["pycaret"] = None  # type: ignore[assignment]  # any import of it now fails

    import skops.io  # noqa: F401  (loaded while there is nothing else to do)

    from shotclock.files import storage
    from shotclock.store.registry import load_model

    asked = json.loads(sys.stdin.readline())
    model = load_model(asked["model"], asked["digest"], asked["store"])
    table = storage.read_table(storage.at(asked["rows"])).to_pandas()
    features = table[list(model.feature_names_in_)]
    return float(abs(model.predict_proba(features)[:, 1] - table["probability"]).max())


if __name__ == "__main__":
    sys.stdout.write(f"{main()!r}\n")
