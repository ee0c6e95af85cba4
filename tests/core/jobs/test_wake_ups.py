"""Wake-ups go from the process that asks to the process that works."""

from __future__ import annotations

from exact_core.jobs.queue import open_queue


class Asking:
    """What a web process puts into the queue; never run there."""

    def run(self) -> None:
        raise AssertionError("this runs in a worker only")


def test_a_wake_up_of_one_process_is_understood_by_another(tmp_path):
    woken = []
    asking, put = open_queue(tmp_path, Asking().run)
    working, _ = open_queue(tmp_path, lambda: woken.append(1))
    put()
    task = working.dequeue()
    assert task is not None
    working.execute(task)
    assert woken == [1]
    asking.storage.close()
    working.storage.close()
