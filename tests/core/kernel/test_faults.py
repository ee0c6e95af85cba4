"""The bounded log of what goes wrong in plugins."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from exact_core.api.errors import Unavailable
from exact_core.kernel.faults import KEPT, Fault, FaultLog


class Kept:
    """A fault store that holds what it is given, and can be away."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.threads: set[str] = set()
        self.is_away = False

    def save(self, faults: Sequence[Fault]) -> None:
        if self.is_away:
            raise Unavailable("away")
        self.threads.add(threading.current_thread().name)
        self.faults.extend(faults)


def test_memory_holds_the_newest_of_each_plugin() -> None:
    log = FaultLog()
    for number in range(KEPT + 50):
        log.record("noisy", "exact_overlays", ValueError(number))
    log.record("quiet", "exact_overlays", ValueError("once"))
    assert len(log.recent("noisy")) == KEPT
    assert log.recent("noisy")[0].message == f"ValueError: {KEPT + 49}"
    assert log.recent()[0].plugin == "quiet"
    log.clear()
    assert log.recent() == []


def test_faults_are_stored_by_another_thread_and_none_is_lost_at_the_end() -> None:
    store = Kept()
    log = FaultLog(store)
    log.start()
    for number in range(5):
        log.record("p", "exact_statistics", ValueError(number), image_set_id=4)
    log.stop()
    assert [fault.message for fault in store.faults] == [f"ValueError: {number}" for number in range(5)]
    assert {fault.image_set_id for fault in store.faults} == {4}


def test_a_store_that_is_away_costs_the_stored_copy_only() -> None:
    store = Kept()
    store.is_away = True
    log = FaultLog(store)
    log.record("p", "exact_statistics", ValueError("x"))
    log.flush()
    assert store.faults == []
    assert len(log.recent("p")) == 1


def test_long_messages_and_traces_are_cut() -> None:
    fault = FaultLog().record("p", "place", ValueError("x" * 100_000))
    assert len(fault.message) <= 2000
    assert len(fault.traceback) <= 8000
