"""Settings of one EXACT instance, read once from ``EXACT_*`` environment variables."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from exact_core.api.errors import ConfigurationError

_MIB = 1024 * 1024


class Settings(BaseSettings):
    """One value object that every part reads; nothing else looks at the environment."""

    model_config = SettingsConfigDict(env_prefix="EXACT_", frozen=True, extra="ignore")

    data_dir: Path = Field(default=Path("exact-data"), description="Folder for files, keys and the default database.")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite inside the data folder.")
    secret_key: str = Field(
        default="", description="Signs cookies and salts public names; empty means a kept random key."
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    web_processes: int = Field(default=1, ge=1, description="Number of web server processes.")
    base_url: str = Field(
        default="",
        description="Public address, for links and for the Origin check; empty means the request's own.",
    )
    behind_https: bool = Field(default=False, description="Set when a proxy ends TLS: cookies are then marked Secure.")
    isolate_viewer: bool = Field(
        default=True,
        description="The viewer shares memory with no other page, so that models run in the browser with threads.",
    )

    plugins: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None, description="Allow-list of plugin names; unset means all installed."
    )
    disabled_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    safe_mode: bool = Field(default=False, description="Start without any plugin.")

    session_days: int = Field(default=14, ge=1)
    max_upload_bytes: int = Field(default=50 * 1024 * _MIB, ge=_MIB)
    max_annotation_file_bytes: int = Field(
        default=4 * 1024 * _MIB, ge=_MIB, description="Largest file of annotations that can be imported."
    )
    max_model_bytes: int = Field(
        default=2048 * _MIB, ge=_MIB, description="Most bytes of the files of one model together."
    )
    image_set_quota_bytes: int = Field(default=0, ge=0, description="Most bytes stored per image set; 0 is no limit.")
    free_space_mib: int = Field(default=512, ge=0, description="Room on the disk that uploads must leave.")
    trash_days: int = Field(default=30, ge=1, description="Days in which a deleted annotation can be restored.")
    upload_days: int = Field(default=7, ge=1, description="Days after which an unfinished upload is removed.")
    convert_side: int = Field(default=4096, ge=256, description="Plain pictures wider or higher become a pyramid.")
    convert_megapixels: float = Field(default=16.0, gt=0, description="Plain pictures with more become a pyramid.")
    convert_memory_mib: int = Field(default=4096, ge=512, description="Most memory of one conversion.")
    worker_slots: int = Field(default=2, ge=1, description="Jobs that one worker process runs at the same time.")
    job_seconds: int = Field(default=0, ge=0, description="Longest job without a limit of its own; 0: none.")
    job_lease_seconds: float = Field(
        default=30.0, ge=1, description="A job whose worker is silent for so long is given to another one."
    )
    job_engine: Literal["embedded", "distributed"] = "embedded"
    job_scheduler: str = Field(
        default="tcp://127.0.0.1:8786", description="Where the scheduler of the distributed engine listens."
    )
    job_tls_ca: Path | None = Field(default=None, description="PEM file that signed the certificates of all machines.")
    job_tls_cert: Path | None = Field(default=None, description="PEM file with this machine's certificate.")
    job_tls_key: Path | None = Field(default=None, description="PEM file with its key.")
    job_scheduler_insecure: bool = Field(
        default=False, description="Allow a scheduler without TLS: who reaches it can run code on every worker."
    )
    plugin_environments: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Interpreters that run the portable jobs of plugins: plugin=/path/of/bin/python, or a JSON object.",
    )
    isolate_jobs: bool = Field(default=False, description="Run every portable job in a process of its own.")
    job_memory_mib: int = Field(default=16384, ge=64, description="Most memory of a job in a process of its own.")
    job_network: bool = Field(default=False, description="Let jobs that ask for it reach the network from there.")
    decode_processes: int = Field(default=2, ge=1, description="Limited processes that decode pixels, per web process.")
    decode_memory_mib: int = Field(default=2048, ge=256)
    decode_seconds: float = Field(default=20.0, gt=0)
    tile_cache_mib: int = Field(default=256, ge=0, description="Memory for rendered tiles, per web process.")
    open_slides: int = Field(default=64, ge=1, description="Files kept open, per process.")

    @field_validator("plugins", "disabled_plugins", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("plugin_environments", mode="before")
    @classmethod
    def _environments(cls, value: object) -> object:
        """Read ``a=/x,b=/y`` or ``{"a": "/x"}`` as ``("a=/x", ...)``."""
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = json.loads(value)
        if isinstance(value, dict):
            return tuple(f"{name}={python}" for name, python in value.items())
        return cls._split_names(value)

    @cached_property
    def effective_database_url(self) -> str:
        """The database to use: the given one, or SQLite inside the data folder."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir.resolve() / 'exact.sqlite3'}"
        if self.database_url.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + self.database_url.split("://", 1)[1]
        return self.database_url

    @cached_property
    def secret(self) -> bytes:
        """The instance's secret, made on first use and kept in the data folder, readable by the owner only."""
        if self.secret_key:
            if len(self.secret_key) < 32:
                raise ConfigurationError("EXACT_SECRET_KEY must have at least 32 characters.")
            return self.secret_key.encode()
        path = self.data_dir / "secret.key"
        if not path.exists():
            _keep_new_secret(path)
        return path.read_bytes()


def _keep_new_secret(path: Path) -> None:
    """Write a random secret that only the owner can read; of several processes at once the first wins, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # readable by the owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
