"""The one task that dask knows: claim job N here, and run it. It holds nothing else, and may be lost or run twice."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol, cast

from exact_core.api.errors import Unavailable

if TYPE_CHECKING:
    from exact_core.jobs.runner import JobRunner

logger = logging.getLogger(__name__)

PLUGIN = "exact-jobs"
"""Under which name a dask worker carries what runs jobs."""


class CarriesRunner(Protocol):
    """What a dask worker has under :data:`PLUGIN`."""

    runner: JobRunner


def run_job(job_id: int) -> bool:
    """Run a job in the dask worker that calls this, if the row still waits; whether it did."""
    from distributed import get_worker

    carrier = cast("CarriesRunner", get_worker().plugins[PLUGIN])
    try:
        return carrier.runner.run_one(job_id)
    except Unavailable as error:
        logger.warning("Job %s could not be taken, it will be sent again: %s", job_id, error.message)
        return False
