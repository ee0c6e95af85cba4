"""How the processes of the distributed engine reach each other: address, certificates, and dask's own settings."""

from __future__ import annotations

import importlib.util
import ipaddress
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exact_core.api.errors import ConfigurationError

if TYPE_CHECKING:
    from distributed.security import Security

    from exact_core.settings import Settings

GPU = "GPU"
"""The resource of dask that jobs of the GPU queue need; a worker started with --gpu has one for each slot."""

_DASK = {
    "distributed.scheduler.work-stealing": False,  # tasks are short words about rows: moving them gains nothing
    "distributed.scheduler.worker-saturation": 1.1,
    "distributed.scheduler.allowed-failures": 100,  # the rows count who dies of a job
    "distributed.worker.daemon": False,
    "distributed.worker.profile.enabled": False,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.retry.count": 0,
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 100,
}


def require_distributed(settings: Settings) -> None:
    """Refuse an instance that cannot have the distributed engine, and say what it lacks."""
    if importlib.util.find_spec("distributed") is None:
        raise ConfigurationError("The distributed engine needs a package: pip install 'exact-core[distributed]'")
    if settings.job_engine != "distributed":
        raise ConfigurationError("Set EXACT_JOB_ENGINE=distributed for every process of the instance first.")
    if not settings.effective_database_url.startswith("postgresql"):
        raise ConfigurationError(
            "The distributed engine needs PostgreSQL, which several machines can reach: set EXACT_DATABASE_URL, "
            "or leave EXACT_JOB_ENGINE=embedded."
        )


def scheduler_address(settings: Settings) -> str:
    """The scheduler's address, with a scheme that the certificates allow.

    Raises:
        ConfigurationError: It is not an address, TLS lacks a file, or others could reach it without TLS.
    """
    try:
        parts = urlsplit(settings.job_scheduler)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"EXACT_JOB_SCHEDULER: {error}; write tls://host:8786.") from error
    if parts.scheme not in {"tcp", "tls"} or not host or not port:
        raise ConfigurationError(f"EXACT_JOB_SCHEDULER is {settings.job_scheduler!r}; write tls://host:8786.")
    if parts.scheme == "tls":
        _require_certificates(settings)
    elif not _is_loopback(host) and not settings.job_scheduler_insecure:
        raise ConfigurationError(
            f"EXACT_JOB_SCHEDULER={settings.job_scheduler} has no TLS, and whoever reaches a scheduler can run code on "
            "every worker. Use tls:// with EXACT_JOB_TLS_CA, _CERT and _KEY; on a network where you trust every "
            "machine, EXACT_JOB_SCHEDULER_INSECURE=true allows it."
        )
    return settings.job_scheduler


def security(settings: Settings) -> Security | None:
    """Certificates of this process, for TLS with proof on both sides; None without TLS."""
    from distributed.security import Security

    if not settings.job_scheduler.startswith("tls:"):
        return None
    mine = {
        f"tls_{role}_{part}": str(path)
        for role in ("scheduler", "worker", "client")
        for part, path in (("cert", settings.job_tls_cert), ("key", settings.job_tls_key))
    }
    return Security(tls_ca_file=str(settings.job_tls_ca), require_encryption=True, **mine)


def configure_dask() -> None:
    """Set what dask reads from its own configuration, over files that a machine may have."""
    import dask
    import distributed  # noqa: F401 - as it sets the level of its log

    dask.config.set(_DASK)
    logging.getLogger("distributed").setLevel(logging.WARNING)  # set to tell every connection when it was imported


def _require_certificates(settings: Settings) -> None:
    files = {"CA": settings.job_tls_ca, "CERT": settings.job_tls_cert, "KEY": settings.job_tls_key}
    for name, path in files.items():
        if path is None or not path.is_file():
            raise ConfigurationError(f"tls:// needs the file EXACT_JOB_TLS_{name}, which is not there: {path}.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
