"""The annotations' lab, on the whole application, with somebody who runs the background jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from exact_core.api.context import Actor
from exact_core.jobs.runner import JobRunner
from exact_core.services import Services
from tests.core.annotations.conftest import Lab, box, lab, make_lab

__all__ = ["Lab", "box", "lab", "make_lab"]


@pytest.fixture
def services(app: FastAPI) -> Services:
    """The parts of the application."""
    return app.state.services


@pytest.fixture
def client_of(script_of: Callable[..., TestClient]) -> Callable[..., TestClient]:
    """``client_of(actor, scopes=["read"])`` is a program with an access token of that person."""

    def make(actor: Actor, scopes: list[str] | None = None) -> TestClient:
        return script_of(actor, *(scopes or ["read", "write", "admin"]))

    return make


@pytest.fixture
def work(services: Services) -> Callable[[], int]:
    """``work()`` runs the jobs that wait; how many there were."""
    return lambda: JobRunner(services).run_waiting()


def make_version(lab: Lab, name: str = "v1", who: str = "lead", **headers: str) -> dict[str, Any]:
    """Make a version of the lab's set."""
    url = f"/api/v2/image-sets/{lab.image_set_id}/versions"
    answer = lab[who].post(url, json={"name": name}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(lab: Lab, who: str = "lead", image_id: int | None = None, **query: Any) -> list[dict[str, Any]]:
    """All annotations of an image, without what changes with every state of the present."""
    url = f"/api/v2/images/{image_id or lab.image_id}/annotations"
    answer = lab[who].get(url, params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]
