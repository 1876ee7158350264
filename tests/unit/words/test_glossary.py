"""Every figure has a name and an explanation, and there is one of each."""

from dataclasses import fields

from shotclock.judging.figure import Figure
from shotclock.judging.performance import Performance
from shotclock.words.glossary import HELP, NAMES, SHORT, SHOWN, capital, spoken


def test_every_figure_that_is_measured_has_a_name_and_an_explanation():
    measured = {field.name for field in fields(Performance) if field.type == Figure | None}
    assert set(NAMES) == set(SHORT) == measured
    assert set(SHOWN) < measured <= set(HELP)


def test_explanations_are_sentences():
    assert all(text[0].isupper() and text.endswith(".") for text in HELP.values())


def test_names_of_the_code_are_said_as_words():
    assert (spoken("new_records"), capital("log-loss skill"), capital("")) == ("new records", "Log-loss skill", "")
