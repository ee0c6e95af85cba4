"""``exact models``, as people and scripts type it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from exact_core.cli import main
from exact_core.settings import Settings
from exact_core.storage.models import ImageSet, Team
from tests.core.models import folders
from tests.core.models.conftest import KIND, Lab, archive

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def run(lab: Lab, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``run("list")`` on the lab's instance; gives the JSON that was printed, or the words of a failure."""
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.effective_database_url)
    monkeypatch.setenv("EXACT_SECRET_KEY", settings.secret.decode())
    monkeypatch.setenv("EXACT_PLUGINS", "")

    def call(*arguments: str, fails: bool = False, as_json: bool = True) -> Any:
        answer = CliRunner().invoke(main, ["models", *arguments, *(["--json"] if as_json else [])])
        assert (answer.exit_code != 0) is fails, answer.output
        return json.loads(answer.stdout) if as_json and not fails else answer.output

    return call


@pytest.fixture
def names(lab: Lab) -> tuple[str, str]:
    """The names of the lab's set and of its team."""
    with lab.database.read() as session:
        return session.get_one(ImageSet, lab.image_set_id).name, session.scalars(select(Team.name)).one()


def test_a_model_comes_in_is_shown_and_goes_out_as_the_same_bytes(
    run: Callable[..., Any], names: tuple[str, str], lab: Lab, tmp_path: Path
) -> None:
    place = tmp_path / "model.zip"
    place.write_bytes(archive(card={**folders.CARD, "kind": KIND, "title": "Lines"}))
    lab.in_set("lead", "POST", "versions", json={"name": "v1"})
    made = run("import", str(place), "--set", names[0], "--version", "v1")
    assert (made["name"], made["kind"], made["trained_on"]["version_name"]) == ("Lines", KIND, "v1")
    assert "has it already" in run("import", str(place), "--set", names[0], as_json=False)
    [listed] = run("list", "--set", names[0])
    assert listed["uuid"] == made["uuid"]
    assert {each["kind"] for each in run("list", "--kind", "core.")} >= {KIND}
    assert run("show", "Lines") == made
    words = run("show", made["uuid"], as_json=False)
    assert "f1: 0.81 [0.77, 0.85]" in words
    assert "model.safetensors" in words
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    run("export", "Lines", "-o", str(first))
    run("delete", "Lines", "--reason", "moved", "--permanently")
    assert "was deleted by EXACT: moved" in run("export", made["uuid"], "-o", str(second), fails=True)
    assert "built-in models have none" in run("export", "Nucleus detector", "-o", str(second), fails=True)
    assert run("import", str(first), "--set", names[0])["uuid"] == made["uuid"]
    run("export", "Lines", "-o", str(second))
    assert first.read_bytes() == second.read_bytes()


def test_folders_come_in_too_and_rights_are_those_of_the_account(
    run: Callable[..., Any], names: tuple[str, str], tmp_path: Path
) -> None:
    folder = folders.write(tmp_path / "lines", folders.with_checksums(folders.contents()))
    asked = ("import", str(folder), "--team", names[1], "--kind", KIND, "--name", "Lines")
    assert "Only leads" in run(*asked, "--user", "ann", fails=True)
    made = run(*asked, "--user", "lead")
    assert made["created_by"] == "Lead"
    assert "There is no model" in run("show", "Lines", "--user", "stranger", fails=True)
    assert run("pin", "Lines")["is_pinned"] is True
    assert "pinned" in run("delete", "Lines", "--reason", "x", fails=True)
    assert run("pin", "Lines", "--off")["is_pinned"] is False
    assert run("delete", "Lines", "--reason", "x")["deleted"]["has_files"] is True
    assert [each["name"] for each in run("list", "--deleted")] == ["Lines"]
    (folder / "card.md").write_text("other")
    assert "card.md has not the checksum" in run(*asked, fails=True)
    assert "needs the image set" in run("import", str(folder), "--version", "v1", fails=True)


def test_weights_of_others_are_refused_with_the_way_to_convert_them(
    run: Callable[..., Any], names: tuple[str, str], tmp_path: Path
) -> None:
    weights = tmp_path / "resnet.pth"
    weights.write_bytes(folders.zipped({"archive/data.pkl": b"\x80\x02."}))
    assert "exact models convert" in run("import", str(weights), "--set", names[0], fails=True)
    assert "SOURCE" in run("convert", "--help", as_json=False)
