"""What commands of plugins are given: their own jobs, run to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_SECONDS_BETWEEN_LOOKS = 0.3
_ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class CommandsOf:
    """The ``PluginCommands`` of one plugin (see ``exact_core.api``)."""

    plugin: str

    def run_job(
        self,
        job_type: str,
        *,
        image_set: str,
        team: str = "",
        params: Mapping[str, object],
        told: Callable[[float, str], None],
    ) -> Mapping[str, object]:
        """Run one of the plugin's jobs in an image set, as the system, and wait for its end."""
        from exact_core.activation.service import change_switch
        from exact_core.api.context import Actor
        from exact_core.api.errors import PluginError
        from exact_core.images.importing import find_or_make_set
        from exact_core.jobs.helping import helping_worker
        from exact_core.jobs.serve_commands import prepare_database
        from exact_core.opening import close_services, open_services
        from exact_core.settings import Settings
        from exact_core.storage.models import Job

        settings = Settings()
        prepare_database(settings)
        services = open_services(settings)
        try:
            services.kernel.startup()
            actor = Actor.system()
            image_set_id = find_or_make_set(services, actor, image_set, team)
            change_switch(services.database, services.kernel, actor, image_set_id, self.plugin, enabled=True)
            with services.database.write() as session:
                enqueue = services.kernel.context_of(self.plugin).enqueue
                job_id = enqueue(session, job_type, image_set_id=image_set_id, params=params)
            with helping_worker(services):
                while True:
                    with services.database.read() as session:
                        job = session.get_one(Job, job_id)
                    told(job.progress, job.message)
                    if job.state in _ENDED:
                        break
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
            if job.state != "done":
                raise PluginError(500, "job-failed", job.message or f"The job ended as {job.state}.")
            return dict(job.result)
        finally:
            services.kernel.shutdown()
            close_services(services)
