"""Agreement over HTTP: who may ask, what is refused in which words, large sets, tables, and the command."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI

from exact_core.agreement import service
from exact_core.agreement.access import NOT_FOR_YOU
from exact_core.cli import main
from exact_core.jobs.runner import JobRunner
from exact_core.services import Services
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import AgreementResult, ImageSet, Job
from tests.core.agreement.conftest import Readers

PLACES = [(x, 300) for x in range(100, 2000, 200)]


@pytest.fixture
def services(app: FastAPI) -> Services:
    """Those of the whole application."""
    return app.state.services


@pytest.fixture
def furnished(readers: Readers) -> Readers:
    """Ann and Ben have marked the first two images."""
    for image in (0, 1):
        readers.mark("ann", image, PLACES)
        readers.mark("ben", image, PLACES[2:])
    return readers


@pytest.fixture
def ask(furnished: Readers, browser_of: Callable) -> Callable:
    """``ask("lead", "agreement", match="overlap")`` is the answer of the server."""
    browsers = {}

    def get(who: str, path: str, method: str = "GET", body=None, **query):
        if who not in browsers:
            browsers[who] = browser_of(furnished.people[who])
        return browsers[who].request(
            method, f"/api/v2/image-sets/{furnished.image_set_id}/{path}", params=query, json=body
        )

    return get


def test_a_manager_of_a_blind_set_gets_figures(ask, furnished):
    answer = ask("lead", "agreement")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["state"], found["is_current"], found["job_id"]) == ("ready", True, None)
    assert [reader["name"] for reader in found["readers"]] == ["Ann", "Ben"]
    assert ask("lead", "agreement", reader=[furnished.key("ann")]).json()["state"] == "too_few_readers"


def test_blind_readers_are_refused_in_words_that_tell_nothing(ask):
    for who in ("ann", "vic", "rev"):
        for path in ("agreement", "agreement.csv", "readers", "gold", "gold/1/drift", "own-drift", "import-runs"):
            answer = ask(who, path)
            assert answer.status_code == 403, (who, path)
            assert answer.json()["detail"] == NOT_FOR_YOU, (who, path)


def test_for_strangers_there_is_no_such_set(ask):
    for path in ("agreement", "agreement.csv", "readers", "gold", "own-drift", "studies"):
        assert ask("stranger", path).status_code == 404, path


def test_reviewers_of_a_set_that_is_not_blind_may_compare_and_annotators_may_not(ask, furnished):
    with furnished.database.write() as session:
        session.get_one(ImageSet, furnished.image_set_id).mode = "cooperative"
        raise_epoch(session, "access")
    assert ask("rev", "agreement").status_code == 200
    assert ask("rev", "gold").status_code == 403
    assert ask("ann", "agreement").status_code == 403
    assert ask("vic", "agreement").status_code == 403


NONSENSE: tuple[dict[str, Any], ...] = (
    {"distance": 0}, {"distance": "nan"}, {"overlap": 2}, {"reader": "somebody"}, {"reader": "user:0"}, {"match": "x"},
    {"revision": 10_000}, {"resamples": 5}, {"type_id": "x"}, {"level": 1}, {"reader": "claimed:"},
)  # fmt: skip


def test_questions_that_mean_nothing_are_refused(ask):
    for query in NONSENSE:
        assert ask("lead", "agreement", **query).status_code == 422, query


def test_the_past_can_be_asked_for(ask, furnished):
    then = ask("lead", "agreement").json()["revision"]
    furnished.mark("cas", 0, PLACES)
    assert len(ask("lead", "agreement").json()["readers"]) == 3
    before = ask("lead", "agreement", revision=then).json()
    assert (len(before["readers"]), before["revision"]) == (2, then)


def test_tables_are_csv_files(ask):
    for table in ("figures", "items", "counts", "confusion"):
        answer = ask("lead", "agreement.csv", table=table)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert f"-{table}.csv" in answer.headers["content-disposition"]
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert len({len(row) for row in rows}) == 1
        assert len(rows) > 1


def test_large_sets_are_answered_by_a_job_whose_answer_is_kept(ask, furnished, monkeypatch):
    small = ask("lead", "agreement").json()
    monkeypatch.setattr(service, "MOST_AT_ONCE", 5)
    first = ask("lead", "agreement")
    assert first.status_code == 202
    assert first.json()["state"] == "computing"
    again = ask("lead", "agreement")
    assert again.json()["job_id"] == first.json()["job_id"], "one job per question"
    assert ask("lead", "agreement.csv").status_code == 409
    assert ask("lead", "agreement.csv", table="items").status_code == 200
    assert JobRunner(furnished.services).run_waiting() == 1
    done = ask("lead", "agreement")
    assert done.status_code == 200
    assert done.json() == small
    assert ask("ann", "agreement").status_code == 403
    furnished.mark("cas", 0, PLACES)
    stale = ask("lead", "agreement").json()
    assert (stale["is_current"], len(stale["readers"])) == (False, 2)
    assert stale["job_id"] != first.json()["job_id"]
    assert JobRunner(furnished.services).run_waiting() == 1
    assert len(ask("lead", "agreement").json()["readers"]) == 3
    with furnished.database.read() as session:
        assert session.query(AgreementResult).count() == 1


def test_a_job_that_failed_says_so(ask, furnished, monkeypatch):
    monkeypatch.setattr(service, "MOST_AT_ONCE", 5)
    job_id = ask("lead", "agreement").json()["job_id"]
    with furnished.database.write() as session:
        job = session.get_one(Job, job_id)
        job.state, job.message = "failed", "out of memory"
    answer = ask("lead", "agreement")
    assert answer.status_code == 409
    assert "out of memory" in answer.json()["detail"]


@pytest.fixture
def exact(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``exact("--set", "slides")`` is what ``exact agreement --set slides`` says."""
    settings = services.settings
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.effective_database_url)
    monkeypatch.setenv("EXACT_PLUGINS", "")
    return lambda *arguments: CliRunner().invoke(main, ["agreement", *arguments])


def test_the_command_prints_one_object_per_figure(ask, exact):
    done = exact("--set", "slides", "--json")
    assert done.exit_code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = ask("lead", "agreement").json()["figures"]
    assert [line["value"] for line in lines] == [figure["value"] for figure in wanted]
    pair = next(line for line in lines if line["figure"] == "f1" and line["scope"] == "pair")
    assert pair["readers"] == ["Ann", "Ben"]
    assert pair["set"] == "slides"


def test_the_command_speaks_to_people_too(furnished, exact):
    done = exact("--set", "slides", "--reader", "Ben", "--reader", "Ann", "--class", "Mitosis")
    assert done.exit_code == 0, done.stderr
    assert "2 readers" in done.stdout
    assert "Ben / Ann" in done.stdout


def test_the_command_says_what_is_not_there(furnished, exact):
    for arguments, words in (
        (["--set", "nothing"], "no image set 'nothing'"),
        (["--set", "slides", "--reader", "Zoe"], "no reader 'Zoe'"),
        (["--set", "slides", "--revision", "99999"], "has no 99999 yet"),
        (["--set", "slides", "--distance", "-1"], "more than 0"),
    ):
        done = exact(*arguments)
        assert done.exit_code != 0
        assert words in done.stderr
        assert isinstance(done.exception, SystemExit), "the command broke"


def test_the_command_tells_when_nothing_can_be_compared(readers, exact):
    done = exact("--set", "slides", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["state"] == "too_few_readers"
