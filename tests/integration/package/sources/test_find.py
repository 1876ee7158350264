"""Where raw files come from: each place in its turn, the right file or a marked sample or a refusal, never a mix-up."""

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock.config import Project, Settings, settings
from shotclock.errors import ConfigError, SourceError
from shotclock.files import objects, storage
from shotclock.files.storage import digest, write_table
from shotclock.sources import download
from shotclock.sources import find as sources
from shotclock.sources.find import find, is_synthetic

RECIPE = """\
seed: 3
output: [flat, rooms]
common:
  flat:  {sequence: {}}
  rooms: {integers: {low: 1, high: 9}}
files:
  old.parquet: {rows: 50}
  new.parquet: {rows: 20}
"""


@dataclass
class Web:
    """A server on loopback: its files, and how it misbehaves."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    cuts: int = 0  # as many answers as this break off halfway
    delay: float = 0.0


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)

    class Handler(BaseHTTPRequestHandler):
        site: ClassVar[Web]

        def do_GET(self) -> None:
            name = self.path.removeprefix("/data/")
            self.site.asked.append(name)
            time.sleep(self.site.delay)
            status = self.site.statuses.pop(0) if self.site.statuses else 200 if name in self.site.files else 404
            body = self.site.files.get(name, b"") if status == 200 else b"sorry"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.site.cuts > 0 and status == 200:
                self.site.cuts -= 1
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.site = Web(f"http://127.0.0.1:{server.server_port}/data/")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Handler.site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a recipe, and nothing under data."""
    recipe = tmp_path / "home" / "include" / "synthetic" / "flats.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE)
    return tmp_path / "home"


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder with the two real files."""
    for name, rows in (("old.parquet", 100), ("new.parquet", 40)):
        write_table(pa.table({"flat": range(rows), "rooms": [3] * rows}), tmp_path / "real" / name)
    return tmp_path / "real"


@pytest.fixture
def flats(real: Path) -> Callable[..., Project]:
    """A project with the digests of the real files; the keywords change its data section."""

    def make(**data: Any) -> Project:
        names = {"training": "old.parquet", "production": "new.parquet"}
        digests = {name: digest(real / name) for name in names.values()}
        features = {"rooms": {"type": "integer"}}
        columns = {"id": "flat", "time": "day", "target": "sold", "features": features}
        content = {"name": "flats", "title": "Flats", "data": {**names, "sha256": digests, **data}, "columns": columns}
        return Project.model_validate(content)

    return make


def around(home: Path, folder: Path | None = None) -> Settings:
    return settings({"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_DATA_DIR": str(folder or "")})


def raw(home: Path) -> list[str]:
    """What lies under data/raw, hidden files too."""
    return sorted(path.name for path in (home / "data" / "raw").glob("*"))


class TestOrder:
    """present, folder, download, synthetic: a place is asked only when those before it have nothing."""

    def test_a_file_already_there_is_taken_before_all_else(self, home, real, flats, web, tmp_path) -> None:
        find(flats(), "training", around(home, real))
        before = (home / "data/raw/old.parquet").stat()
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()

        source = find(flats(download_from=web.address, synthetic="flats.yaml"), "training", around(home, real))

        assert source == sources.Source(
            path=home / "data/raw/old.parquet", sha256=digest(real / "old.parquet"), synthetic=False, origin="present"
        )
        assert (home / "data/raw/old.parquet").stat() == before
        assert web.asked == []

    def test_then_the_named_folder_is_copied_from(self, home, real, flats, web) -> None:
        web.files["new.parquet"] = (real / "new.parquet").read_bytes()

        source = find(flats(download_from=web.address, synthetic="flats.yaml"), "production", around(home, real))

        assert (source.origin, source.synthetic) == ("folder", False)
        assert source.path.read_bytes() == (real / "new.parquet").read_bytes()
        assert raw(home) == ["new.parquet"]
        assert web.asked == []

    def test_then_the_project_s_address_is_downloaded_from(self, home, real, flats, web, tmp_path) -> None:
        (tmp_path / "empty").mkdir()
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()

        project = flats(download_from=web.address, synthetic="flats.yaml")
        source = find(project, "training", around(home, tmp_path / "empty"))

        assert (source.origin, source.synthetic) == ("download", False)
        assert source.path.read_bytes() == (real / "old.parquet").read_bytes()
        assert raw(home) == ["old.parquet"]

    def test_an_address_without_a_closing_slash_means_the_same_folder(self, home, real, flats, web) -> None:
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()

        assert find(flats(download_from=web.address.rstrip("/")), "training", around(home)).origin == "download"

    def test_at_last_a_sample_is_drawn_and_announced_in_capitals(self, home, flats, web, caplog) -> None:
        with caplog.at_level(logging.INFO):
            source = find(flats(download_from=web.address, synthetic="flats.yaml"), "training", around(home))

        assert (source.origin, source.synthetic) == ("synthetic", True)
        assert source.sha256 == digest(source.path)
        assert pq.read_table(source.path).num_rows == 50
        assert "SYNTHETIC SAMPLE, NOT REAL DATA" in caplog.text
        assert "the server answered 404" in caplog.text
        assert raw(home) == ["old.parquet"]

    def test_when_no_place_has_it_the_error_lists_every_place(self, home, flats, web, tmp_path) -> None:
        (tmp_path / "empty").mkdir()

        with pytest.raises(SourceError) as caught:
            find(flats(download_from=web.address), "training", around(home, tmp_path / "empty"))

        message = str(caught.value)
        assert f"{home}/data/raw/old.parquet: no such file" in message
        assert f"{tmp_path}/empty/old.parquet (SHOTCLOCK_DATA_DIR): no such file" in message
        assert f"{web.address}old.parquet: the server answered 404" in message
        assert "data.synthetic is not set" in message
        assert "\n" not in message
        assert raw(home) == []

    def test_a_folder_variable_that_names_no_folder_is_the_user_s_mistake(self, home, flats, tmp_path) -> None:
        with pytest.raises(SourceError, match=f"SHOTCLOCK_DATA_DIR: found {tmp_path}/nowhere, which is no folder"):
            find(flats(synthetic="flats.yaml"), "training", around(home, tmp_path / "nowhere"))

        assert raw(home) == []

    def test_a_recipe_that_is_not_there_is_refused(self, home, flats) -> None:
        with pytest.raises(ConfigError, match=r"houses\.yaml: cannot be read .* allowed: flats\.yaml"):
            find(flats(synthetic="houses.yaml"), "training", around(home))


class TestWrongFiles:
    """A file that is not the one that sha256 names is refused wherever it lies, and no sample takes its place."""

    @staticmethod
    def refused(project: Project, surroundings: Settings) -> str:
        with pytest.raises(SourceError) as caught:
            find(project, "training", surroundings)
        return str(caught.value)

    def test_under_raw_it_is_refused_and_left_alone(self, home, real, flats) -> None:
        wrong = home / "data" / "raw" / "old.parquet"
        write_table(pa.table({"flat": [1]}), wrong)
        before = wrong.read_bytes()

        message = self.refused(flats(synthetic="flats.yaml"), around(home, real))

        assert f"{wrong}: found sha256 {digest(wrong)}, expected {digest(real / 'old.parquet')}" in message
        assert f"delete {wrong}" in message
        assert wrong.read_bytes() == before

    def test_under_raw_a_truncated_one_is_refused(self, home, real, flats) -> None:
        short = home / "data" / "raw" / "old.parquet"
        short.parent.mkdir(parents=True)
        short.write_bytes((real / "old.parquet").read_bytes()[:-100])

        assert "truncated, changed or another file" in self.refused(flats(synthetic="flats.yaml"), around(home, real))

    def test_in_the_folder_it_is_refused_and_not_copied(self, home, real, flats) -> None:
        project = flats(synthetic="flats.yaml")
        (real / "old.parquet").write_bytes((real / "new.parquet").read_bytes())

        message = self.refused(project, around(home, real))

        assert f"{real}/old.parquet (SHOTCLOCK_DATA_DIR): found sha256 {digest(real / 'new.parquet')}" in message
        assert raw(home) == []

    def test_from_the_address_it_is_refused_and_not_kept(self, home, flats, web) -> None:
        web.files["old.parquet"] = b"<html>log in to the network</html>"

        message = self.refused(flats(download_from=web.address, synthetic="flats.yaml"), around(home))

        assert re.search(rf"{web.address}old\.parquet: found sha256 \w+, expected \w+", message)
        assert raw(home) == []
        assert web.asked == ["old.parquet"], "a whole file that is wrong is not asked for again"

    def test_without_a_listed_digest_it_must_still_be_parquet(self, home, flats, web) -> None:
        web.files["old.parquet"] = b"<html>log in to the network</html>"

        message = self.refused(flats(download_from=web.address, sha256={}, synthetic="flats.yaml"), around(home))

        assert "found no readable parquet file" in message
        assert raw(home) == []

    def test_without_a_listed_digest_any_parquet_file_is_taken(self, home, real, flats) -> None:
        source = find(flats(sha256={}), "training", around(home, real))

        assert (source.origin, source.sha256) == ("folder", digest(real / "old.parquet"))

    def test_a_file_of_text_is_taken_and_another_kind_is_named(self, home, flats) -> None:
        path = home / "data" / "raw" / "old.csv"
        path.parent.mkdir(parents=True)
        path.write_text("flat,day,sold\n1,2025-06-01,1\n")
        assert find(flats(sha256={}, training="old.csv"), "training", around(home)).origin == "present"

        path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(60))
        assert "old.csv: found an Excel workbook" in self.refused(flats(sha256={}, training="old.csv"), around(home))

    def test_a_folder_in_the_file_s_place_is_named(self, home, flats) -> None:
        (home / "data" / "raw" / "old.parquet").mkdir(parents=True)

        assert f"{home}/data/raw/old.parquet: Is a directory" in self.refused(flats(), around(home))


class TestDownload:
    def test_one_that_breaks_off_is_tried_again_and_comes_whole(self, home, real, flats, web) -> None:
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()
        web.cuts = 2

        source = find(flats(download_from=web.address), "training", around(home))

        assert source.sha256 == digest(real / "old.parquet")
        assert len(web.asked) == 3

    def test_one_that_breaks_off_each_time_leaves_nothing(self, home, real, flats, web) -> None:
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()
        web.cuts = 99

        with pytest.raises(SourceError, match=r"old\.parquet: broke off \("):
            find(flats(download_from=web.address), "training", around(home))

        assert len(web.asked) == download.TRIES
        assert raw(home) == []

    def test_a_server_in_trouble_is_asked_again(self, home, real, flats, web) -> None:
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()
        web.statuses = [503, 429]

        assert find(flats(download_from=web.address), "training", around(home)).origin == "download"

    def test_a_file_that_is_not_there_is_asked_for_once(self, home, flats, web) -> None:
        find(flats(download_from=web.address, synthetic="flats.yaml"), "training", around(home))

        assert web.asked == ["old.parquet"]

    def test_what_a_killed_download_left_is_cleared_away(self, home, real, flats, web) -> None:
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()
        (home / "data" / "raw").mkdir(parents=True)
        (home / "data" / "raw" / ".old.parquet.partial").write_bytes(b"PAR1 half of")

        find(flats(download_from=web.address), "training", around(home))

        assert raw(home) == ["old.parquet"]

    def test_a_closed_port_is_no_reason_to_wait(self, home, flats, monkeypatch) -> None:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]

        with pytest.raises(SourceError, match=r"no answer \(.*[Rr]efused"):
            find(flats(download_from=f"http://127.0.0.1:{port}/"), "training", around(home))

    def test_a_server_that_never_answers_is_given_up(self, home, flats, monkeypatch) -> None:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            source = find(flats(download_from=address, synthetic="flats.yaml"), "training", around(home))

        assert source.synthetic

    def test_a_name_that_cannot_be_looked_up_is_given_up(self, home, flats, monkeypatch, caplog) -> None:
        def hang(*_: Any, **__: Any) -> None:
            released.wait(10)
            raise socket.gaierror(-3, "Temporary failure in name resolution")

        released = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", hang)
        monkeypatch.setattr(download, "ANSWER_SECONDS", 0.1)

        with caplog.at_level(logging.INFO):
            source = find(
                flats(download_from="http://nowhere.invalid/", synthetic="flats.yaml"), "training", around(home)
            )
        released.set()

        assert source.synthetic
        assert "no answer within 0.1 s" in caplog.text


class TestSample:
    """A synthetic sample stays marked as one, and stands only where the project allows it."""

    @pytest.fixture
    def sampled(self, home, flats) -> Path:
        return find(flats(synthetic="flats.yaml"), "training", around(home)).path

    def test_is_told_from_a_real_file_by_its_mark(self, sampled, real) -> None:
        assert is_synthetic(sampled)
        assert not is_synthetic(real / "old.parquet")

    def test_is_found_again_as_what_it_is_and_announced_again(self, home, flats, sampled, caplog) -> None:
        source = find(flats(synthetic="flats.yaml"), "training", around(home))

        assert (source.origin, source.synthetic, source.path) == ("present", True, sampled)
        assert "SYNTHETIC SAMPLE, NOT REAL DATA" in caplog.text
        assert f"delete {sampled}" in caplog.text

    def test_is_drawn_the_same_after_it_was_deleted(self, home, flats, sampled) -> None:
        before = sampled.read_bytes()
        sampled.unlink()

        assert find(flats(synthetic="flats.yaml"), "training", around(home)).path.read_bytes() == before

    def test_says_so_when_the_real_file_has_come(self, home, real, flats, sampled, caplog) -> None:
        source = find(flats(synthetic="flats.yaml"), "training", around(home, real))

        assert source.synthetic, "a file under raw is never replaced"
        assert f"the real file can be had now, in {real}/old.parquet: delete {sampled}" in caplog.text

    def test_gives_way_to_the_real_file_once_deleted(self, home, real, flats, sampled) -> None:
        sampled.unlink()

        assert not find(flats(synthetic="flats.yaml"), "training", around(home, real)).synthetic

    def test_that_is_damaged_is_refused_as_any_wrong_file(self, home, flats, sampled) -> None:
        sampled.write_bytes(sampled.read_bytes()[:-8])

        with pytest.raises(SourceError, match="found sha256"):
            find(flats(synthetic="flats.yaml"), "training", around(home))
        with pytest.raises(SourceError, match="not a readable parquet file"):
            is_synthetic(sampled)

    def test_under_another_file_s_name_is_refused(self, home, flats, sampled) -> None:
        sampled.rename(sampled.with_name("new.parquet"))

        with pytest.raises(SourceError, match=r"new\.parquet: found a synthetic sample made as old\.parquet"):
            find(flats(synthetic="flats.yaml"), "production", around(home))

    @pytest.mark.parametrize("digests", [{}, None], ids=["no digest listed", "digest listed"])
    def test_is_refused_where_the_project_names_no_recipe(self, home, flats, sampled, digests) -> None:
        project = flats() if digests is None else flats(sha256=digests)

        with pytest.raises(SourceError, match=r"the real file only, as data\.synthetic is not set"):
            find(project, "training", around(home))

    def test_in_the_named_folder_is_passed_over(self, home, real, flats, sampled, web) -> None:
        project = flats(download_from=web.address, synthetic="flats.yaml")
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()
        sampled.replace(real / "old.parquet")

        assert find(project, "training", around(home, real)).origin == "download"

    def test_from_an_address_is_refused_even_without_a_listed_digest(self, home, flats, sampled, web) -> None:
        web.files["old.parquet"] = sampled.read_bytes()
        sampled.unlink()

        with pytest.raises(SourceError, match=r"old\.parquet: found a synthetic sample, expected the real file"):
            find(flats(download_from=web.address, sha256={}, synthetic="flats.yaml"), "training", around(home))


def command(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK_")}
    return subprocess.Popen(
        [sys.executable, "-m", "shotclock.sources", *arguments],
        env={**environment, "SHOTCLOCK_HOME": str(home), "NO_PROXY": "127.0.0.1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestCommand:
    @pytest.fixture
    def written(self, home, flats) -> Callable[..., None]:
        """Write the project as a file, as the command reads it."""

        def write(**data: Any) -> None:
            path = home / "include" / "projects" / "flats.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(flats(**data).model_dump_json())  # JSON is YAML

        return write

    def test_brings_every_file_and_says_where_each_came_from(self, home, real, written) -> None:
        written()
        process = command(home, SHOTCLOCK_DATA_DIR=str(real))
        _, log = process.communicate(timeout=60)

        assert process.returncode == 0
        lines = log.splitlines()
        assert len(lines) == 2
        assert re.search(r"flats, training: .*old\.parquet \(folder\): 100 rows, [\d,]+ bytes, sha256 ok", lines[0])
        assert re.search(r"flats, production: .*new\.parquet \(folder\): 40 rows, [\d,]+ bytes, sha256 ok", lines[1])

    def test_warns_in_capitals_of_a_sample(self, home, written) -> None:
        written(synthetic="flats.yaml")
        process = command(home, "--project", "flats")
        _, log = process.communicate(timeout=60)

        assert process.returncode == 0
        assert re.search(r"WARNING .*old\.parquet \(synthetic\): 50 rows, [\d,]+ bytes, SYNTHETIC SAMPLE", log)

    def test_fails_in_one_readable_line_a_file(self, home, written) -> None:
        written()
        process = command(home)
        _, log = process.communicate(timeout=60)

        assert process.returncode == 1
        errors = [line for line in log.splitlines() if line.startswith("ERROR")]
        assert [line.split(": ")[1] for line in errors] == ["old.parquet", "new.parquet"]
        assert "Traceback" not in log

    def test_fails_in_one_readable_line_for_an_unknown_project(self, home, written) -> None:
        written()
        process = command(home, "--project", "houses")
        _, log = process.communicate(timeout=60)

        assert process.returncode == 1
        assert re.fullmatch(r"ERROR .*houses\.yaml: cannot be read .*; allowed: flats\.yaml\n", log)

    def test_run_by_three_processes_at_once_downloads_once_and_all_end_well(self, home, real, written, web) -> None:
        web.files = {path.name: path.read_bytes() for path in real.iterdir()}
        web.delay = 0.2
        written(download_from=web.address, synthetic="flats.yaml")

        processes = [command(home) for _ in range(3)]
        logs = [process.communicate(timeout=60)[1] for process in processes]

        assert [process.returncode for process in processes] == [0, 0, 0], logs
        assert sorted(web.asked) == ["new.parquet", "old.parquet"]
        assert raw(home) == ["new.parquet", "old.parquet"]
        assert not any("SYNTHETIC" in log for log in logs)
        assert digest(home / "data/raw/old.parquet") == digest(real / "old.parquet")

    def test_run_by_three_processes_at_once_draws_one_sample(self, home, written) -> None:
        written(synthetic="flats.yaml")

        processes = [command(home) for _ in range(3)]
        logs = [process.communicate(timeout=60)[1] for process in processes]

        assert [process.returncode for process in processes] == [0, 0, 0], logs
        assert raw(home) == ["new.parquet", "old.parquet"]
        assert sum("(synthetic): 50 rows" in log for log in logs) == 1
        assert sum("(present): 50 rows" in log for log in logs) == 2

    def test_killed_while_it_fetches_does_not_block_the_next(self, home, real, written, web) -> None:
        web.files = {path.name: path.read_bytes() for path in real.iterdir()}
        web.delay = 30
        written(download_from=web.address)
        killed = command(home)
        while not web.asked:
            time.sleep(0.01)
        killed.kill()
        killed.communicate()

        web.delay = 0
        process = command(home)
        _, log = process.communicate(timeout=60)

        assert process.returncode == 0, log
        assert raw(home) == ["new.parquet", "old.parquet"]


def test_a_folder_that_cannot_be_locked_is_used_with_a_warning(home, real, flats, monkeypatch, caplog) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(storage.fcntl, "flock", refuse)

    assert find(flats(), "training", around(home, real)).origin == "folder"
    assert "cannot be locked (Operation not supported)" in caplog.text


def test_a_data_folder_that_cannot_be_written_is_named(home, real, flats) -> None:
    (home / "data").write_text("a file where the folder should be")

    with pytest.raises(SourceError, match=rf"{home}/data/raw: .*check the folder's permissions"):
        find(flats(), "training", around(home, real))


def test_the_first_project_s_files_are_the_real_ones(tmp_path, kobe, dev_path, prod_path) -> None:
    surroundings = around(tmp_path, dev_path.parent)

    for role, path in (("training", dev_path), ("production", prod_path)):
        source = find(kobe, role, surroundings)
        assert (source.origin, source.synthetic, source.path.name) == ("folder", False, path.name)
        assert source.sha256 == kobe.data.sha256[path.name]


class TestInAnObjectStore:
    """`data/raw` under `s3://`: the same places, the same checks."""

    @pytest.fixture
    def store(self, object_store, home):
        return around(home).model_copy(update={"data": storage.at(f"s3://{object_store.bucket()}/data")})

    def test_a_file_of_the_folder_is_put_there_and_found_there(self, store, home, real, flats) -> None:
        given = store.model_copy(update={"data_source": real})
        first, second = (find(flats(), "training", given) for _ in range(2))
        assert (first.origin, second.origin) == ("folder", "present")
        assert str(second.path) == f"{store.data}/raw/old.parquet"
        assert first.sha256 == second.sha256 == digest(real / "old.parquet")
        assert not (home / "data").exists()

    def test_the_folder_may_lie_in_a_store_too(self, store, object_store, real, flats) -> None:
        source = storage.at(f"s3://{object_store.bucket()}/given")
        objects.put(real / "old.parquet", source / "old.parquet")
        found = find(flats(), "training", store.model_copy(update={"data_source": source}))
        assert (found.origin, found.sha256) == ("folder", digest(source / "old.parquet"))

    def test_what_is_fetched_lies_there_whole(self, store, real, flats, web) -> None:
        web.files["old.parquet"] = (real / "old.parquet").read_bytes()
        found = find(flats(download_from=web.address), "training", store)
        assert (found.origin, found.sha256) == ("download", digest(real / "old.parquet"))

    def test_a_sample_is_drawn_there_for_want_of_the_file(self, store, home, flats, caplog) -> None:
        found = find(flats(synthetic="flats.yaml"), "training", store)
        assert found.synthetic and is_synthetic(store.data / "raw" / "old.parquet")
        assert "SYNTHETIC SAMPLE" in caplog.text

    def test_another_file_is_refused_and_left_alone(self, store, real, flats) -> None:
        objects.put(real / "new.parquet", store.data / "raw" / "old.parquet")
        with pytest.raises(SourceError, match=r"s3://.*/data/raw/old\.parquet: found sha256 .*, expected 0000"):
            find(flats(sha256={"old.parquet": "0" * 64}), "training", store)
        assert storage.is_file(store.data / "raw" / "old.parquet")

    def test_a_whole_address_is_read_where_it_lies_and_never_written(
        self, store, home, real, flats, object_store
    ) -> None:
        address = f"s3://{object_store.bucket()}/theirs/old.parquet"
        project = flats(training=address, sha256={address: digest(real / "old.parquet")})
        with pytest.raises(SourceError, match=f"^{address}: no such file; put it there, or correct its address"):
            find(project, "training", around(home, real))
        objects.put(real / "old.parquet", storage.at(address))
        found = find(project, "training", around(home))
        assert (str(found.path), found.origin) == (address, "present")
