"""In which encoding a file of text is written; and any of them in UTF-8, which is all that anything else reads."""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import chardet

from shotclock.errors import SourceError

_HEAD = 1000  # bytes that marks and zeros are looked for in
_PIECE = 1 << 20
_WORDS = 5000  # with other letters than those of ASCII, which tell what they are
_NO_NEW = 16  # pieces that bring no other word: what is behind them hardly does
_NEARLY = 9  # times as many right letters as wrong bytes: a damaged file, and no other encoding
_BESIDE = 20  # bytes that are shown before and behind a wrong one
_IN_TEXT = bytes(set(range(256)) - {0, *range(4, 9), *range(14, 26), 27})  # some part fields by 1 to 3, or by 28 to 31
_MOST_BINARY = 0.02  # of the bytes of a text may be others: somebody's data hold a zero
_WESTERN = ("cp1252", "latin-1")
_BOMS = (  # the longer ones first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding(path: Path, shown: str) -> str:
    """By a byte order mark, or by the zeros of UTF-16; else UTF-8, where all of the file is that; else a guess: see `is_guess`.

    Raises:
        SourceError: nearly all of it is UTF-8, and some bytes are not.
    """
    if told := _marked(path):
        return told
    letters, wrong = _beyond_ascii(path)
    if not wrong:
        return "utf-8"
    if letters > _NEARLY * wrong:
        raise refused(path, "utf-8", shown)
    guess = next(name for name in (_likely(path), *_WESTERN) if _is_written_in(path, name))
    return codecs.lookup(guess).name


def is_guess(name: str) -> bool:
    """Whether nobody can know that a file is in this encoding: in one of 8 bits, every byte is some letter."""
    name = codecs.lookup(name).name
    return not name.startswith("utf") or name == "utf-7"


def is_binary(path: Path) -> bool:
    """Whether a file begins with bytes that no text holds, in whatever encoding."""
    head = _beginning(path)
    return not _marked(path) and len(head.translate(None, _IN_TEXT)) > _MOST_BINARY * len(head)


@contextmanager
def in_utf_8(path: Path, written: str, shown: str) -> Iterator[Path]:
    """The file itself, or, of one in another encoding, a copy in UTF-8 that lasts as long as the block.

    Args:
        written: its encoding, unless the file itself tells another one.

    Raises:
        SourceError: it is not written so.
    """
    written = _told(path, written)
    if _is_utf_8(written):
        yield path
        return
    with TemporaryDirectory(prefix="shotclock-") as folder:
        copy = Path(folder) / path.name
        try:
            with copy.open("w", encoding="utf-8", newline="") as file:
                file.writelines(_decoded(path, written))
        except UnicodeError as error:
            raise refused(path, written, shown) from error
        yield copy


def refused(path: Path, name: str, shown: str) -> SourceError:
    """That a file is not in this encoding, with the first bytes that are not."""
    where = next(_wrong(path, name), "")
    return SourceError(
        f"{shown}: found bytes that are no {name}{where}; write the file so, or say which encoding it is in: "
        "`reading.encoding` in the project file, --encoding of init"
    )


def _wrong(path: Path, name: str) -> Iterator[str]:
    with path.open("rb") as file:
        for number, line in enumerate(file if "16" not in name and "32" not in name else (), 1):
            try:
                line.decode(name)
            except UnicodeDecodeError as error:
                yield f" in line {number:,}: {line[max(error.start - _BESIDE, 0) : error.end + _BESIDE]!r}"
            except UnicodeError:
                yield f" in line {number:,}"


def _told(path: Path, written: str) -> str:
    """What is certain of a file, whatever is remembered: a mark; letters beyond ASCII that are all UTF-8; no wide ones."""
    if (marked := _marked(path)) or _is_utf_8(written):
        return marked or written
    letters, wrong = _beyond_ascii(path)
    is_narrow = is_guess(written) and not letters  # as iso2022_jp is, in bytes of ASCII alone
    return written if wrong or is_narrow else "utf-8"


def _is_utf_8(name: str) -> bool:
    return codecs.lookup(name).name in ("utf-8", "utf-8-sig", "ascii")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _marked(path: Path) -> str:
    """The Unicode that a byte order mark tells, or the zeros of UTF-16; empty where neither is there."""
    head = _beginning(path)
    return next((name for mark, name in _BOMS if head.startswith(mark)), "") or _wide(head)


def _wide(head: bytes) -> str:
    first, second = head[0:200:2], head[1:200:2]
    for name, zeros, letters in (("utf-16-le", second, first), ("utf-16-be", first, second)):
        if zeros.count(0) > len(zeros) / 2 and letters.count(0) < len(letters) / 10:
            with suppress(UnicodeDecodeError):
                codecs.getincrementaldecoder(name)().decode(head)
                return name
    return ""


def _beyond_ascii(path: Path) -> tuple[int, int]:
    """How many letters beyond ASCII a file holds, taken as UTF-8, and how many bytes that are none."""
    others = wrong = 0
    for text in _decoded(path, "utf-8", "surrogateescape"):
        if not text.isascii():
            others += len(text) - len(text.encode("ascii", "ignore"))
            wrong += len(text) - len(text.encode("utf-8", "ignore").decode())
    return others - wrong, wrong


def _likely(path: Path) -> str:
    """What the letters of a file that is no Unicode look like.

    In Western Europe's languages most of them stand alone, and there Windows' encoding is far the most frequent; words tell
    too little to know it from its neighbours. In other scripts they stand in a row, and tell what they are.
    """
    words = b"\n".join(_words(path))
    runs = re.findall(rb"[\x80-\xff]+", words)
    in_a_row = sum(len(run) for run in runs if len(run) > 1)
    if 2 * in_a_row <= sum(map(len, runs)) and _is_written_in(path, _WESTERN[0]):
        return _WESTERN[0]
    return chardet.detect(words)["encoding"] or _WESTERN[0]


def _words(path: Path) -> set[bytes]:
    found: set[bytes] = set()
    without = 0
    with path.open("rb") as file:
        while len(found) < _WORDS and without < _NO_NEW and (piece := file.read(_PIECE)):
            more = {word for word in re.split(rb"[,;|\t\r\n\"]+", piece) if not word.isascii()} - found
            without = without + 1 if found and not more else 0
            found |= more
    return found


def _is_written_in(path: Path, name: str) -> bool:
    try:
        for _ in _decoded(path, name):
            pass
    except (UnicodeError, LookupError):
        return False
    return True


def _decoded(path: Path, name: str, errors: str = "strict") -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(name)(errors)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
