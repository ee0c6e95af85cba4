"""The distributed engine: many processes, any of which may die, and the database with them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from exact_core.api.context import Actor
from exact_core.jobs.serve import can_open_first_page
from exact_core.jobs.service import cancel_job
from exact_core.storage.models import User
from tests.conftest import unavailable
from tests.core.images.instance import token_of, wait_until
from tests.core.jobs.cluster import Cluster, free_port, running_cluster
from tests.postgres import MissingPostgres, PostgresServer

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("distributed-engine")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        postgres = PostgresServer()
    except MissingPostgres as error:
        unavailable(str(error))
        raise
    try:
        with running_cluster(tmp_path_factory.mktemp("cluster"), postgres) as cluster:
            yield cluster
    finally:
        postgres.stop()


def ended(cluster: Cluster, numbers: list[int]) -> int:
    query = "SELECT count(*) FROM job WHERE id = ANY(:ids) AND state IN ('done', 'failed', 'cancelled')"
    return cluster.rows(query, ids=numbers)[0][0]


def assert_each_ended_once(cluster: Cluster, numbers: list[int]) -> None:
    states = cluster.rows("SELECT state, message FROM job WHERE id = ANY(:ids)", ids=numbers)
    assert {state for state, _ in states} == {"done"}, states
    noted = cluster.rows("SELECT job_id FROM noted WHERE job_id = ANY(:ids)", ids=numbers)
    assert sorted(number for (number,) in noted) == sorted(numbers)


def test_jobs_for_a_gpu_go_where_one_is(cluster: Cluster):
    numbers = cluster.ask(3, gpu=True)
    wait_until(lambda: ended(cluster, numbers) == 3)
    workers = cluster.rows("SELECT worker FROM job WHERE id = ANY(:ids)", ids=numbers)
    assert {name.split("/")[1] for (name,) in workers} == {str(cluster.processes["worker 0"].pid)}


def test_every_job_ends_exactly_once_though_a_worker_and_the_database_are_killed(cluster: Cluster):
    url = f"http://127.0.0.1:{free_port()}"
    cluster.start("server", "serve", "--no-worker", "--port", url.rpartition(":")[2])
    with cluster.services.database.write() as session:
        session.add(user := User(name="ada", folded_name="ada", display_name="Ada", is_admin=True))
        session.flush()
        ada = Actor(user.id, "ada", is_admin=True)
    again = cluster.ask()
    cancel_job(cluster.services, Actor.system(), again[0])
    wait_until(lambda: can_open_first_page(url), 60)
    with httpx2.Client(base_url=url, headers=token_of(cluster.services, ada), timeout=30) as api:
        numbers = cluster.ask(60, params={"seconds": 0.3})
        assert api.post(f"/api/v2/jobs/{again[0]}/retry").status_code == 200  # the server wakes workers, too
        wait_until(lambda: ended(cluster, numbers) >= 10)
        victim = str(cluster.kill("worker 1"))
        cluster.postgres.crash()
        wait_until(lambda: api.get("/readyz").status_code == 503)
        cluster.postgres.start_again()
        wait_until(lambda: ended(cluster, numbers + again) == 61, 60)
        assert_each_ended_once(cluster, numbers + again)
        listed = api.get("/api/v2/jobs?limit=200&state=done").json()["items"]
        assert {each["id"] for each in listed} >= {*numbers, *again}
    tries = cluster.rows("SELECT attempts, worker FROM job WHERE id = ANY(:ids)", ids=numbers)
    assert max(attempts for attempts, _ in tries) >= 2, "what the killed worker ran was taken over"
    assert any(worker.split("/")[1] == victim for _, worker in tries), "it had worked before"


def test_jobs_go_on_without_a_scheduler_and_a_new_one_finds_them(cluster: Cluster):
    cluster.kill("scheduler")
    numbers = cluster.ask(4)
    wait_until(lambda: ended(cluster, numbers) == 4)
    cluster.start("scheduler", "scheduler")
    numbers += cluster.ask(4, gpu=True)
    wait_until(lambda: ended(cluster, numbers) == 8, 60)
    assert_each_ended_once(cluster, numbers)
