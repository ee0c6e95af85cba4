"""How processes of the distributed engine find each other, and who is kept out."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from distributed import Client, Scheduler

from exact_core.api.errors import ConfigurationError
from exact_core.jobs.distributed.connection import configure_dask, require_distributed, scheduler_address, security
from exact_core.settings import Settings
from tests.conftest import unavailable


def settings_of(**values) -> Settings:
    return Settings(job_engine="distributed", database_url="postgresql://x/y", **values)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tcp://localhost:1"])
def test_the_own_machine_needs_no_certificates(address: str):
    assert scheduler_address(settings_of(job_scheduler=address)) == address


@pytest.mark.parametrize("address", ["tcp://10.0.0.4:8786", "tcp://0.0.0.0:8786", "tcp://jobs.lab:8786"])
def test_others_are_reached_without_tls_only_where_that_is_said(address: str):
    with pytest.raises(ConfigurationError, match="EXACT_JOB_SCHEDULER_INSECURE"):
        scheduler_address(settings_of(job_scheduler=address))
    assert scheduler_address(settings_of(job_scheduler=address, job_scheduler_insecure=True)) == address


@pytest.mark.parametrize("address", ["", "jobs.lab:8786", "http://jobs.lab:1", "tls://jobs.lab", "tcp://a:99999999"])
def test_what_is_no_address_is_refused(address: str):
    with pytest.raises(ConfigurationError, match="EXACT_JOB_SCHEDULER"):
        scheduler_address(settings_of(job_scheduler=address))


def test_tls_needs_its_files(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="EXACT_JOB_TLS_CA"):
        scheduler_address(settings_of(job_scheduler="tls://jobs.lab:1", job_tls_ca=tmp_path / "none.pem"))


def test_sqlite_and_the_other_engine_are_refused_with_what_to_do():
    with pytest.raises(ConfigurationError, match="EXACT_DATABASE_URL"):
        require_distributed(Settings(job_engine="distributed", database_url=""))
    with pytest.raises(ConfigurationError, match="EXACT_JOB_ENGINE"):
        require_distributed(Settings(database_url="postgresql://x/y"))


def certificates(folder: Path, name: str) -> dict[str, Path]:
    """A CA of that name, and a certificate that it signed."""
    ca, ca_key, key, request, cert = (folder / f"{name}.{part}" for part in ("ca", "cakey", "key", "csr", "pem"))
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
    signed = ["-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-out", cert]
    for command in (
        [*new, "-subj", f"/CN={name} CA", "-x509", "-days", "2", "-keyout", ca_key, "-out", ca],
        [*new, "-subj", f"/CN={name}", "-keyout", key, "-out", request],
        ["openssl", "x509", "-req", "-in", request, *signed],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return {"job_tls_ca": ca, "job_tls_cert": cert, "job_tls_key": key}


def test_only_who_has_a_certificate_of_the_same_ca_is_let_in(tmp_path: Path):
    if shutil.which("openssl") is None:
        unavailable("openssl is not installed; this test makes certificates with it: sudo apt-get install openssl")
    address = "tls://127.0.0.1:0"
    ours = settings_of(job_scheduler=address, **certificates(tmp_path, "ours"))
    theirs = settings_of(job_scheduler=address, **certificates(tmp_path, "theirs"))
    configure_dask()

    async def connect(settings: Settings, to: str) -> None:
        async with Client(to, security=security(settings), asynchronous=True, timeout=2, set_as_default=False):
            pass

    async def run() -> None:
        own = security(ours)
        async with Scheduler(host="127.0.0.1", port=0, protocol="tls", security=own, dashboard=False) as scheduler:
            assert scheduler.address.startswith("tls://")
            await connect(ours, scheduler.address)
            with pytest.raises(OSError, match="TLS certificate"):
                await connect(theirs, scheduler.address)

    asyncio.run(run())
