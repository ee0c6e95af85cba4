"""Every address of modes, verification, assignments and decisions."""

from fastapi import APIRouter

from exact_core.review.adjudication_routes import router as adjudication
from exact_core.review.assignment_routes import router as assignments
from exact_core.review.mode_routes import router as modes
from exact_core.review.verify_routes import router as verify

router = APIRouter()
for part in (modes, assignments, verify, adjudication):
    router.include_router(part)
