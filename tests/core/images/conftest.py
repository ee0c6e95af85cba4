"""Fixtures of images: an instance, a set that somebody manages, pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Picture

from exact_core.api.context import Actor
from exact_core.services import Services
from exact_core.settings import Settings
from tests.core.images.instance import running_instance, token_of
from tests.serving import Client, application


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """An instance without plugins."""
    with running_instance(settings) as services:
        yield services


@pytest.fixture
def manager(make_user: Callable[..., Actor]) -> Actor:
    """Somebody who manages the set."""
    return make_user("maria")


@pytest.fixture
def viewer(make_user: Callable[..., Actor]) -> Actor:
    """Somebody who may only look."""
    return make_user("vera")


@pytest.fixture
def stranger(make_user: Callable[..., Actor]) -> Actor:
    """Somebody with no role in the set."""
    return make_user("sam")


@pytest.fixture
def image_set(make_image_set: Callable[..., int], manager: Actor, viewer: Actor) -> int:
    """A set with a manager and a viewer."""
    return make_image_set(roles={manager: "manager", viewer: "viewer"})


@pytest.fixture
def api(services: Services, manager: Actor) -> Iterator[TestClient]:
    """A client that speaks for the manager."""
    with Client(application(services), headers=token_of(services, manager)) as client:
        yield client


@pytest.fixture
def api_of(services: Services) -> Callable[[Actor], TestClient]:
    """``api_of(ann)`` is a client that speaks for Ann."""
    return lambda actor: Client(application(services), headers=token_of(services, actor))


@pytest.fixture
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    """``make_picture("a.png", width=64, seed=1)`` writes a picture and returns its path."""

    def make(name: str, width: int = 64, height: int = 48, seed: int = 0, mode: str = "RGB", **options: Any) -> Path:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_picture(path.suffix, width, height, seed, mode, tuple(options.items())))
        return path

    return make


@cache
def _picture(suffix: str, width: int, height: int, seed: int, mode: str, options: tuple[tuple[str, Any], ...]) -> bytes:
    """Most tests want the same few pictures, and encoding takes longer than what is tested with them."""
    small = np.random.default_rng(seed).integers(0, 255, (max(2, height // 16), max(2, width // 16), 3), np.uint8)
    file = io.BytesIO()
    kind = Picture.registered_extensions()[suffix.lower()]
    Picture.fromarray(small).resize((width, height)).convert(mode).save(file, kind, **dict(options))
    return file.getvalue()
