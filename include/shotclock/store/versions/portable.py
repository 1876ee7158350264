"""A stored model as data, also one that an older scikit-learn wrote: read where that was tried, and refused elsewhere.

skops promises that it reads what an older skops wrote: the protocol's number stands in the file, and skops keeps a reader for
each (`skops/io/_protocol.py`). scikit-learn promises nothing from one release to another: what a file holds may fit the
classes of this release, or only seem to. So the release that wrote each part is read from the file before anything is made
of it; `READ` are those whose models were tried with this one, in `tests/integration/package/store/versions/test_portable.py`.
"""

import json
import warnings
from collections.abc import Iterator
from inspect import Parameter, signature
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from shotclock.errors import StoreError
from shotclock.models.predictor import parts_of, with_clean_trees
from shotclock.store.versions.vouching import UntrustedTypesFoundException, skops

READ = ("1.4", "1.9")
"""The releases of scikit-learn whose models this version of Shotclock was tried with."""
TRUSTED = (  # of what a pipeline of ours is made, besides the estimators that skops vouches for: see `vouching`
    "functools.partial",  # boosting with categories checks its numbers by one, of the function below
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
_NO_MODEL = (  # what skops raises for a type that nobody trusts, and for bytes that are no file of its own
    UntrustedTypesFoundException,
    BadZipFile,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)


def read(file: Path, called: str) -> Any:
    """What a file of skops holds. Nothing of it is run.

    Args:
        called: what messages call the model.

    Raises:
        StoreError: it holds types that no model of ours has, is no file of skops, or was written by a release of
            scikit-learn that this one was not tried with.
    """
    try:
        _refuse_untried(_writers(file), called)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # what it warns of is what was tried
            model = skops.load(file, trusted=list(TRUSTED))
    except _NO_MODEL as error:
        said = " ".join(str(error).split())[:500]
        raise StoreError(
            f"{called}: its {file.name} holds no model of ours ({said}); nothing of it was run; train again"
        ) from error
    return with_clean_trees(_completed(model))


def _writers(file: Path) -> set[str]:
    """The releases of scikit-learn, such as `1.4`, that wrote the parts of a model."""
    with ZipFile(file) as content:
        schema = json.loads(content.read("schema.json"))
    return {".".join(json.loads(one["content"]).split(".")[:2]) for one in _found(schema, "_sklearn_version")}


def _found(node: Any, key: str) -> Iterator[Any]:
    for name, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if name == key:
            yield child
        else:
            yield from _found(child, key)


def _refuse_untried(writers: set[str], called: str) -> None:
    own = ".".join(sklearn.__version__.split(".")[:2])
    untried = writers - {own, *READ}
    if untried:
        raise StoreError(
            f"{called}: written by scikit-learn {', '.join(sorted(untried))}, expected {' or '.join(READ)}, which "
            f"scikit-learn {own} was tried with; train and promote again, or go back to an environment that reads it: "
            "docs/operations.md, Upgrade"
        )


def _completed(model: Any) -> Any:
    """The model itself, whose parts have the settings that their classes got since, as their classes set them."""
    for part in parts_of(model):
        for name, parameter in signature(type(part)).parameters.items():
            if not hasattr(part, name) and parameter.default is not Parameter.empty:
                setattr(part, name, parameter.default)
    return model
