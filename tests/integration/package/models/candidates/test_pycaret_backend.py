"""What PyCaret does not promise, and its backend replaces: a test fails when that is no longer there to be replaced.

That a task's warnings are shown as before is tried in a process of its own: see `test_process.py`.
"""

import inspect


def test_what_is_left_out_of_a_setup_is_still_a_part_of_pycarets():
    from shotclock.models.candidates import pycaret_backend  # which keeps PyCaret's import from restyling every figure

    ours, theirs = pycaret_backend._Experiment, pycaret_backend.ClassificationExperiment
    for name in ("_check_environment", "_get_models"):
        replaced, taken = (inspect.signature(getattr(kind, name)) for kind in (theirs, ours))
        assert list(taken.parameters) == list(replaced.parameters), name
    assert "self._check_environment()" in _sources(theirs)
    assert "self._get_models(" in _sources(theirs)


def _sources(kind):
    return "".join(inspect.getsource(base) for base in kind.__mro__ if base.__module__.startswith("pycaret."))
