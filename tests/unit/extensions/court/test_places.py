"""Places on the court: they say about a shot what the real data say, and squares hold what is in them."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def court(basketball):
    return basketball("places")


@pytest.fixture(scope="module")
def cells(court):
    def found(x, y, p, made, **rules):
        values = (np.array(values, dtype=float) for values in (x, y, p, made))
        return court.cells(*values, **{"size": 4, "min_rows": 1, **rules})

    return found


@pytest.mark.parametrize("rows", ["dev", "prod"])
def test_the_projects_court_says_about_every_real_shot_what_the_data_say(court, kobe, rows, request):
    shots = request.getfixturevalue(rows)
    found = court.features_at(kobe.demonstration.court, shots.loc_x / 10, shots.loc_y / 10)  # given in tenths of a foot
    assert list(found) == ["lon", "lat", "shot_distance"]
    assert np.abs(found["lon"] - shots.lon).max() < 1e-9
    assert np.abs(found["lat"] - shots.lat).max() < 1e-9
    assert (found["shot_distance"] == shots.shot_distance).all()


def test_every_real_shot_is_found_where_it_was_thrown(court, kobe, dev):
    x, y = court.places(kobe.demonstration.court, dev)
    assert np.abs(x - dev.loc_x / 10).max() < 1e-9
    assert np.abs(y - dev.loc_y / 10).max() < 1e-9


def test_a_spot_on_the_court_is_the_value_at_the_basket_and_so_much_for_each_foot(court, basketball):
    x, y = {"feature": "east", "at_basket": 10, "per_foot": 2}, {"feature": "north", "at_basket": 5, "per_foot": -1}
    found = court.features_at(basketball().Court(x=x, y=y), 3, 4)
    assert {name: float(value) for name, value in found.items()} == {"east": 16, "north": 1}


def test_a_square_holds_the_mean_of_its_rows(cells):
    (found,) = cells([0.5, 3.9, 1], [1, 1, 3], [0.2, 0.4, 0.9], [0, 1, 1])
    assert (found.x, found.y, found.rows) == (2, 2, 3)
    assert found.predicted == pytest.approx(0.5)
    assert found.observed == pytest.approx(2 / 3)
    assert found.low < found.observed < found.high


def test_squares_left_of_the_basket_and_behind_it_are_squares_too(cells):
    found = cells([-0.1, 0.1], [-3, 3], [0.5, 0.5], [1, 0])
    assert {(cell.x, cell.y): cell.observed for cell in found} == {(-2, -2): 1, (2, 2): 0}


def test_a_row_without_a_label_counts_nowhere(cells):
    (found,) = cells([1, 1], [1, 1], [0.2, 0.8], [1, np.nan])
    assert (found.rows, found.predicted, found.observed) == (1, 0.2, 1)
    assert cells([1], [1], [0.5], [np.nan]) == []


def test_raising_the_smallest_count_never_shows_more_and_all_rows_are_in_some_square(court, kobe, prod):
    x, y = court.places(kobe.demonstration.court, prod)
    label = prod.shot_made_flag.to_numpy(dtype=float)
    shown = [court.cells(x, y, np.full(len(x), 0.3), label, size=4, min_rows=least) for least in (1, 10, 50, 500)]
    assert sum(cell.rows for cell in shown[0]) == 5412
    assert [len(found) for found in shown] == sorted((len(found) for found in shown), reverse=True)
    assert all(cell.rows >= 50 for cell in shown[2])
    made = sum(cell.observed * cell.rows for cell in shown[0])
    assert made == pytest.approx(np.nansum(label))
