"""The annotations' lab with models: uploaded over HTTP, with archives made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from exact_core.api.context import Actor
from exact_core.services import Services
from tests.core.annotations.conftest import Lab, lab, make_lab
from tests.core.models import folders

__all__ = ["Lab", "lab", "make_lab"]

KIND = "core.nuclei"
MODELS = "/api/v2/models"


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


def archive(**more: Any) -> bytes:
    """A small true model as an archive; ``seed`` makes other weights, ``card`` another card."""
    return folders.zipped(folders.with_checksums(folders.contents(**more)))


def upload(lab: Lab, who: str = "lead", content: bytes | None = None, **query: Any) -> Any:
    """Send a model to the lab's set; the response."""
    where = {} if {"team_id", "version_id"} & query.keys() else {"image_set_id": lab.image_set_id}
    asked = {"name": "Lines", "kind": KIND, **where, **query}
    return lab[who].post(MODELS, params=asked, content=archive() if content is None else content)


def uploaded(lab: Lab, who: str = "lead", content: bytes | None = None, **query: Any) -> dict[str, Any]:
    """The model that was made."""
    answer = upload(lab, who, content, **query)
    assert answer.status_code == 201, answer.text
    return answer.json()
