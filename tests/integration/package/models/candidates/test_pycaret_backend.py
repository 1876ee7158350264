"""What PyCaret does not promise, and its backend replaces: a test fails when that is no longer there to be replaced.

That a task's warnings are shown as before is tried in a process of its own: see `tests/integration`.
"""

import inspect

from pycaret.classification import ClassificationExperiment

from shotclock.models.candidates import pycaret_backend


def test_what_is_left_out_of_a_setup_is_still_a_part_of_pycarets():
    ours = pycaret_backend._Experiment
    for name in ("_check_environment", "_get_models"):
        replaced, taken = (inspect.signature(getattr(kind, name)) for kind in (ClassificationExperiment, ours))
        assert list(taken.parameters) == list(replaced.parameters), name
    assert "self._check_environment()" in _sources(ClassificationExperiment)
    assert "self._get_models(" in _sources(ClassificationExperiment)


def _sources(kind):
    return "".join(inspect.getsource(base) for base in kind.__mro__ if base.__module__.startswith("pycaret."))
