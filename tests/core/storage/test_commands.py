"""``exact db`` on a fresh folder and on a server."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from exact_core.cli import main
from exact_core.storage.database import Database


def run(*arguments: str):
    return CliRunner().invoke(main, ["db", *arguments])


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("EXACT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EXACT_SAFE_MODE", "1")


@pytest.mark.usefixtures("fresh")
def test_a_fresh_folder_is_pending_then_upgraded_then_as_expected():
    before = run("status", "--json")
    assert before.exit_code == 1
    assert json.loads(before.stdout)["state"] == "pending"
    done = run("upgrade", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "current"
    assert run("status").exit_code == 0
    assert "as expected" in run("check").output


@pytest.mark.usefixtures("fresh")
def test_an_unknown_plugin_is_refused():
    answer = run("upgrade", "--plugin", "nonsense")
    assert answer.exit_code == 1
    assert "nonsense" in answer.output


def test_a_difference_makes_check_fail(database_url, monkeypatch, tmp_path):
    monkeypatch.setenv("EXACT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EXACT_DATABASE_URL", database_url)
    monkeypatch.setenv("EXACT_SAFE_MODE", "1")
    assert run("check").exit_code == 0
    database = Database(database_url)
    with database.migrating() as connection:
        connection.exec_driver_sql("ALTER TABLE tag ADD COLUMN colour VARCHAR(7)")
    database.dispose()
    answer = run("check")
    assert answer.exit_code == 1
    assert "colour" in answer.output
