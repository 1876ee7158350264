"""A version of which one byte was changed, in its files or in the store, is refused by name at every door."""

import os
import random
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.handoff import StoredModel
from shotclock.reading import demonstration
from shotclock.serving.service import Served
from shotclock.steps import inference, intake, monitoring
from shotclock.store import history
from shotclock.store.run import Run
from shotclock.store.server import artifacts, internals
from shotclock.store.versions import registry, verify

ALL_DOORS = "KILLS" in os.environ  # `make test-chaos`; else the first byte of each file at all, and the others in turn
PLACES = 200  # of which each file has as many as the others
RUN = Run("shots", "inference", "changed")


def at_the_endpoint(version, scored):
    place = Served("shots")
    place.look()
    if place.current is None:
        raise StoreError(place.refused.reason)


def when_scoring(version, scored):
    inference.score(RUN, scored)


def on_the_dashboard(version, scored):
    demonstration.load("shots", version.number)


def when_verifying(version, scored):
    source = MlflowClient(settings().tracking_uri).get_model_version("shots", version.number).source
    digest = registry.version("shots", version.number).digest
    verify.verify(StoredModel(source, "", digest), history.reference("shots", version))


DOORS = (at_the_endpoint, when_scoring, on_the_dashboard, when_verifying)


@pytest.fixture
def champion(at):
    at("rested")
    return registry.require_champion("shots")


@pytest.fixture
def scored(champion):
    """The production file, as it is handed to the step that scores it."""
    (part,) = intake.validate_batches(RUN, intake.ingest_batches(RUN))
    return part


@pytest.fixture
def let_in(champion, scored):
    """`let_in(*doors)`: which of them give something; each of the others has named the version and what is wrong."""

    def ask(*doors):
        return [door.__name__ for door in doors if _gives(door)]

    def _gives(door):
        try:
            door(champion, scored)
        except StoreError as error:
            assert any(f"models:/{name}" in str(error) for name in ("shots/2: ", "m-")), error
            assert "sha256" in str(error), error
            return False
        return True

    return ask


@contextmanager
def changed(file, place, by):
    """A file with one byte xor-ed, for the length of a block."""
    content = file.read_bytes()
    file.write_bytes(content[:place] + bytes([content[place] ^ by]) + content[place + 1 :])
    yield
    file.write_bytes(content)


def folder_of(version):
    source = MlflowClient(settings().tracking_uri).get_model_version("shots", version.number).source
    location = MlflowClient(settings().tracking_uri).get_logged_model(source.removeprefix("models:/")).artifact_location
    return Path(location.removeprefix("file://"))


def places(files, most):
    """As many places as asked for, as many in each file: its first byte, its last one, and any others between them."""
    chance, each = random.Random(1), -(-most // len(files))
    for file in files:
        size = file.stat().st_size
        between = chance.sample(range(1, size - 1), min(each, size) - 2)
        yield from ((file, place, chance.randrange(1, 256)) for place in (0, *between, size - 1))


def test_one_changed_byte_of_any_file_is_found_at_every_door(champion, let_in):
    files = [path for path in folder_of(champion).rglob("*") if path.is_file()]
    files = sorted(path for path in files if path.name not in internals.ADDED_LATER)
    assert {"MLmodel", "model.skops", "requirements.txt", "input_example.json"} <= {path.name for path in files}
    tried = list(places(files, PLACES))
    assert len(tried) >= PLACES
    through = {}
    for number, (file, place, by) in enumerate(tried):
        doors = DOORS if place == 0 or ALL_DOORS else (DOORS[number % len(DOORS)],)
        with changed(file, place, by):
            if came := let_in(*doors):
                through[file.name, place, by] = came
    assert through == {}
    assert let_in(*DOORS) == [door.__name__ for door in DOORS]


def test_one_changed_sign_of_the_digest_or_of_its_name_is_found_at_every_door(champion, let_in):
    client, key, digest = MlflowClient(settings().tracking_uri), "shotclock.stored_sha256", champion.digest
    for place in range(0, 64, 8):
        other = "0" if digest[place] != "0" else "1"
        client.set_model_version_tag("shots", champion.number, key, digest[:place] + other + digest[place + 1 :])
        assert let_in(*DOORS) == []
    client.delete_model_version_tag("shots", champion.number, key)
    for name in ("shotclock.stored_sha25", "shotclock.Stored_sha256", "Shotclock.stored_sha256"):
        client.set_model_version_tag("shots", champion.number, name, digest)
        assert let_in(*DOORS) == []
    client.set_model_version_tag("shots", champion.number, key, digest)
    assert let_in(*DOORS) == [door.__name__ for door in DOORS]


def when_judging(version, scored):
    monitoring.performance_check(Run("shots", "monitoring", "changed"))


def when_showing_rows_new_to_it(version, scored):
    demonstration.unseen("shots", version.number)


def test_one_changed_byte_of_the_ids_that_it_learnt_from_is_found_by_whoever_reads_them(champion, let_in):
    doors = when_judging, when_showing_rows_new_to_it
    file = Path(artifacts.artifact(champion.run_id, registry.TRAINING_IDS))
    for _, place, by in places([file], 20):
        with changed(file, place, by):
            assert let_in(*doors) == []
    assert let_in(*doors) == [door.__name__ for door in doors]
    assert settings().home in file.parents
