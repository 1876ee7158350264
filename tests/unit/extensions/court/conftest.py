"""The extension as a project file brings it in."""

from importlib import import_module

import pytest


@pytest.fixture(scope="session")
def basketball(kobe):
    """`basketball()`, or `basketball("places")`: the package of the extension, or a module in it."""
    package = type(kobe).__module__
    return lambda module="": import_module(f"{package}.{module}" if module else package)
