"""The newest window against its reference, column by column."""

import pytest

from shotclock.errors import StoreError
from shotclock.reading import distributions


def test_features_predictions_and_labels_are_compared_in_this_order(at, kobe):
    at("rested")
    found = distributions.compare("shots", "2").columns
    assert list(found) == [*kobe.columns.features, "probability", "shot_made_flag"]


def test_the_window_is_all_that_was_scored_and_labels_are_those_that_have_come(at):
    at("rested")
    told = distributions.compare("shots", "2")
    found = told.columns
    assert (found["lat"].rows_current, found["lat"].rows_reference) == (6426, 5412)
    assert (found["shot_made_flag"].rows_current, found["shot_made_flag"].labels) == (5412, ("0", "1"))
    assert found["shot_made_flag"].mean_current == pytest.approx(0.3293, abs=5e-5)
    assert told.batches == (1,)


def test_the_first_champion_is_compared_with_its_own_test_rows(at):
    at("alerted")
    found = distributions.compare("shots", "1").columns
    assert found["lat"].rows_reference == 4057
    assert found["shot_made_flag"].mean_reference == pytest.approx(0.4774, abs=5e-5)


def test_before_anything_was_scored_there_is_nothing_to_compare(at):
    at("trained")
    with pytest.raises(StoreError, match="has scored nothing yet"):
        distributions.compare("shots", "1")
