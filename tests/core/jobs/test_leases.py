"""When a job is believed to be nobody's, with clocks that the test turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from exact_core.jobs.leases import Held, Lease, Watch, is_dead, worker_name

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Clock:
    """A monotonic clock of the test."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Watch:
    return Watch(Lease(40.0), clock)


def held(*, beat: datetime = NOON, expired: bool = True, attempts: int = 1, worker: str = "elsewhere/1/x") -> Held:
    return Held(7, worker, attempts, beat, expired)


def lost_after(watch: Watch, clock: Clock, seconds: float, row: Held) -> bool:
    clock.seconds += seconds
    return bool(watch.lost([row]))


def test_an_expired_lease_counts_once_its_row_was_seen_to_stand_still(watch: Watch, clock: Clock):
    assert not lost_after(watch, clock, 0, held())
    assert not lost_after(watch, clock, 9, held())
    assert lost_after(watch, clock, 1, held())


def test_a_lease_that_has_not_expired_counts_after_its_whole_time(watch: Watch, clock: Clock):
    """As when the database's clock was set back: the lease would end in hours."""
    assert not lost_after(watch, clock, 0, held(expired=False))
    assert not lost_after(watch, clock, 39, held(expired=False))
    assert lost_after(watch, clock, 1, held(expired=False))


def test_a_worker_that_beats_keeps_its_job_though_every_lease_seems_expired(watch: Watch, clock: Clock):
    """As when the database's clock was set forward."""
    for number in range(50):
        assert not lost_after(watch, clock, 8, held(beat=NOON + timedelta(seconds=number)))


@pytest.mark.parametrize("changed", [{"attempts": 2}, {"worker": "elsewhere/2/y"}, {"beat": NOON - timedelta(hours=5)}])
def test_whatever_moves_in_the_row_is_a_sign_of_life(watch: Watch, clock: Clock, changed: dict[str, object]):
    assert not lost_after(watch, clock, 0, held())
    assert not lost_after(watch, clock, 30, held(**changed))


def test_after_a_time_without_a_database_everybody_gets_the_time_to_beat(watch: Watch, clock: Clock):
    assert not lost_after(watch, clock, 0, held())
    watch.forget()
    assert not lost_after(watch, clock, 100, held())
    assert lost_after(watch, clock, 10, held())


def test_a_process_is_dead_only_for_sure():
    own = worker_name()
    host, pid, mark = own.split("/")
    place, _, started = mark.partition(".")
    assert not is_dead(own)
    assert is_dead(f"{host}/{2**22 + 1}/{mark}"), "there is no such process"
    assert is_dead(f"{host}/{pid}/{place}.1-x"), "another process has its number now"
    assert not is_dead(f"elsewhere/{2**22 + 1}/{mark}")
    assert not is_dead(f"{host}/{2**22 + 1}/00000000.{started}"), "another container with the same name"
    for odd in ("", "x", f"{host}/1", f"{host}/x/{mark}", f"{host}/1/x"):
        assert not is_dead(odd)
