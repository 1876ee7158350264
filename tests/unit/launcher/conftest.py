"""What the tests of the launcher share."""

from pathlib import Path

import pytest

from shotclock_launcher.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout.of({"SHOTCLOCK_HOME": str(tmp_path)})
    found.make_folders()
    return found
