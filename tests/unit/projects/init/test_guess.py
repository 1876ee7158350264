"""What a stranger's table may be: each guess, each override, and what is said of what cannot be."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from shotclock.errors import ContractError
from shotclock.projects.init.guess import Wishes, guess
from shotclock.rows import contract

ROWS = 600


@pytest.fixture
def loans():
    """A table as people have them: `loans(column=values)` puts more columns in, or others in place; None leaves one out."""
    random = np.random.default_rng(1)
    days = np.datetime64("2024-01-01") + np.arange(ROWS) // 2

    def make(**changes):
        income = random.normal(50_000, 9_000, ROWS).round(2)
        known = {
            "loan_id": np.arange(1000, 1000 + ROWS),
            "granted": pa.array(days),
            "income": income,
            "children": random.integers(0, 5, ROWS),
            "owns_home": np.where(random.random(ROWS) < 0.4, "yes", "no"),
            "city": random.choice(["Rome", "Oslo", "Bern"], ROWS),
            "repaid": random.random(ROWS) < 0.3 + 0.4 * (income > 50_000),
        }
        known |= changes
        return pa.table({name: values for name, values in known.items() if values is not None})

    return make


def guessed(table, share=0.7, **wishes):
    found = guess(table, share, Wishes(**wishes))
    return replace(found, table=found.table.read())


# Roles


def test_target_time_id_and_features_are_found_and_each_says_why(loans):
    found = guessed(loans())
    assert (found.columns.id, found.columns.time, found.columns.target) == ("loan_id", "granted", "repaid")
    assert list(found.columns.features) == ["income", "children", "owns_home", "city"]
    assert found.left_out == {}
    assert set(found.why) == set(found.columns.all)
    assert (
        found.why["repaid"]
        == "has two outcomes; it is the last such column (owns_home too); true and false became 1 and 0"
    )
    assert found.why["owns_home"].endswith("no and yes became 0 and 1")


def test_the_rows_keep_the_contract_that_was_guessed_for_them(loans):
    found = guessed(loans())
    contract.check_schema(found.table.schema, found.columns, "loans", needs_target=True)
    assert contract.examine(found.table, found.columns).reasons == {}


def test_each_guess_can_be_overridden(loans):
    table = loans(decided=pa.array(["2024-05-05"] * ROWS), number=np.arange(ROWS))
    found = guessed(table, target="owns_home", id="number", time="granted", exclude=("income",))
    assert (found.columns.id, found.columns.target) == ("number", "owns_home")
    assert found.left_out["income"] == "excluded by --exclude"
    assert "repaid" in found.columns.features


@pytest.mark.parametrize("wishes", [{"exclude": ("repaid",)}, {"features": ("repaid",)}, {"categories": ("repaid",)}])
def test_a_column_of_which_is_said_what_it_is_is_not_taken_for_the_target(loans, wishes):
    repaid = loans()["repaid"].cast("int8")
    assert guessed(loans(repaid=repaid), **wishes).columns.target == "owns_home"


def test_a_guess_among_several_targets_is_said_to_be_one(loans):
    told = "target: 'repaid' is a guess, it may be owns_home as well: see --target"
    assert told in guessed(loans()).warnings
    assert not any("is a guess" in told for told in guessed(loans(), target="repaid").warnings)


WORDS = np.resize(["Approved", "Approved", "Rejected"], ROWS)
CODES = np.resize([1, 2, 2], ROWS)


@pytest.mark.parametrize(
    ("columns", "target", "counts", "told"),
    [
        ({"outcome": WORDS}, "outcome", "Rejected", ["it may be owns_home, repaid as well", "'Rejected' counts as 1"]),
        ({"decision": WORDS}, "repaid", "", ["it may be owns_home, decision as well"]),
        ({"repaid": WORDS, "owns_home": None}, "repaid", "Rejected", ["'Rejected' counts as 1"]),
        ({"repaid": CODES, "owns_home": None}, "repaid", "2", ["'2' counts as 1"]),
        ({"repaid": CODES, "owns_home": WORDS}, "repaid", "2", ["it may be owns_home as well", "'2' counts as 1"]),
    ],
)
def test_any_column_of_two_values_may_be_the_target_and_what_is_a_guess_is_said(loans, columns, target, counts, told):
    found = guessed(loans(**columns))
    assert found.columns.target == target
    assert set(found.table[target].to_pylist()) == {0, 1}
    assert not counts or counts in found.reading.ones
    guesses = [warning for warning in found.warnings if warning.startswith("target")]
    assert [any(part in warning for warning in guesses) for part in told] == [True] * len(guesses)


def test_a_column_called_target_goes_before_others_with_two_outcomes(loans):
    found = guessed(loans(label=np.arange(ROWS) % 2, last=np.arange(ROWS) % 2))
    assert found.columns.target == "label"


@pytest.mark.parametrize(
    ("values", "positive", "ones"),
    [
        (["good", "bad"] * 300, "bad", 300),
        (["a", "b", "c"] * 200, "c", 200),
        ([1, 2] * 300, None, 300),
        ([1, 2] * 300, "1", 300),
        ([-1, 1, None] * 200, None, 200),
        (["Y", "n"] * 300, None, 300),
        (["yes", "no", "no"] * 200, "no", 400),
        ([True, False, False, None] * 150, "false", 300),
    ],
)
def test_any_two_outcomes_become_0_and_1(loans, values, positive, ones):
    found = guessed(loans(state=pa.array(values)), target="state", positive=positive)
    target = found.table["state"]
    assert set(target.drop_null().to_pylist()) == {0, 1}
    assert target.to_pylist().count(1) == ones
    assert target.null_count == values.count(None)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"target": "city"}, "column 'city': found .*, expected two outcomes to predict; say with --positive"),
        (
            {"target": "income"},
            "column 'income': found .*, …: .* a number: to predict one is not supported, expected two outcomes",
        ),
        ({"target": "city", "positive": "Paris"}, "--positive: found 'Paris', expected a value of 'city'"),
        ({"target": "repayd"}, "--target: found 'repayd', expected one of repaid"),
        ({"exclude": ("town",)}, "--exclude: found 'town', expected one of"),
        ({"id": "children"}, r"column 'children' repeats '\d' in row \d, expected one value of its own for each row"),
        ({"id": "income"}, "column 'income' holds double values, which are neither whole numbers nor text"),
        ({"time": "city"}, "column 'city': found .*, expected dates; say with --time-format"),
        ({"time": "children"}, "column 'children': found .*, expected dates"),
    ],
)
def test_what_was_wished_for_and_cannot_be_is_refused(loans, wishes, message):
    with pytest.raises(ContractError, match=message):
        guessed(loans(), **wishes)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"repaid": None, "owns_home": None}, "target: found no column with two different values"),
        ({"granted": None}, "time: found no column of dates without gaps"),
        ({"income": None, "children": None, "owns_home": None, "city": None}, "found no column that can be a feature"),
    ],
)
def test_a_table_that_lacks_a_role_is_refused_with_the_option_that_helps(loans, missing, message):
    with pytest.raises(ContractError, match=message):
        guessed(loans(**missing))


@pytest.mark.parametrize(
    ("values", "is_one"),
    [
        ([f"K{number:05d}" for number in range(ROWS)], True),
        ([f"{number:06d}" for number in range(ROWS)], True),
        (np.arange(10**12, 10**12 + ROWS), True),
        (np.arange(ROWS) * 7919 % 100_003, False),  # of any size: it may be a measurement
        ([f"Mrs {number}" for number in range(ROWS)], False),  # a name, a remark
        (np.arange(ROWS) // 2, False),
        (np.arange(ROWS) + 0.5, False),
    ],
)
def test_a_column_of_any_name_that_numbers_its_rows_is_the_id_and_that_is_said_to_be_a_guess(loans, values, is_one):
    found = guessed(loans(loan_id=None, Kennung=values))
    assert found.columns.id == ("Kennung" if is_one else "row_id")
    assert any("id: 'Kennung' is different in every row" in told for told in found.warnings) == is_one


@pytest.mark.parametrize("name", ["ts", "event_ts", "timestamp", "epoch", "Jahr", "created_dt", "month", "Zeitstempel"])
def test_digits_tell_the_time_in_a_column_of_such_a_name(loans, name):
    moments = 1_700_000_000_000 + np.arange(ROWS) * 60_000
    found = guessed(loans(granted=None, **{name: moments}))
    assert (found.columns.time, found.reading.times) == (name, {name: "epoch ms"})


@pytest.mark.parametrize("layout", ["%b-%Y", "%b %Y", "%m/%Y", "%B %Y", "%b-%y"])
def test_months_tell_the_time(loans, layout):
    months = [date(2015 + number // 400, 1 + number // 40 % 10, 1).strftime(layout) for number in range(ROWS)]
    found = guessed(loans(granted=months))
    assert (found.columns.time, found.reading.times) == ("granted", {"granted": layout})


@pytest.mark.parametrize("name", ["Kunden-Nr.", "id", "order no.", "row_number", "customerId", "unnamed", "KEY:"])
def test_a_column_is_known_by_its_name_to_be_an_id(loans, name):
    assert guessed(loans(**{"loan_id": None, name: np.arange(ROWS)})).columns.id == name


def test_an_id_is_added_where_there_is_none_and_that_is_said(loans):
    found = guessed(loans(loan_id=None))
    assert found.columns.id == "row_id"
    assert found.table["row_id"].to_pylist() == list(range(1, ROWS + 1))
    assert any("'row_id' was added" in told for told in found.warnings)


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ([*range(1, ROWS), 7], f"repeats '7' in row {ROWS:,}"),
        ([*map(str, range(1, ROWS)), "7"], f"repeats '7' in row {ROWS:,}"),
        ([1, None, *range(3, ROWS + 1)], "has no value in row 2"),
        ([number + 0.5 for number in range(ROWS)], "holds double values, which are neither whole numbers nor text"),
        ([bytes([number % 256, number // 256]) for number in range(ROWS)], "holds binary values"),
    ],
)
def test_what_keeps_a_column_from_being_the_id_is_said(loans, ids, why):
    given = guessed(loans(loan_id=None)).table.drop_columns(["row_id"]).append_column("order_id", pa.array(ids))
    assert any(
        f"id: no column is one ('order_id' {why}" in told for told in guess(given, 0.5, Wishes("repaid")).warnings
    )


@pytest.mark.parametrize("wished", [None, "loan_id"])
def test_a_word_among_ids_of_numbers_is_said(loans, wished):
    found = guessed(loans(loan_id=[*map(str, range(1, ROWS)), "Total"]), id=wished)
    assert f"id: 'loan_id' holds 'Total' in row {ROWS}, and numbers elsewhere" in " ".join(found.warnings)


def test_a_column_of_lists_is_no_target_and_no_time(loans):
    given = guessed(loans()).table.append_column("tags", pa.array([[1, 2]] * ROWS))
    for wishes in (Wishes("tags"), Wishes("tags", positive="1"), Wishes("repaid", time="tags")):
        with pytest.raises(ContractError, match=r"found 'tags' with list<.*> values, expected one value in each row"):
            guess(given, 0.5, wishes)


# Times


@pytest.mark.parametrize(
    ("written", "layout"),
    [("%d/%m/%Y", None), ("%d.%m.%Y %H:%M", None), ("%Y/%m/%d", None), ("%d %b %Y", None), ("%d-%m-%y", "%d-%m-%y")],
)
def test_dates_that_are_written_another_way_become_timestamps(loans, written, layout):
    days = [day.strftime(written) for day in loans()["granted"].to_pylist()]
    found = guessed(loans(granted=pa.array(days)), time="granted" if layout else None, time_format=layout)
    assert pa.types.is_timestamp(found.table.schema.field("granted").type)
    assert [day.date() for day in found.table["granted"].to_pylist()] == loans()["granted"].to_pylist()


def test_iso_text_stays_as_it_is(loans):
    days = pa.array([f"{day}T10:00:00Z" for day in loans()["granted"].to_pylist()])
    assert guessed(loans(granted=days)).table["granted"].to_pylist() == days.to_pylist()


def test_where_day_and_month_cannot_be_told_apart_nothing_is_guessed(loans):
    days = pa.array(["03/04/2024", "05/06/2024"] * 300)
    with pytest.raises(ContractError, match="time: found no column of dates"):
        guessed(loans(granted=days))
    found = guessed(loans(granted=days), time="granted", time_format="%d/%m/%Y", share=0.5)
    assert str(found.table["granted"][0]) == "2024-04-03 00:00:00"


def test_a_date_that_is_not_written_as_was_said_is_shown(loans):
    with pytest.raises(ContractError, match=r"--time-format: found 'Rome', expected text like %Y"):
        guessed(loans(city=pa.array(["Rome"] * ROWS)), time="city", time_format="%Y")


def test_rows_are_cut_by_time_and_rows_of_one_moment_stay_together(loans):
    found = guessed(loans(), share=0.7)
    times = found.table["granted"].to_numpy()
    assert times[found.training].max() < times[~found.training].min()
    assert found.training.sum() == ROWS * 0.7


def test_rows_that_all_have_one_time_cannot_be_cut(loans):
    with pytest.raises(ContractError, match="--split-by-time: found the same time 2024-05-05"):
        guessed(loans(granted=pa.array(["2024-05-05"] * ROWS)))


# Features


def test_ranges_let_drift_pass_and_other_units_not(loans):
    features = guessed(loans(children=np.arange(ROWS) % 5, depth=np.tile([-3.0, 0.5, 4.0], 200))).columns.features
    assert (features["children"].type, features["children"].min, features["children"].max) == ("integer", 0, 8)
    assert (features["depth"].type, features["depth"].min, features["depth"].max) == ("number", -10, 11)
    assert features["owns_home"].allowed == (0, 1)
    assert features["owns_home"].drift == "jensenshannon"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones(ROWS), "1.0 in every row"),
        (pa.array([None] * ROWS, pa.float64()), "no value at all"),
        (pa.array([None] * 500 + [1.0, 2.0] * 50), "no value in the training rows"),
        (pa.array(["Rome"] * ROWS), "Rome in every row"),
        (
            [f"{number}, Long Street" for number in range(ROWS)],
            "text, 600 different ones such as '0, Long Street': only 0% of the training rows have one that stands in 10 of "
            "them",
        ),
        (
            [f"{number % 600}.5" if number % 9 else "closed" for number in range(ROWS)],
            "text, 534 different ones such as 'closed', mostly numbers, but for 'closed': only 11% of the training rows have "
            "one that stands "
            "in 10 of them",
        ),
        (
            [f"week {number // 20}" for number in range(ROWS)],
            "100% of the production rows lie outside of what training has seen: it tells when, not what",
        ),
        (
            np.arange(ROWS) * 1.0,
            "100% of the production rows lie outside of what training has seen: it tells when, not what",
        ),
        (pa.array([[1]] * ROWS), "list<item: int64>: neither numbers nor text"),
    ],
)
def test_what_had_better_be_no_feature_is_left_out_with_the_reason(loans, values, reason):
    assert guessed(loans(odd=values)).left_out["odd"] == reason


def test_a_column_can_be_made_a_feature_against_the_guess_but_other_kinds_of_values_cannot(loans):
    table = loans(month=np.arange(ROWS) // 60, street=[f"{n} Long Street" for n in range(ROWS)], parts=[[1]] * ROWS)
    assert {"month", "street", "parts"} <= set(guessed(table).left_out)
    found = guessed(table, features=("month", "street", "parts"))
    assert (found.columns.features["month"].type, found.columns.features["street"].type) == ("integer", "category")
    assert "parts" in found.left_out


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (np.where(np.arange(ROWS) % 50, np.arange(ROWS) % 7 * 1.0, np.nan), "number", "seen 0 to 6, 12 without"),
        (pa.array([None, 3, 4] * 200), "integer", "seen 3 to 4, 200 without"),
        (pa.array([None, 0, 1] * 200), "integer", "seen 0 to 1, 200 without"),
        (["yes", "no", None] * 200, "integer", "seen 0 to 1, 200 without; no and yes became 0 and 1"),
        (["a", "b", None] * 200, "category", "2 different ones: a, b, 200 without"),
        (["12", "7", "-"] * 200, "integer", "seen 7 to 12, 200 without; - became missing values"),
        ([None] * 300 + [1.0] * 300, "number", "seen 1 to 1, 300 without"),
    ],
)
def test_a_column_with_gaps_is_a_feature_whose_values_may_be_missing(loans, values, kind, why):
    found = guessed(loans(odd=values), target="repaid")
    assert (found.columns.features["odd"].type, found.columns.features["odd"].missing) == (kind, "allowed")
    assert found.why["odd"] == why
    assert contract.examine(found.table, found.columns).reasons == {}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["a", "b", "a"] * 200, "2 different ones: a, b"),
        ([f"{code:02}" for code in np.arange(ROWS) % 5], "5 different ones, all of digits: 00, 01, 02, …"),
        (["Zürich, Höngg 🏠", "per cent %", '"'] * 200, '3 different ones: Zürich, Höngg 🏠, per cent %, "'),
        (pa.array(["a", "b", "a"] * 200).dictionary_encode(), "2 different ones: a, b"),
        (pa.array(["a", "b", "a"] * 200, pa.large_string()), "2 different ones: a, b"),
        (["x" * 80, "y"] * 300, f"2 different ones: {'x' * 24}, y"),
    ],
)
def test_text_is_a_category_whose_levels_are_told(loans, values, why):
    found = guessed(loans(kind=values))
    feature = found.columns.features["kind"]
    assert (feature.type, feature.missing, feature.allowed, feature.drift) == (
        "category",
        "refused",
        None,
        "jensenshannon",
    )
    assert found.why["kind"] == why
    assert contract.examine(found.table, found.columns).reasons == {}


@pytest.mark.parametrize("values", [np.arange(ROWS) % 4, np.arange(ROWS) % 4 * 1.0, ["yes", "no"] * 300])
def test_numbers_are_names_where_that_is_wished(loans, values):
    found = guessed(loans(code=values), categories=("code",))
    assert found.columns.features["code"].type == "category"
    assert set(found.table["code"].to_pylist()) <= {"0", "1", "2", "3", "yes", "no"}


@pytest.mark.parametrize("values", [np.arange(ROWS) * 0.5, [True, False] * 300, [[1]] * ROWS])
def test_what_has_no_names_is_no_category(loans, values):
    with pytest.raises(ContractError, match=r"--category: found 'code' with .* values, expected text or whole numbers"):
        guessed(loans(code=values), categories=("code",))


def test_a_word_for_a_missing_value_is_one_in_every_column_of_the_file(loans):
    found = guessed(loans(score=["12", "7", "-"] * 200, kind=["a", "b", "-"] * 200))
    assert found.reading.missing == ("", "NA", "-")
    assert found.table["kind"].null_count == 200
    assert found.columns.features["kind"].missing == "allowed"


def test_infinity_is_no_value(loans):
    found = guessed(loans(ratio=np.where(np.arange(ROWS) == 7, np.inf, np.arange(ROWS) % 5)))
    assert found.why["ratio"] == "seen 0 to 4, 1 without"


def test_the_row_numbers_of_pandas_are_left_out(loans):
    numbers = np.arange(ROWS)[::-1] % 50
    left_out = guessed(loans(probability=numbers, __index_level_0__=numbers)).left_out
    assert set(left_out) & {"probability", "__index_level_0__"} == {"__index_level_0__"}
    assert left_out["__index_level_0__"] == "the row numbers of pandas"


def test_a_column_that_stands_twice_is_refused(loans):
    with pytest.raises(ContractError, match="column 'city' stands twice"):
        guessed(loans().append_column("city", pa.array(["Rome"] * ROWS)))


def test_a_feature_that_gives_the_target_away_is_named(loans):
    repaid = np.arange(ROWS) % 3 == 0
    warnings = guessed(
        loans(repaid=repaid, owns_home=None, days_late=np.where(repaid, 0, 9 + np.arange(ROWS) % 50))
    ).warnings
    assert any("'days_late' alone tells the target nearly or wholly (skill 1.00 of 1)" in told for told in warnings)
    assert not any("income" in told for told in warnings)


def test_a_leak_that_goes_up_and_down_is_found_too(loans):
    code = np.arange(ROWS) % 5
    warnings = guessed(loans(repaid=np.isin(code, (1, 3)), owns_home=None, code=code)).warnings
    assert any("'code' alone tells the target" in told for told in warnings)


@pytest.mark.parametrize(
    "telling",
    [
        lambda repaid: np.where(repaid, "paid back", "collected"),
        lambda repaid: pa.array(np.where(repaid, "closed", None)),
        lambda repaid: np.where(repaid, np.nan, np.arange(ROWS) % 7),
    ],
    ids=["levels", "text or nothing", "a number or nothing"],
)
def test_levels_and_gaps_that_give_the_target_away_are_named(loans, telling):
    repaid = np.arange(ROWS) % 3 == 0
    warnings = guessed(loans(repaid=repaid, owns_home=None, telling=telling(repaid))).warnings
    assert any("'telling' alone tells the target" in told for told in warnings)


def test_many_rare_levels_are_no_leak(loans):
    towns = np.random.default_rng(2).choice([f"town {number}" for number in range(40)], ROWS)
    found = guessed(loans(town=towns))
    assert "town" in found.columns.features and not any("'town' alone" in told for told in found.warnings)


def test_a_value_far_from_all_others_is_named(loans):
    speed = np.arange(ROWS) % 30
    speed[5] = 9999
    warnings = guessed(loans(speed=speed)).warnings
    assert any("'speed' goes from 0 to 9999, but 99 of 100 values lie between 0 and 29" in told for told in warnings)


@pytest.mark.parametrize(
    ("usual", "code", "is_told"),
    [
        (np.arange(18, 80), -999, True),
        (np.arange(18, 80), 999, True),
        (np.arange(18, 80), 100, False),
        (np.arange(6), 99, True),
        (np.array([0, 0.1, 0.2]), 0.5, False),
        (np.linspace(-3, 3, 50), -1e6, True),
        (np.array([1]), 9, False),  # two values are codes anyway
    ],
)
def test_a_number_far_from_all_others_in_many_rows_may_be_a_code(loans, usual, code, is_told):
    column = np.resize(usual, ROWS).astype(float)
    column[::20] = code
    told = f"'children' is {code:g} in 30 rows"
    assert any(told in warning for warning in guessed(loans(children=column)).warnings) == is_told


# Parts of the time


@pytest.fixture
def hourly(loans):
    """Loans by the minute, over half a year: those of the morning are repaid."""
    random = np.random.default_rng(3)
    moments = np.datetime64("2024-01-01T00:00:00") + np.sort(random.integers(0, 180 * 86_400, ROWS)).astype("m8[s]")
    hours = moments.astype("M8[h]").astype(int) % 24

    def make(**changes):
        known = {"granted": moments, "repaid": random.random(ROWS) < np.where(hours < 12, 0.9, 0.1)}
        return loans(**{**known, **changes})

    return make


def test_a_part_of_the_time_that_tells_something_is_worth_a_look_and_no_other_is(hourly):
    (line,) = [line for line in guessed(hourly()).warnings if "granted" in line]
    assert line.startswith("'granted' tells more than the order of the rows: its hour alone takes away ")
    assert line.endswith("% of the uncertainty about the target (--time-part hour)")


def test_what_the_file_says_itself_is_not_offered_again(hourly):
    assert not [line for line in guessed(hourly(Hour=np.arange(ROWS) % 24)).warnings if "granted" in line]


@pytest.mark.parametrize("written", [str, lambda moment: f"{moment}Z", lambda moment: f"{moment}+00:00"])
def test_it_is_offered_of_text_as_well(hourly, written):
    texts = pa.array([written(moment) for moment in hourly()["granted"].cast(pa.timestamp("s")).to_numpy()])
    assert "--time-part hour" in " ".join(guessed(hourly(granted=texts)).warnings)


def test_what_chance_does_is_not_offered(hourly):
    random = np.random.default_rng(5)
    assert not [line for line in guessed(hourly(repaid=random.random(ROWS) < 0.4)).warnings if "granted" in line]


def test_parts_that_are_wished_for_become_features_of_the_time(hourly):
    found = guessed(hourly(granted_hour=np.arange(ROWS) % 7), time="granted", time_parts=("weekday", "hour"))
    assert [(name, part.of_time, part.type) for name, part in found.columns.of_time.items()] == [
        ("granted_weekday", "weekday", "category"),
        ("_granted_hour", "hour", "category"),
    ]
    assert found.why["_granted_hour"] == "as --time-part says: the hour of granted"
    assert "granted_weekday" not in found.table.column_names
    good = contract.examine(found.table, found.columns).good
    assert set(good.schema.names) == set(found.columns.all)


@pytest.mark.parametrize(
    ("kind", "zone", "told"),
    [
        (pa.timestamp("s", "Europe/Berlin"), "Europe/Berlin", None),
        (pa.timestamp("s", "UTC"), None, "UTC"),
        (pa.timestamp("s", "+02:00"), None, "+02:00"),
        (pa.timestamp("s"), None, None),
    ],
)
def test_a_part_is_that_of_the_place_where_the_times_are_kept_with_one_and_else_its_line_says_how(
    hourly, kind, zone, told
):
    times = pa.array(hourly()["granted"].to_pylist(), kind)
    found = guessed(hourly(granted=times), time="granted", time_parts=("hour",))
    assert found.columns.of_time["granted_hour"].zone == zone
    lines = [line for line in found.warnings if line.startswith("'granted_hour': granted is told with")]
    assert [line.split(",")[0].split()[-1] for line in lines] == ([told] if told else [])
    assert contract.examine(found.table, found.columns).good.num_rows == ROWS


def test_a_month_that_training_has_not_seen_is_a_part_with_a_warning(hourly):
    found = guessed(hourly(), time_parts=("month",))
    assert list(found.columns.of_time) == ["granted_month"]
    (line,) = [line for line in found.warnings if line.startswith("'granted_month': ")]
    assert line.endswith("it tells when, not what")


@pytest.mark.parametrize(
    ("changes", "wishes", "said"),
    [
        (
            {"granted": pa.array(np.datetime64("2024-01-01") + np.arange(ROWS) // 2)},
            ("hour",),
            "found hour, which is 0 in all",
        ),
        (
            {"granted": np.arange(ROWS) // 60 + 2010},
            ("weekday", "month"),
            "found month, which is 1 in all training rows of",
        ),
        ({}, ("hour", "year"), "--time-part: found 'year', expected one of month, weekday, hour"),
    ],
)
def test_a_part_that_the_times_do_not_tell_is_refused(hourly, changes, wishes, said):
    with pytest.raises(ContractError, match=said):
        guessed(hourly(**changes), time="granted", time_parts=wishes)
