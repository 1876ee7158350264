"""What the tests of the command line share."""

import pytest
from typer.testing import CliRunner

from shotclock.cli import app


@pytest.fixture
def shotclock():
    """`shotclock("train", "shots")`: how the command ended and what it wrote."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
