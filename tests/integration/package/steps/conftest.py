"""What tests of the steps find beforehand: a retraining at its gate, a window that was judged."""

import json

import pytest

from shotclock.handoff import Gated, RecentData, Refitted, Selection, Verified, from_wire
from shotclock.store import records, tracking
from shotclock.store.run import Run


@pytest.fixture
def gated(at):
    """`gated()`: the retraining `r1` up to its promotion; gives what its step `promote` is called with."""

    def put():
        given = json.loads((at("gated") / "gated.json").read_text("utf-8"))
        kinds = {
            "selection": Selection,
            "decision": Gated,
            "verified": Verified,
            "data": RecentData,
            "refitted": Refitted,
        }
        return {name: from_wire(kind, given[name]) for name, kind in kinds.items()}

    return put


@pytest.fixture
def performed():
    """`performed("m2", "w2", "alert")`: a monitoring has judged the performance of version 1 on the window `w2`."""

    def write(run_id, window, verdict, figures=None):
        with tracking.tracked(Run("shots", "monitoring", run_id), "performance", records.Performance) as run:
            run.write(
                records.Performance(
                    batch_count=1,
                    figures=figures or {},
                    verdict=verdict,
                    reason="skill below 0",
                    window=window,
                    champion="1",
                    batches=("x.parquet",),
                    synthetic=False,
                )
            )

    return write
