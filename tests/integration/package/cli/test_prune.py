"""Pruning: what would go is said, and goes only when told."""

import json
import os


def test_pruning_says_what_would_go_and_removes_it_only_when_told(at, shotclock):
    folder = at("rested") / "data" / "shots" / "runs" / "inference"
    found = shotclock("prune", "shots", "--older-than", "0", "--keep", "0")
    assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, "nothing was removed: --yes does it")
    assert "would go: 0 folder(s) and 0 MLflow run(s) of 0 of 6 runs, 0 bytes" in found.stdout  # all of them are young
    (folder / "killed").mkdir()
    os.utime(folder / "killed", (0, 0))
    assert "1970-01-01T00:00  inference   killed" in shotclock("prune", "shots", "--keep", "0").stdout
    assert (folder / "killed").exists()
    done = json.loads(shotclock("prune", "shots", "--keep", "0", "--yes", "--json").stdout)
    assert (done["removed"], [run["run"] for run in done["runs"]]) == (True, ["killed"])
    assert sorted(path.name for path in folder.iterdir()) == ["s1", "s2"]
    assert shotclock("prune", "shots", "--keep", "-1").exit_code == 2
