"""Whether the server lives and can work, as load balancers ask it."""

from __future__ import annotations

from starlette.testclient import TestClient

from exact_core.app import create_app
from exact_core.settings import Settings
from exact_core.storage.database import Database

ADDRESS = "http://127.0.0.1:8000"


def test_a_server_with_its_tables_is_alive_and_ready(settings):
    with TestClient(create_app(settings, []), base_url=ADDRESS) as client:
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.get("/readyz").status_code == 200


def test_without_its_tables_it_is_alive_but_not_ready_and_says_what_to_do(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", secret_key="s" * 40)
    database = Database(settings.effective_database_url)
    with database.engine.connect():
        pass
    database.dispose()
    with TestClient(create_app(settings, []), base_url=ADDRESS) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "exact db upgrade" in answer.json()["detail"]
