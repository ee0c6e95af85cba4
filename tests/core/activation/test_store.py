"""Faults and switches in the database."""

from __future__ import annotations

from collections.abc import Callable

from exact_core.activation.store import KEPT_PER_PLUGIN, DatabaseFaultStore, fault_counts, recent_faults
from exact_core.kernel import Kernel
from exact_core.kernel.faults import Fault
from exact_core.storage.database import Database


def test_the_newest_faults_of_each_plugin_are_kept(database: Database) -> None:
    store = DatabaseFaultStore(database)
    store.save([Fault("noisy", "exact_overlays", str(number)) for number in range(KEPT_PER_PLUGIN + 20)])
    store.save([Fault("quiet", "exact_overlays", "once"), Fault("noisy", "exact_overlays", "last")])
    with database.read() as session:
        assert fault_counts(session) == {"noisy": KEPT_PER_PLUGIN, "quiet": 1}
        assert [fault.message for fault in recent_faults(session, "noisy", 2)] == ["last", str(KEPT_PER_PLUGIN + 19)]


def test_a_fault_in_a_set_that_is_gone_or_with_odd_text_is_kept(
    database: Database, make_image_set: Callable[..., int]
) -> None:
    here = make_image_set()
    DatabaseFaultStore(database).save(
        [Fault("p", "x", "nul \0 byte", image_set_id=here), Fault("p", "y" * 500, "m", image_set_id=10**6)]
    )
    with database.read() as session:
        newest, oldest = recent_faults(session, "p")
        assert (oldest.message, oldest.image_set_id) == ("nul  byte", here)
        assert (len(newest.place), newest.image_set_id) == (200, None)


def test_a_fault_inside_a_writing_transaction_reaches_the_database_after_it(kernel: Kernel, database: Database) -> None:
    with database.write():
        kernel.faults.record("counts", "exact_annotations_changing", ValueError("bug"))
    kernel.faults.flush()
    with database.read() as session:
        assert [fault.message for fault in recent_faults(session)] == ["ValueError: bug"]
