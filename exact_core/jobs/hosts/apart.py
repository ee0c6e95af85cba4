"""Handing a job of a local worker to a process of its own, where the settings ask for that."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exact_core.jobs.hosts.environments import place_of
from exact_core.jobs.hosts.isolated import run_isolated
from exact_core.jobs.hosts.local import LocalHost, verdict_of
from exact_core.jobs.hosts.protocol import JobFailed, JobTask
from exact_core.jobs.hosts.wire import card_as_json
from exact_core.jobs.registry import CORE

if TYPE_CHECKING:
    from exact_core.jobs.registry import RunnableType
    from exact_core.jobs.running import JobContext
    from exact_core.storage.models import Job


logger = logging.getLogger(__name__)


def run_apart(job: Job, found: RunnableType, context: JobContext) -> Mapping[str, Any] | None:
    """Run a portable job in a process of its own, if its plugin has an environment or the settings isolate all.

    Args:
        job: The row.
        found: Its type.
        context: The attempt, its parameters checked.

    Returns:
        What the job returned; None when it should run in the process of the worker.

    Raises:
        JobFailed: Its code failed, or it needed too much; a fault of the plugin was recorded.
    """
    if not found.is_portable:
        return None
    task = task_of(job, found, context.params)
    place = place_of(context.services.settings, task)
    if place is None:
        return None

    def told(lines: Sequence[str]) -> None:
        for line in lines:
            context.log(line)

    try:
        return run_isolated(task, LocalHost(context), place, lambda: verdict_of(context), told)
    except JobFailed as failure:
        if found.plugin == CORE:
            logger.error("Job %s (%s) failed.", job.id, job.type, exc_info=failure)
        else:
            faults = context.services.kernel.faults
            faults.record(found.plugin, f"job {found.name}", failure, image_set_id=job.image_set_id)
        raise


def task_of(job: Job, found: RunnableType, params: Mapping[str, Any]) -> JobTask:
    """What is handed to whoever runs a job; the row may ask for less than its type does."""
    return JobTask(
        job_id=job.id,
        type=found.name,
        run=found.run,
        params=dict(params),
        image_set_id=job.image_set_id,
        image_id=job.image_id,
        owner_id=job.owner_id,
        gpu=found.gpu or job.gpu,
        memory_mib=job.memory_mib or found.memory_mib,
        seconds=job.seconds or found.seconds,
        network=found.network,
        card=card_as_json(found.card),
    )
