"""What tests of whole flows share: a project that is quickly trained."""

import pytest
from yaml import safe_dump, safe_load

from shotclock import config


@pytest.fixture
def small(at, dev):
    """`small()`: the project `shots` before its first training, with 6,000 rows to train on and one candidate; its folder."""

    def laid_out():
        folder = at("empty")
        dev.head(6000).to_parquet(folder / "data" / "raw" / "dataset_kobe_dev.parquet")
        path = folder / "projects" / "shots.yaml"
        rules = safe_load(path.read_text("utf-8"))
        rules["training"] |= {"candidates": ["decision_tree"], "folds": 2}
        rules["data"].pop("sha256", None)
        path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
        config.project.cache_clear()
        return folder

    return laid_out
