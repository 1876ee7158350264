"""What the doctor finds of Python and the packages around it."""

import sys
from importlib.metadata import version

import pytest

from shotclock.projects import doctor
from shotclock.projects.doctor import Finding


def by_state(found):
    return {finding.what: finding.state for finding in found}


@pytest.fixture
def lock_file(tmp_path, monkeypatch):
    """`lock_file(text)`: the lock that packages are compared with."""

    def write(text):
        path = tmp_path / "requirements.txt"
        path.write_text(text)
        monkeypatch.setattr(doctor, "_LOCK", path)

    return write


def test_this_environment_is_sound():
    assert by_state([*doctor.python(), *doctor.packages()]) == {"Python": "ok", "packages": "ok"}


@pytest.mark.parametrize("found", ["2.7.18", "3.10.13", "3.14.0", "3.14.0rc1", "4.0.0"])
def test_another_python_is_broken(found, monkeypatch):
    monkeypatch.setattr(sys.modules["platform"], "python_version", lambda: found)
    (finding,) = doctor.python()
    assert (finding.state, finding.found) == ("broken", found)
    assert finding.remedy == "make env, which makes .venv with a Python <3.14,>=3.11; then call .venv/bin/shotclock"


@pytest.mark.parametrize("found", ["3.11.0", "3.12.1", "3.13.0rc2", "3.13.9", "3.13.0+"])
def test_each_python_that_the_package_is_for_is_sound(found, monkeypatch):
    monkeypatch.setattr(sys.modules["platform"], "python_version", lambda: found)
    assert list(doctor.python()) == [Finding("Python", "ok", found)]


def test_packages_that_are_not_what_the_lock_says_are_named(lock_file):
    lock_file(
        "numpy==0.1 \\\n    --hash=sha256:aa\nno-such-package==1.0 ; python_version > '3'\n"
        f"pandas[perf]=={version('pandas')}\nfor-another-python==1.0 ; python_full_version < '3.0'\n"
    )
    (found,) = doctor.packages()
    assert (found.state, found.remedy) == ("broken", "make env, which installs the lock")
    assert (
        found.found.startswith("numpy 2.")
        and "(the lock: 0.1), no-such-package is missing (the lock: 1.0)" in found.found
    )
    assert "pandas" not in found.found and "another" not in found.found
