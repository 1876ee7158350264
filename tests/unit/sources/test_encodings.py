"""In which encoding a file is: what is certain, what is a guess, and what is neither."""

import codecs

import pytest

from shotclock.errors import SourceError
from shotclock.sources.encodings import encoding, in_utf_8, is_guess

WESTERN = "id,city\n1,Köln\n2,Zürich\n3,Malmö\n"
WRITTEN = {
    "utf-8": WESTERN,
    "utf-8-sig": WESTERN,
    "utf-16": WESTERN,
    "utf-16-le": WESTERN,
    "utf-16-be": "id,city\n1,北京\n2,上海\n",
    "utf-32": WESTERN,
    "cp1252": WESTERN,
    "cp850": "id,city\n1,Zürich\n2,Köln\n3,Café\n",  # a byte that Windows has no letter for
    "cp1251": "id,city\n1,Москва\n2,Казань\n3,Тверь\n",
    "koi8-r": "id,city\n1,Москва\n2,Казань\n3,Тверь\n",
    "cp866": "id,city\n1,Москва\n2,Казань\n3,Тверь\n",
    "cp1253": "id,city\n1,Αθήνα\n2,Πάτρα\n3,Βόλος\n",
    "cp1255": "id,city\n1,ירושלים\n2,חיפה\n3,אילת\n",
    "cp1256": "id,city\n1,القاهرة\n2,الرياض\n",
    "shift_jis": "id,city\n1,東京\n2,大阪\n3,京都\n",
    "euc_jp": "id,city\n1,東京\n2,大阪\n3,京都\n",
    "gb18030": "id,city\n1,北京\n2,上海\n3,广州\n",
    "big5": "id,city\n1,台北\n2,高雄\n3,台中\n",
    "euc_kr": "id,city\n1,서울\n2,부산\n3,대구\n",
}


@pytest.fixture
def file(tmp_path):
    """`file(content)`: its path."""

    def write(content):
        path = tmp_path / "cities.csv"
        path.write_bytes(content)
        return path

    return write


def read(path, written):
    with in_utf_8(path, written, "cities.csv") as plain:
        return plain.read_text("utf-8-sig")


@pytest.mark.parametrize(("name", "text"), WRITTEN.items(), ids=WRITTEN)
def test_the_letters_are_what_they_were_written_as(file, name, text):
    path = file(text.encode(name))
    found = encoding(path, "cities.csv")
    assert read(path, found) == text
    assert is_guess(found) == (not name.startswith("utf"))


@pytest.mark.parametrize("remembered", ["cp1252", "shift_jis", "utf-16", "utf-8"])
@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-8"])
def test_what_a_file_tells_of_itself_counts_more_than_what_is_remembered(file, name, remembered):
    assert read(file(WESTERN.encode(name)), remembered) == WESTERN


def test_where_wide_letters_are_remembered_and_none_are_there_it_is_ascii(file):
    assert read(file(b"id\n1\n2"), "utf-16") == "id\n1\n2"


@pytest.mark.parametrize(
    ("name", "text"), [("cp1252", WESTERN), ("cp1252", "id\n1\n"), ("iso2022_jp", "id\n東京\n"), ("utf-7", WESTERN)]
)
def test_what_tells_nothing_of_itself_is_read_as_remembered(file, name, text):
    assert read(file(text.encode(name)), name) == text


def test_a_file_that_is_not_written_as_remembered_is_refused_with_the_line(file):
    path = file(WESTERN.encode("cp850"))
    with pytest.raises(SourceError, match=r"cities\.csv: found bytes that are no cp1252 in line 3: b'2,Z\\x81rich"):
        read(path, "cp1252")
    with pytest.raises(
        SourceError, match=r"bytes that are no utf-16; write the file so, or say which encoding it is in: `rea"
    ):
        read(file(WESTERN.encode("cp1252")), "utf-16")
    with pytest.raises(SourceError, match="bytes that are no undefined in line 1; write the file so"):
        read(file(WESTERN.encode("cp1252")), "undefined")


def test_a_damaged_file_is_not_taken_for_one_in_another_encoding(file):
    path = file(codecs.encode(WESTERN * 9, "utf-8").replace(b"Malm\xc3\xb6", b"Malm\xff", 1))
    with pytest.raises(SourceError, match=r"found bytes that are no utf-8 in line 4: b'3,Malm\\xff"):
        encoding(path, "cities.csv")
