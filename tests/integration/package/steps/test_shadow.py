"""After a promotion the version before scores the same rows beside it, and comes back by itself when it is proven better."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock import flows
from shotclock.files import dataset, storage
from shotclock.steps.rollback import rollback
from shotclock.store import history, queries, records
from shotclock.store.run import Run
from shotclock.store.versions import registry


def flipped(table):
    """The rows with the other label in each: what a feed gone wrong teaches."""
    wrong = pa.array(1 - table["bought"].to_numpy())
    return table.set_column(table.column_names.index("bought"), "bought", wrong)


@pytest.fixture(scope="module")
def _misled(_trained_shop, copied):
    with copied(_trained_shop) as shop:
        shop.use(retraining={"recent_rows": 6000})
        shop.put("in/a.parquet", flipped(shop.orders(4000, first=10_001, day="2025-07-01")))
        shop.score()
        shop.retrain()
        assert serving() == ["2", "1"]
    return shop


@pytest.fixture
def misled(_misled, copied):
    """The shop in which a retraining on flipped labels has put a version 2 into service. Gives the shop, by these rules."""
    with copied(_misled) as shop:

        def ruled(**retraining):
            shop.use(retraining={"recent_rows": 6000, **retraining})
            return shop

        yield ruled


def serving():
    return [registry.by_alias("shop", alias).number for alias in (registry.CHAMPION, registry.PREVIOUS)]


def arrives(shop, name="b", rows=1000, first=20_001):
    shop.put(f"in/{name}.parquet", shop.orders(rows, first=first, day="2025-10-01"))
    shop.score()
    return queries.newest("shop", records.Application)[0].record


def found():
    return queries.newest("shop", records.Shadow)[0].record


def test_it_scores_the_same_rows_beside_the_published_file_which_has_the_bytes_that_it_has_without_one(misled):
    shop = misled()
    told = arrives(shop)
    assert (told.champion, told.shadow) == ("2", "1")
    published, beside = shop.predictions("b"), pq.read_table(told.shadow_predictions)
    assert beside.column_names == ["order_id", "probability", "model_version"]
    assert beside["order_id"] == published["order_id"]
    assert set(beside["model_version"].to_pylist()) == {"1"}
    rows = published.select(["amount", "age", "member"]).to_pandas()
    np.testing.assert_allclose(
        beside["probability"].to_numpy(),
        registry.version("shop", "1").load().predict_proba(rows)[:, 1],
        rtol=0,
        atol=1e-12,
    )
    assert storage.digest(storage.at(told.shadow_predictions)) == told.shadow_sha256
    shop.use(retraining={"recent_rows": 6000, "demote": "off"})
    flows.score("shop", "without", path=shop.raw / "in" / "b.parquet")
    without = queries.newest("shop", records.Application)[0].record
    assert without.shadow is None
    assert without.predictions_sha256 == told.predictions_sha256


def test_of_a_file_in_partitions_the_shadow_has_partitions_too_with_the_same_rows(misled):
    shop = misled()
    whole = pq.read_table(arrives(shop).shadow_predictions)
    shop.use(retraining={"recent_rows": 6000}, scoring={"partition_rows": 300})
    pq.write_table(shop.orders(1000, first=20_001, day="2025-10-01"), shop.raw / "cut.parquet", row_group_size=100)
    flows.score("shop", "cut", path=shop.raw / "cut.parquet")
    told = queries.newest("shop", records.Application)[0].record
    assert (told.partitions, told.shadow) == (4, "1")
    beside = storage.at(told.shadow_predictions)
    assert dataset.digest(beside) == told.shadow_sha256
    assert dataset.rows(beside) == 1000
    assert pa.concat_tables(map(pq.read_table, dataset.files(beside))).equals(whole)


def test_proven_better_on_the_rows_since_it_comes_back_and_the_decision_says_why(misled):
    shop = misled()
    arrives(shop)
    seen = shop.check()
    sensed = seen.sensors["demotion"]
    assert sensed.fires
    assert "v1, the version before, has done better: gain " in sensed.reason
    assert sensed.reason.endswith("nats per row on the 1,000 labelled rows since: it comes back")
    assert "v1, the version before" in seen.performance_check.summary
    done = flows.demote("shop", "d1")
    assert (done.decision, serving()) == ("rollback", ["1", "2"])
    decided = queries.newest("shop", records.Decision)[0].record
    assert (decided.decision, decided.by, decided.before, decided.after) == ("rollback", "shadow", "2", "1")
    assert decided.answers == (sensed.alert,)
    assert decided.reason == sensed.reason


def test_who_was_taken_out_does_not_come_back_by_itself_so_the_loop_comes_to_rest(misled):
    shop = misled()
    arrives(shop)
    shop.check()
    flows.demote("shop", "d1")
    told = arrives(shop, "c", first=30_001)
    assert (told.champion, told.shadow) == ("1", None)
    seen = shop.check().sensors["demotion"]
    assert not seen.fires
    assert seen.skip == "insufficient data: no version before stands behind v1"
    assert flows.demote("shop", "d2").decision == "skip"
    assert serving() == ["1", "2"]


def test_nor_after_a_person_has_gone_back_and_forth(misled):
    misled()
    for number, expected in ((1, "1"), (2, "2")):
        rollback(Run("shop", "rollback", f"b{number}", asked=datetime.now(UTC)), "a complaint")
        assert registry.require_champion("shop").number == expected
    assert history.takeover("shop", "2") is None


def test_rows_from_before_the_promotion_and_those_that_either_has_learnt_from_do_not_count(misled):
    shop = misled()
    shop.score()  # the window, scored anew by both
    shop.check()
    assert (found().verdict, found().figures["rows"]) == ("insufficient data", 0)
    arrives(shop, rows=150)
    shop.check()
    assert found().reason == "v1, the version before, is not judged yet: 150 labelled rows since, 200 are needed"
    assert found().figures["rows"] == 150


def test_to_ask_raises_the_alert_once_and_leaves_the_deed_to_a_person(misled):
    shop = misled(demote="ask")
    arrives(shop)
    first = shop.check().sensors["demotion"]
    assert first.fires and first.reason.endswith("a person has to put it back into service")
    arrives(shop, "c", first=30_001)
    assert shop.check().sensors["demotion"].skip.startswith("asked on ")
    assert flows.demote("shop", "d1").decision == "skip"
    assert serving() == ["2", "1"]


def test_off_scores_nothing_beside_and_judges_nothing(misled):
    shop = misled(demote="off")
    assert arrives(shop).shadow is None
    assert shop.check().sensors["demotion"].skip == "insufficient data: retraining.demote is off"
    assert queries.newest("shop", records.Shadow) == []


def test_an_earlier_version_that_would_have_done_better_is_offered_and_never_forgotten(misled):
    shop = misled(demote="off")
    arrives(shop)
    told = shop.check().performance_check.reason
    assert "; v1 would have done better on 1,000 of these rows: gain 0." in told
    assert told.endswith("to put it back: `shotclock rollback shop --version 1`")
    assert serving() == ["2", "1"], "and nothing is done"


def test_none_is_offered_that_is_not_proven_better_or_that_is_judged_as_the_shadow(misled):
    shop = misled()
    arrives(shop)
    assert "would have done better" not in shop.check().performance_check.reason
    flows.demote("shop", "d1")
    arrives(shop, "c", first=30_001)
    assert "would have done better" not in shop.check().performance_check.reason


def test_a_good_version_stays(shop):
    shop.use(retraining={"recent_rows": 6000})
    shop.put("in/a.parquet", shop.orders(4000, first=10_001, day="2025-07-01"))
    shop.score()
    shop.retrain()
    arrives(shop)
    seen = shop.check().sensors["demotion"]
    assert not seen.fires and seen.skip.startswith("ok: v1, the version before, is not proven better: gain ")


def test_of_a_promotion_that_comes_first_the_demotion_is_skipped(misled):
    shop = misled()
    arrives(shop)
    shop.check()
    late = Run("shop", "rollback", "d1", asked=datetime.now(UTC))
    shop.retrain()
    assert serving()[0] == "3"
    done = rollback(late, None, by="alert")
    assert "v3 has come into service since this rollback was asked for" in done.skip


def test_a_retraining_does_not_answer_for_it(misled):
    shop = misled(min_new_labels=1)
    arrives(shop)
    shop.check()
    plan = queries.newest("shop", records.Retraining)
    shop.retrain()
    asked = queries.newest("shop", records.Retraining)[0].record
    assert len(plan) == 1
    demotions = {alert.id for alert in history.alerts("shop") if alert.kind == "demotion"}
    assert demotions and demotions.isdisjoint(asked.answers)


def test_a_version_before_that_is_gone_stops_nobody(misled):
    from mlflow import MlflowClient

    from shotclock.config import settings

    shop = misled()
    MlflowClient(settings().tracking_uri).delete_model_version("shop", "1")
    assert arrives(shop).shadow is None
    assert shop.check().sensors["demotion"].skip == "insufficient data: no version before stands behind v2"
