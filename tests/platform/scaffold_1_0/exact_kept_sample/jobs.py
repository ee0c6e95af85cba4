"""Background work. Only the worker imports this module, so it may import what is large."""

from __future__ import annotations

from exact_core.api import JobContext
from exact_core.api.tables import core
from sqlalchemy import func, select

from exact_kept_sample.schemas import CountParams


def count_images(context: JobContext) -> dict[str, int]:
    """Count the images of the set; ``report`` shows progress and ends the job when somebody cancels it."""
    params = CountParams.model_validate(context.params)
    context.report(0.0, "Counting images")
    with context.read() as session:
        wanted = select(core.Image.id).where(core.Image.image_set_id == context.image_set_id).limit(params.limit)
        count = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    context.report(1.0, f"{count} images")
    return {"images": count}
