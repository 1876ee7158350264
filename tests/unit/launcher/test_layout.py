"""What lies at home is the owner's alone; a folder that somebody chose elsewhere keeps its doors."""

import stat
from pathlib import Path

from shotclock_launcher.layout import Layout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_looks_into_var_and_data_also_where_they_stood_open(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o755)
    (tmp_path / "data" / "raw").mkdir(mode=0o755, parents=True)
    Layout.of({"SHOTCLOCK_HOME": str(tmp_path)}).make_folders()
    assert [mode(tmp_path / name) for name in ("var", "data", "var/airflow")] == [0o700] * 3
    assert mode(tmp_path / "data" / "raw") == 0o755  # a container that mounts it alone reads it


def test_data_elsewhere_stay_as_open_as_they_are(tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    home.mkdir()
    shared.mkdir(mode=0o755)
    (home / "data").symlink_to(shared)
    for settings in ({"SHOTCLOCK_DATA": str(shared)}, {}):
        Layout.of({"SHOTCLOCK_HOME": str(home), **settings}).make_folders()
        assert mode(shared) == 0o755
