"""How a figure with its interval is written."""

from shotclock.judging.figure import Figure


def test_a_figure_is_written_with_its_interval_in_four_digits_or_as_many_as_are_asked_for():
    figure = Figure(0.02, -0.01, 0.03)
    assert str(figure) == f"{figure}" == "0.0200 [-0.0100, 0.0300]"
    assert f"{figure:.2f}" == "0.02 [-0.01, 0.03]"
    assert figure.interval(".1f") == "[-0.0, 0.0]"


def test_a_figure_is_found_among_numbers_with_its_ends_or_as_a_point_or_not_at_all():
    numbers = {"f1": 0.5, "f1_low": 0.4, "f1_high": 0.6, "rows": 9.0}
    assert Figure.among(numbers, "f1") == Figure(0.5, 0.4, 0.6)
    assert Figure.among(numbers, "rows") == Figure(9.0, 9.0, 9.0)
    assert Figure.among(numbers, "accuracy") is None
