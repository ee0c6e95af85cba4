"""A server that is killed while it takes a model in shows nothing of it, and takes the same model the next time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from exact_core.api.context import Actor
from exact_core.jobs.serve import as_environment
from exact_core.models import cleaning, places
from exact_core.models.keeping import NewModel
from exact_core.models.receiving import keep_archive
from exact_core.services import Services
from exact_core.storage.models import Model, now
from tests.core.models.conftest import KIND, Lab, archive

PROGRAM = """
import os, signal, sys
from pathlib import Path
from exact_core.api.context import Actor
from exact_core.models import keeping, receiving
from exact_core.opening import open_services
from exact_core.settings import Settings

stage, archive, image_set_id = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
module, name = {"unpacked": (receiving, "check_folder"), "moved": (keeping, "_move")}[stage]
real = getattr(module, name)

def killed(*arguments):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, name, killed)
new = keeping.NewModel("Lines", "core.nuclei", image_set_id=image_set_id)
receiving.keep_archive(open_services(Settings()), Actor.system(), new, archive)
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stage", ["unpacked", "moved"])
def test_kill_nine_leaves_nothing_that_can_be_seen(stage: str, lab: Lab, services: Services, tmp_path: Path) -> None:
    place = tmp_path / "model.zip"
    place.write_bytes(archive())
    environment = {**os.environ, **as_environment(services.settings), "EXACT_SAFE_MODE": "true"}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, stage, str(place), str(lab.image_set_id)], env=environment, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Model)) == 0
    assert any(services.blobs.folder(name).iterdir() for name in (places.INCOMING, places.FOLDER)), "it was under way"
    kept = keep_archive(services, Actor.system(), NewModel("Lines", KIND, lab.image_set_id), place)
    assert kept.is_new
    for folder in (places.INCOMING, places.FOLDER):
        for path in services.blobs.folder(folder).iterdir():
            os.utime(path, ((now() - timedelta(days=2)).timestamp(),) * 2)
    cleaning.remove_stale(services)
    assert list(services.blobs.folder(places.INCOMING).iterdir()) == []
    assert [path.name for path in services.blobs.folder(places.FOLDER).iterdir()] == [kept.uuid]
    assert lab["ann"].get(f"/api/v2/models/{kept.uuid}/archive").status_code == 200
