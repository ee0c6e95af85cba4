"""``exact annotations import`` and ``export``, as people and scripts type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exact_core.cli import main
from exact_core.settings import Settings
from tests.core.exchange.conftest import Desk


@pytest.fixture
def run(desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``run("export", ...)`` on the instance of the desk; gives the JSON object that was printed."""
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.effective_database_url)
    monkeypatch.setenv("EXACT_PLUGINS", "")

    def call(*arguments: str, fails: bool = False) -> Any:
        answer = CliRunner().invoke(main, ["annotations", *arguments, "--set", "slides", "--json"])
        assert (answer.exit_code != 0) is fails, answer.output
        return answer.output if fails else json.loads(answer.stdout)

    return call


def shapes(tmp_path: Path, *labels: str) -> Path:
    path = tmp_path / "shapes.geojson"
    ring = [[100, 100], [300, 100], [300, 250.5], [100, 250.5], [100, 100]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"objectType": "annotation", "classification": {"name": label}},
        }
        for label in labels
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_file_comes_in_and_goes_out_again(run: Callable[..., Any], desk: Desk, tmp_path: Path) -> None:
    answer = run("import", str(shapes(tmp_path, "Cell", "Nucleus")), "--image", "slide-0", "--user", "ann")
    assert (answer["format"], answer["shapes"], answer["added"]) == ("geojson", 2, 2)
    assert {row.author_id for row in desk.rows()} == {desk.people["ann"].user_id}
    target = tmp_path / "out.geojson"
    written = run("export", "--format", "geojson", "-o", str(target))
    assert written["images"] == 1
    names = [each["properties"]["classification"]["name"] for each in json.loads(target.read_text())["features"]]
    assert sorted(names) == ["Cell", "Nucleus"]
    first = target.read_bytes()
    run("export", "--format", "geojson", "-o", str(target))
    assert target.read_bytes() == first
    assert [path.name for path in tmp_path.glob(".*.part")] == []


def test_labels_can_be_named_and_unknown_ones_are_refused_whole(
    run: Callable[..., Any], desk: Desk, tmp_path: Path
) -> None:
    path = str(shapes(tmp_path, "Cell", "Zelle"))
    assert "Zelle" in run("import", path, "--image", "slide-0", fails=True)
    assert desk.rows() == []
    assert run("import", path, "--image", "slide-0", "--label", "Zelle=Nucleus")["added"] == 2


def test_what_is_not_there_is_told(run: Callable[..., Any], tmp_path: Path) -> None:
    path = str(shapes(tmp_path, "Cell"))
    assert "no image 'other'" in run("import", path, "--image", "other", fails=True)
    assert "no active account" in run("import", path, "--user", "nobody", fails=True)
    assert "format 'word' is unknown" in run("export", "--format", "word", "-o", str(tmp_path / "x"), fails=True)
    assert "no version 'first'" in run(
        "export", "--format", "csv", "--version", "first", "-o", str(tmp_path / "x"), fails=True
    )
    assert not (tmp_path / "x").exists()


def test_a_viewer_may_neither_import_nor_export(run: Callable[..., Any], tmp_path: Path) -> None:
    path = str(shapes(tmp_path, "Cell"))
    assert "Error" in run("import", path, "--image", "slide-0", "--user", "viewer", fails=True)
    assert "Error" in run("export", "--format", "csv", "-o", str(tmp_path / "x"), "--user", "viewer", fails=True)
