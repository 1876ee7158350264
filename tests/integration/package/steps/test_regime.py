"""Once a champion was judged on production rows, a model from the training file is judged on those too."""

import pytest

from shotclock import flows
from shotclock.store import history
from shotclock.store.versions import registry


@pytest.mark.parametrize("again", ["again", "and_again"])
def test_training_again_on_the_training_file_does_not_replace_the_adapted_champion(at, again):
    at("rested")
    adapted = registry.require_champion("shots").number
    decision = flows.train("shots", again)
    newest = history.decisions("shots")[0]
    assert decision.decision == "keep" and registry.require_champion("shots").number == adapted
    assert "gain over the champion -0.0" in newest.reason and "on 5,412 rows" in newest.reason


def test_all_labelled_rows_stay_with_a_champion_that_learnt_from_recent_rows_alone(at):
    from shotclock.files.storage import read_table

    folder = at("rested")
    champion = registry.require_champion("shots")
    rows = read_table(folder.joinpath(champion.origin.rows_path))
    assert champion.origin.algorithm.endswith(".recent")
    assert rows.num_rows == 20_285 + 5_412
