"""A project made from a table."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock import config
from shotclock.config import load_project
from shotclock.errors import ConfigError, ContractError, SourceError
from shotclock.projects.init import make
from shotclock.projects.init.guess import Wishes
from shotclock.projects.validate import validate
from shotclock.rows import types
from shotclock.sources import exports
from shotclock.store.intake import taken

ROWS = 4000


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home; the working folder is another one."""
    for name in (
        "SHOTCLOCK_DATA",
        "SHOTCLOCK_PROJECTS",
        "SHOTCLOCK_DATA_DIR",
        "SHOTCLOCK_ARTIFACTS",
        "MLFLOW_TRACKING_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOTCLOCK_HOME", str(tmp_path / "home"))
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "files")
    yield tmp_path / "home"
    config.project.cache_clear()


@pytest.fixture
def loans(home):
    """`loans("loans.csv")`: a file of 4,000 loans, and its path."""
    random = np.random.default_rng(3)
    income = random.normal(50, 9, ROWS).round(2)
    table = pa.table(
        {
            "loan id": np.arange(ROWS),
            "granted": pa.array((np.datetime64("2024-01-01") + np.arange(ROWS) // 8).astype(str)),
            "income: yearly": income,
            "children": random.integers(0, 5, ROWS),
            "city": random.choice(["Rome", "Oslo"], ROWS),
            "repaid": np.where(random.random(ROWS) < 1 / (1 + np.exp(-(income - 50) / 6)), "yes", "no"),
        }
    )

    def write(name, change=lambda table: table, separator=","):
        path = home.parent / "files" / name
        rows = change(table)
        if path.suffix.lower() == ".parquet":
            pq.write_table(rows, path)
        else:
            rows.to_pandas().to_csv(path, sep=separator, index=False)
        return path

    return write


def made(path, share=0.6, **options):
    wishes = Wishes(**options.pop("wishes", {}))
    return make.make_project(path, wishes, share=None if "production" in options else share, **options)


@pytest.mark.parametrize("name", ["loans.csv", "loans.csv.gz", "loans.parquet", "loans.PARQUET"])
def test_the_project_that_is_made_can_be_read_and_its_files_keep_its_contract(home, loans, name):
    done = made(loans(name))
    rules = load_project(home / "include" / "projects" / "loans.yaml")
    assert (rules.columns.id, rules.columns.time, rules.columns.target) == ("loan id", "granted", "repaid")
    assert list(rules.columns.features) == ["income: yearly", "children", "city"]
    assert done.training.rows + done.production.rows == ROWS
    found = validate("loans")
    assert found.faults == ()
    assert [(file.role, file.rows, file.bad) for file in found.files] == [
        ("training", done.training.rows, 0),
        ("production", done.production.rows, 0),
    ]


def test_the_project_file_says_what_was_guessed_and_why(home, loans):
    made(loans("loans.csv"))
    text = (home / "include" / "projects" / "loans.yaml").read_text("utf-8")
    assert "# Guessed by `shotclock init` from loans.csv." in text
    assert "target: repaid     # has two outcomes; no and yes became 0 and 1" in text
    assert "    city: {type: category}" in text
    assert load_project(home / "include" / "projects" / "loans.yaml").quarantine.training == 0.01
    assert "'income: yearly': {type: number, min: 0, max: " in text


def test_two_files_become_training_and_production_as_they_are(home, loans):
    older = loans("older.csv", lambda table: table.slice(0, 3000))
    newer = loans("newer.csv", lambda table: table.slice(3000).drop_columns("repaid"))
    done = made(older, production=newer, name="two")
    assert (done.training.rows, done.production.rows) == (3000, 1000)
    assert "production has no labels yet" in " ".join(done.warnings)
    assert pq.read_table(home / "data" / "raw" / "two_production.parquet")["repaid"].null_count == 1000
    assert validate("two").faults == ()


def test_rows_that_lack_a_value_are_kept(home, loans):
    def without(table):
        values = table["children"].to_numpy().astype(float)
        values[::50] = np.nan
        return table.set_column(3, "children", pa.array(values, from_pandas=True))

    made(loans("loans.csv", without))
    rules = load_project(home / "include" / "projects" / "loans.yaml")
    assert rules.columns.features["children"].may_be_missing
    found = validate("loans")
    assert found.faults == () and [file.bad for file in found.files] == [0, 0]


def test_codes_of_a_text_file_keep_their_zeros_where_they_are_wished_to_be_names(home, loans):
    late = [f"{number % 12:02}" if number > 300 else "9" for number in range(ROWS)]  # beyond the lines that are sniffed
    path = loans("codes.csv", lambda table: table.append_column("code", pa.array(late)))
    made(path, wishes={"categories": ("code",)})
    kept = pq.read_table(home / "data" / "raw" / "codes_production.parquet")["code"].unique().to_pylist()
    assert {"00", "09"} <= set(kept)


def test_rules_about_numbers_of_rows_fit_a_small_file(home, loans):
    done = made(loans("small.csv", lambda table: table.slice(0, 300)))
    rules = load_project(home / "include" / "projects" / "small.yaml")
    assert (rules.gate.min_rows, rules.drift.min_rows, rules.degradation.min_rows) == (35, 35, 124)
    assert "labelled training rows are few" in " ".join(done.warnings)
    assert validate("small").faults == ()


@pytest.mark.parametrize("there", ["include/projects/loans.yaml", "data/raw/loans_training.parquet"])
def test_nothing_is_overwritten(home, loans, there):
    path = home / there
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is there already and is not overwritten"):
        made(loans("loans.csv"))
    assert path.read_text() == "mine"
    assert [found for found in home.rglob("*") if found.is_file()] == [path]


def test_what_fails_leaves_nothing_behind(home, loans, monkeypatch):
    writer = make.pq.ParquetWriter

    def full(path, schema):
        if "production" in path.name:
            raise OSError(28, "No space left on device")
        return writer(path, schema)

    monkeypatch.setattr(make.pq, "ParquetWriter", full)
    with pytest.raises(OSError, match="No space"):
        made(loans("loans.csv"))
    assert [found for found in home.rglob("*") if found.is_file()] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My Loans 2024.csv", "my_loans_2024"),
        ("2024-loans.csv", "project_2024_loans"),
        ("loans-" * 20 + ".csv", "loans_" * 10 + "loa"),
        ("loans" * 12 + "---x.csv", "loans" * 12 + "_x"),
    ],
)
def test_the_projects_name_is_made_from_the_files(home, loans, name, expected):
    assert made(loans(name)).project == expected


@pytest.mark.parametrize("name", ["My Loans", "1st", "_", "x" * 64, "../x"])
def test_a_name_that_cannot_be_one_is_refused(home, loans, name):
    with pytest.raises(ConfigError, match=f"--name: found '{name}', expected up to 63 lower-case letters"):
        made(loans("loans.csv"), name=name)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda table: table.slice(0, 0), ContractError, "found no rows"),
        (lambda table: table.drop_columns("granted"), ContractError, r"loans\.csv: time: found no column of dates"),
    ],
)
def test_a_table_that_cannot_be_a_project_is_refused(home, loans, change, error, message):
    with pytest.raises(error, match=message):
        made(loans("loans.csv", change))


def test_files_that_are_missing_or_do_not_fit_each_other_are_refused(home, loans):
    with pytest.raises(SourceError, match=r"nowhere\.csv: no such file"):
        made(home / "nowhere.csv")
    text = loans("text.csv", lambda table: table.set_column(3, "children", pa.array(["two"] * ROWS)))
    with pytest.raises(
        SourceError,
        match=r"text\.csv: column 'children', row 1: found 'two' \(string\), expected int64 as in the rows before",
    ):
        made(loans("loans.csv"), production=text)


def test_a_layout_that_is_told_reads_also_what_seems_to_be_isos(home, loans):
    days = pa.array(["2025-02-01", "2025-03-01"] * (ROWS // 2))
    path = loans("loans.csv", lambda table: table.set_column(1, "granted", days))
    done = make.make_project(path, Wishes("repaid", time="granted", time_format="%Y-%d-%m"), share=0.5)
    assert {str(day) for day in pq.read_table(done.production.file)["granted"].to_pylist()} == {"2025-01-03 00:00:00"}
    with pytest.raises(ContractError, match="--time-format: found '2025-02-01', expected text like %Q"):
        make.make_project(path, Wishes("repaid", time="granted", time_format="%Q"), share=0.5, name="again")


@pytest.mark.parametrize(("kind", "is_kept"), [(pa.int64(), False), (pa.string(), True)], ids=str)
def test_codes_of_a_target_in_parquet_are_kept_where_they_are_text_and_else_that_is_said(home, loans, kind, is_kept):
    codes = pa.array([1, 2] * (ROWS // 2)).cast(kind)
    done = made(loans("loans.parquet", lambda table: table.set_column(5, "repaid", codes)), wishes={"target": "repaid"})
    said = "target: 'repaid' holds 1 and 2 here; of later parquet files a number is taken as it stands"
    assert any(told.startswith(said) for told in done.warnings) != is_kept
    assert load_project(home / "include" / "projects" / "loans.yaml").reading.ones == (("2",) if is_kept else ())


def _in_parts(frame, path):
    path.mkdir()
    for number in range(3):
        frame[number * ROWS // 3 : (number + 1) * ROWS // 3].to_parquet(path / f"part-{number}.parquet")


WAYS = {
    "comma": {},
    "semicolon": {"sep": ";", "decimal": ","},
    "tab": {"sep": "\t"},
    "utf-16": {"encoding": "utf-16"},
    "gzip": {"compression": "gzip"},
    "zip": {"compression": "zip"},
    "parquet in words": {"as": lambda frame, path: frame.to_parquet(path)},
    "parquet in words, each kept once": {"as": lambda frame, path: frame.astype("category").to_parquet(path)},
    "a folder of parts in words": {"as": _in_parts},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_next_months_file_of_the_same_system_is_read_as_this_months_was(home, way):
    def month(first, name):
        days = np.datetime64("2025-01-01") + np.arange(first, first + ROWS) // 8
        frame = pd.DataFrame(
            {
                "id": [f"{number:07}" for number in range(first, first + ROWS)],
                "at": pd.Series(days).dt.strftime("%d.%m.%Y"),
                "amount": [f"{number % 97}.5".replace(".", way.get("decimal", ".")) for number in range(ROWS)],
                "member": np.where(np.arange(ROWS) % 3 == 0, "ja", "nein"),
                "bought": np.where(np.arange(ROWS) % 2 == 0, "yes", "no"),
            }
        )
        frame.loc[::200, "amount"] = "unknown"
        path = home.parent / "files" / name
        if "as" in way:
            way["as"](frame, path)
            return path
        how = {"sep": way.get("sep", ","), "encoding": way.get("encoding"), "compression": way.get("compression")}
        frame.to_csv(path, index=False, **how)
        return path

    made = make.make_project(month(0, "january.csv"), Wishes(target="bought"), share=0.6)
    rules = load_project(home / "include" / "projects" / "january.yaml")
    assert "amount" in made.columns.features
    exports.write_parquet(month(ROWS, "february.csv"), rules.columns, rules.reading, home / "february.parquet")
    found = pq.read_table(home / "february.parquet")
    assert found["id"][0].as_py() == "0004000"
    assert str(found["at"][0]) == "2026-05-16 00:00:00"
    assert found["amount"].to_pylist()[:3] == [None, 1.5, 2.5]
    assert set(found["bought"].to_pylist()) == {0.0, 1.0}
    types.cast(found, types.of(rules.columns, pq.read_schema(made.training.file)), "february.csv")


def test_a_folder_of_parts_is_one_table(home, loans):
    place = home.parent / "files" / "loans"
    place.mkdir()
    for number in range(2):
        loans(f"loans/part-{number}.csv", lambda table, first=number * 2000: table.slice(first, 2000))
    (place / "_SUCCESS").touch()
    done = made(place)
    assert done.training.rows + done.production.rows == ROWS
    assert validate("loans").faults == ()


@pytest.mark.parametrize("column", ["city", "granted"])
def test_what_the_names_of_folders_say_is_a_column_like_others(home, loans, column):
    table, place = pq.read_table(loans("all.parquet")), home.parent / "files" / "loans"
    pq.write_to_dataset(table, place, partition_cols=[column])
    done = made(place)
    assert column in (done.columns.time, *done.columns.features)
    rules = load_project(home / "include" / "projects" / "loans.yaml")
    exports.write_parquet(place, rules.columns, rules.reading, home / "later.parquet")
    read = pq.read_table(home / "later.parquet")
    found = {row["loan id"]: row[column] for row in read.to_pylist()}
    assert found == {row["loan id"]: row[column] for row in table.to_pylist()}
    types.cast(read, types.of(rules.columns, pq.read_schema(done.training.file)), "later")


def test_a_part_of_another_table_is_named(home, loans):
    (home.parent / "files" / "loans").mkdir()
    path = loans("loans/part-0.csv")
    path.with_name("README.md").write_text("# Loans, by month\nby us, for you\n")
    with pytest.raises(
        ContractError, match=r"part-0\.csv: found the columns loan id, .* expected those of .*README\.md"
    ):
        made(path.parent)


@pytest.mark.parametrize("text", ["loan id  granted  repaid\n1  2024-01-01  yes\n", "<p>\nhello\n"])
def test_a_file_without_fields_is_refused_as_such(home, text):
    path = home.parent / "files" / "loans.txt"
    path.write_text(text)
    with pytest.raises((ContractError, SourceError), match=r"loans\.txt: found (one column, |a page of HTML)"):
        made(path)


def test_letters_of_a_file_that_is_no_unicode_are_shown(home, loans):
    path = loans("loans.csv")
    path.write_bytes(path.read_text().replace("Rome", "Malmö").encode("cp850"))
    done = made(path)
    assert done.warnings[0].startswith(
        "the file is not UTF-8 and was read as cp1252 (`reading.encoding`): 'Malm”'. If these"
    )
    again = made(path, encoding="cp850", name="again")
    assert "Malmö" in again.why["city"] and not any("UTF-8" in told for told in again.warnings)
    assert load_project(home / "include" / "projects" / "again.yaml").reading.encoding == "cp850"


def test_numbers_of_several_units_in_one_column_are_said(home, loans):
    amounts = [f"{number % 90}.50 {'€' if number % 3 else '$'}" for number in range(ROWS)]
    done = made(loans("loans.csv", lambda table: table.append_column("paid", pa.array(amounts))))
    assert "'paid' has $ and € beside its numbers, and all were read as if they were alike" in done.warnings[0]


def test_three_digits_behind_a_mark_that_may_part_thousands_are_said(home, loans):
    amounts = [f"{number % 90 + 1}.{number % 900 + 100}" for number in range(ROWS)]
    done = made(loans("loans.csv", lambda table: table.append_column("paid", pa.array(amounts))))
    assert (
        "'paid' has 1.100, which was read as a fraction: write it without the mark, if that is 1100" in done.warnings[0]
    )


def test_a_table_without_a_time_is_a_project_of_rows_in_order_and_so_are_its_later_files(home, loans):
    path = loans("loans.csv", lambda table: table.drop_columns("granted"))
    made(path, wishes={"row_order": True})
    rules = load_project(home / "include" / "projects" / "loans.yaml")
    assert rules.columns.time == "row_order" and rules.reading.row_order
    assert validate("loans").faults == ()
    newest = pq.read_table(home / "data" / "raw" / "loans_production.parquet")["row_order"].to_pylist()[-1]
    for later in (path, loans("later.parquet", lambda table: table.drop_columns("granted"))):
        taken_from = pq.read_table(taken.as_parquet(rules, later))
        assert taken_from["row_order"].to_pylist()[0] > newest


def test_rows_in_order_of_a_parquet_file_are_told_in_the_project_file(home, loans):
    made(loans("loans.parquet", lambda table: table.drop_columns("granted")), wishes={"row_order": True})
    assert "row_order: true     # no column tells the time" in (home / "include/projects/loans.yaml").read_text("utf-8")


ODD_NAMES = (
    "a\nb",
    "price (€)",
    "50%",
    'say "x"',
    "a.b",
    "a/b",
    "🏀",
    "prediction",
    "index",
    "on",
    "null",
    "#1",
    "a: b",
    "-",
    "\x07",
)


def test_any_names_of_columns_are_kept_as_they_are_but_for_line_ends(home, loans):
    names = list(ODD_NAMES)

    def odd(table):
        return pa.table(
            {**dict.fromkeys(names, table["children"]), **dict(zip(table.column_names, table.columns, strict=True))}
        )

    made(loans("odd.csv", odd))
    rules = load_project(home / "include" / "projects" / "odd.yaml")
    assert list(rules.columns.features)[: len(names)] == ["a b", *names[1:]]
