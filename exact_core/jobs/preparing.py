"""What is checked of a job before its function is called, wherever that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from exact_core.api.errors import Invalid
from exact_core.jobs.interruption import JobCancelled
from exact_core.jobs.registry import CORE, RunnableType, job_type

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services
    from exact_core.storage.models import Job


def prepared(services: Services, job: Job, context: JobContext) -> RunnableType:
    """The type of a job that may begin; its parameters are checked and put into the context.

    Raises:
        JobCancelled: Somebody cancelled it, or its plugin is switched off in the image set.
        NotFound: Its plugin is not installed, or did not load.
        Invalid: A parameter is not acceptable.
    """
    found = job_type(services.kernel, job.type)
    if job.cancel_requested:
        raise context.cancelled()
    if job.plugin != CORE and job.image_set_id is not None:
        enabled = services.kernel.activation.enabled(job.image_set_id)
        if job.plugin not in enabled:
            raise JobCancelled(f"disabled: the plugin {job.plugin} is switched off in this image set.")
    if found.params is not None:
        try:
            context.params = found.params.model_validate(job.params).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Invalid(f"The job's parameter {place!r} is not acceptable: {first['msg']}") from error
    context.check()
    return found
