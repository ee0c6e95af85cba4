"""Where files of models lie below the data folder, and which limits they have."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from exact_core.models.files import Limits

if TYPE_CHECKING:
    from exact_core.services import Services
    from exact_core.settings import Settings

FOLDER = "models"
INCOMING = "model-uploads"
ARCHIVE = "model.zip"


def home_of(uuid: str) -> str:
    """Everything of a model, relative to the data folder."""
    return f"{FOLDER}/{uuid}"


def files_of(services: Services, uuid: str) -> Path:
    """The folder with a model's files, whether or not it is there."""
    return services.blobs.path(f"{home_of(uuid)}/files")


def new_incoming() -> str:
    """A folder for a model that arrives, relative to the data folder."""
    return f"{INCOMING}/{secrets.token_hex(16)}"


def limits_of(settings: Settings) -> Limits:
    """How large models may be on this instance."""
    return Limits(total=settings.max_model_bytes)
