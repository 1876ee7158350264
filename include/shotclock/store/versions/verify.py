"""A stored model is read back before it may serve, and must score as the gate measured.

`python -m shotclock.store.versions.verify` is a fresh process that does so, for flows whose steps are called one after another
in the process that has trained. It reads one line of JSON, the arguments of `verify`, and answers with the difference that it
found.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from shotclock.errors import ShotclockError, StoreError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import StoredModel
from shotclock.store.versions.registry import load_model

BARRED = ("pycaret", "evidently")
"""What whoever loads a champion must not need."""
_TOLERANCE = 1e-12


def verify(model: StoredModel, rows: Address, recorded: str = "probability") -> float:
    """The largest absolute difference between a stored model's probabilities and the recorded ones.

    Nothing is loaded before its digest was found to be right, and nothing that is `BARRED` can be imported meanwhile.

    Args:
        rows: parquet file of features and probabilities, as the gate measured them; the latter in the column `recorded`.

    Raises:
        StoreError: the model cannot be loaded, its files were changed, or a probability differs by more than 1e-12.
    """
    table = storage.read_table(rows).to_pandas()
    with _without(BARRED):
        found = load_model(model.uri, model.sha256)
        probability = found.predict_proba(table[list(found.feature_names_in_)])[:, 1]
    difference = float(abs(probability - table[recorded]).max(skipna=False))
    if not difference <= _TOLERANCE:
        raise StoreError(
            f"{model.uri}: read back, its probabilities differ by up to {difference:.3g} from those that the gate "
            f"measured (allowed {_TOLERANCE:.0e}); it is not promoted: train again"
        )
    return difference


def verify_apart(model: StoredModel, rows: Address, recorded: str = "probability") -> float:
    """What `verify` finds in a fresh process, which takes it some seconds to start.

    Raises:
        StoreError: see `verify`; or the process failed, and why.
    """
    command = [sys.executable, "-m", "shotclock.store.versions.verify"]
    asked = {"model": asdict(model), "rows": str(rows), "recorded": recorded}
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StoreError(f"not verified in a fresh process, so not promoted: {done.stderr.strip()[-2000:]}")
    return float(done.stdout.split()[-1])


@contextmanager
def _without(barred: tuple[str, ...]) -> Iterator[None]:
    """An import of these fails for the length of a block, also where one is in memory already."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in barred}
    sys.modules.update(dict.fromkeys(barred))  # type: ignore[arg-type]  # how Python itself is told
    try:
        yield
    finally:
        for name in barred:
            del sys.modules[name]
        sys.modules.update(hidden)


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    try:
        difference = verify(StoredModel(**asked["model"]), storage.at(asked["rows"]), asked["recorded"])
    except ShotclockError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{difference!r}\n")


if __name__ == "__main__":
    main()
