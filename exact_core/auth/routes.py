"""The API of login, one's own account, people and teams, below ``/api/v2``."""

from fastapi import APIRouter

from exact_core.auth import login_routes, me_routes, team_routes, user_routes

router = APIRouter()
for part in (login_routes.router, me_routes.router, user_routes.router, team_routes.router):
    router.include_router(part)
