"""The background job that writes a version's manifest, and what becomes of the version when it cannot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from exact_core.api.errors import NotFound
from exact_core.storage.models import Version
from exact_core.versioning import manifest
from exact_core.versioning.artefacts import folder_of
from exact_core.versioning.freezing import keep_people

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services
    from exact_core.storage.models import Job


def run_manifest(context: JobContext) -> dict[str, Any]:
    """Write all annotations of a version down, sign their hash and mark the manifest as ready."""
    version_id = int(context.params["version_id"])
    services = context.services
    with context.read() as session:
        version = session.get(Version, version_id)
    if version is None or version.deleted_at is not None:
        return {"version_id": version_id, "skipped": "The version was deleted."}
    tally = manifest.Tally()
    relative = f"{folder_of(version_id)}/manifest.jsonl.gz"
    target = services.blobs.path(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    told = partial(context.report, message="Writing the manifest")
    with services.blobs.replacing(target) as file:
        manifest.write(manifest.lines(context.read, version_id, tally, told), file, tally)
    with context.write() as session:
        kept = session.get(Version, version_id, with_for_update=True)
        if kept is None or kept.deleted_at is not None:
            services.blobs.remove(folder_of(version_id))
            return {"version_id": version_id, "skipped": "The version was deleted."}
        keep_people(session, version_id, sorted(tally.people))
        kept.manifest_state, kept.manifest_reason = "ready", ""
        kept.manifest_digest = tally.digest
        kept.manifest_signature = manifest.signature(services.settings.secret, kept, tally.digest)
        kept.manifest_path = relative
        kept.manifest_bytes = target.stat().st_size
        kept.annotation_count = tally.annotations
    return {"version_id": version_id, "annotations": tally.annotations, "digest": tally.digest}


def give_up(services: Services, job: Job) -> None:
    """Let the version say that its manifest failed; it can be asked for again."""
    reason = job.message or "The job ended before the manifest was written."
    with services.database.write() as session:
        session.execute(
            update(Version)
            .where(Version.id == int(job.params["version_id"]), Version.manifest_state == "pending")
            .values(manifest_state="failed", manifest_reason=reason)
        )


def check_version(services: Services, version_id: int, *, deep: bool = False) -> manifest.Check:
    """Whether a version's manifest is whole and signed by this instance.

    Args:
        services: The parts of the instance.
        version_id: The version.
        deep: Read all annotations again and compare them with the manifest.
    """
    with services.database.read() as session:
        version = session.get(Version, version_id)
        if version is None:
            raise NotFound(f"There is no version {version_id}.")
        session.expunge(version)
    path = version.manifest_path
    found = manifest.check(services.settings.secret, version, lambda: services.blobs.path(path).open("rb"))
    if not deep or version.manifest_state != "ready":
        return found
    again = manifest.lines(services.database.read, version_id, manifest.Tally(), lambda _done: None)
    is_same = manifest.digest_of(again) == version.manifest_digest
    return manifest.Check(found.state, found.file, found.signature, is_same)
