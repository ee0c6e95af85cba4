"""The pages of the core. Each is a frame with its start data; what it shows comes through the API and its rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import exists, select
from starlette.responses import HTMLResponse, RedirectResponse, Response

from exact_core.api.context import Actor
from exact_core.api.deps import current_actor, services_of
from exact_core.api.errors import Forbidden, NotFound
from exact_core.models.service import find_model
from exact_core.products.service import find as find_product
from exact_core.storage.models import ImageSet, User
from exact_core.web.bootstrap import enabled_frontends, rights_in, what_plugins_add
from exact_core.web.templating import NavigationItem, Pages, pages_of

if TYPE_CHECKING:
    from exact_core.services import Services

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

IMAGE_SET_TABS = (
    "images", "search", "review", "versions", "agreement", "studies", "products", "exchange", "members", "history",
    "plugins", "settings",
)  # fmt: skip

ADMIN_SECTIONS = {
    "users": ("Users", "user", "Who can log in. People are deactivated, not deleted, so that authorship stays true."),
    "teams": ("Teams", "users", "Teams own image sets and products; their leads manage them."),
    "plugins": ("Plugins", "puzzle", "What is installed on this server, and how it is doing."),
    "jobs": ("Jobs", "activity", "Background work: probing, conversion, and what plugins do."),
    "system": ("System", "server", "Version, database and disk."),
}


def install(app: FastAPI, services: Services, *, dev: bool = False) -> None:
    """Give an application what its pages are made with."""
    app.state.pages = Pages(services, dev=dev)


@dataclass(frozen=True, slots=True)
class Visit:
    """A person who is logged in and asks for a page."""

    request: Request
    actor: Actor
    pages: Pages


def visit(request: Request, actor: Annotated[Actor, Depends(current_actor)]) -> Visit:
    """The visit of a page that needs a login."""
    return Visit(request, actor, pages_of(request))


CurrentVisit = Annotated[Visit, Depends(visit)]


def _somebody(request: Request) -> Actor | None:
    return services_of(request).snapshot.authenticate(request.headers.get("cookie"), None)


@router.get("/login")
def login(request: Request) -> Response:
    """Name and password; says how to begin while nobody has an account."""
    if _somebody(request) is not None and "next" not in request.query_params:
        return RedirectResponse("/", 303)
    with services_of(request).database.read() as session:
        is_new = not session.scalar(select(exists().where(User.id.is_not(None))))
    return pages_of(request).render(
        request, "login.html", title="Log in", page="login", is_new=is_new, module="shell/pages/login.js"
    )


@router.get("/login/link")
@router.get("/login/link/{token}")
def login_link(request: Request, token: str = "") -> Response:
    """Where a one-time link leads. Reading it uses nothing up: mail scanners and previews fetch links too."""
    answer = pages_of(request).render(
        request, "login_link.html", title="Log in", page="login", token=token, module="shell/pages/login.js"
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@router.get("/password")
def password(visit: CurrentVisit) -> Response:
    """Choose a password, after a login by link."""
    return visit.pages.render(
        visit.request, "password.html", title="Choose a password", actor=visit.actor, module="shell/pages/login.js"
    )


@router.get("/")
def home(visit: CurrentVisit) -> Response:
    """Every image set that the person may see."""
    return visit.pages.render(
        visit.request, "home.html", title="Image sets", actor=visit.actor, module="shell/pages/home.js"
    )


@router.get("/image-sets/{image_set_id}")
@router.get("/image-sets/{image_set_id}/{tab}")
def image_set(visit: CurrentVisit, image_set_id: int, tab: str = "images") -> Response:
    """One image set: its tabs, and what plugins add."""
    services = visit.pages.services
    rights = rights_in(services, visit.actor, image_set_id)
    with services.database.read() as session:
        found = session.get(ImageSet, image_set_id)
        if found is None or found.deleted_at is not None or not rights.get("view"):
            raise NotFound("This image set does not exist, or you are not among its members.")
        data = {"id": found.id, "name": found.name, "description": found.description, "mode": found.mode}
    frontends = enabled_frontends(services, visit.pages.assets, image_set_id)
    if tab not in IMAGE_SET_TABS and tab not in {panel["id"] for entry in frontends for panel in entry["panels"]}:
        raise NotFound(f"An image set has no page {tab!r}.")
    return visit.pages.render(
        visit.request,
        "image_set.html",
        title=str(data["name"]),
        actor=visit.actor,
        module="shell/pages/image_set.js",
        plugins=tuple(entry["name"] for entry in frontends),
        bootstrap={"imageSet": data, "rights": rights, "tab": tab, "plugins": frontends},
        image_set=data,
    )


@router.get("/products")
def products(visit: CurrentVisit) -> Response:
    """Every product that the person may see."""
    return visit.pages.render(
        visit.request, "products.html", title="Products", actor=visit.actor, module="shell/pages/products.js"
    )


@router.get("/products/{product_id}")
def product(visit: CurrentVisit, product_id: int) -> Response:
    """One product and its annotation types."""
    with visit.pages.services.database.read() as session:
        name = find_product(session, visit.actor, product_id).name
    return visit.pages.render(
        visit.request,
        "product.html",
        title=name,
        actor=visit.actor,
        module="shell/pages/product.js",
        bootstrap={"productId": product_id},
        product_name=name,
    )


@router.get("/models")
def models(visit: CurrentVisit) -> Response:
    """Every model that the person may see."""
    return visit.pages.render(
        visit.request, "models.html", title="Models", actor=visit.actor, module="shell/pages/models.js"
    )


@router.get("/models/{uuid}")
def model(visit: CurrentVisit, uuid: str) -> Response:
    """One model: its card, its files, what was done with it."""
    with visit.pages.services.database.read() as session:
        found = find_model(session, visit.actor, uuid)
        name, identity = found.name, found.uuid
    return visit.pages.render(
        visit.request,
        "model.html",
        title=name,
        actor=visit.actor,
        module="shell/pages/model.js",
        bootstrap={"uuid": identity},
        model_name=name,
    )


@router.get("/profile")
def profile(visit: CurrentVisit) -> Response:
    """The person's own account."""
    return visit.pages.render(
        visit.request, "profile.html", title="Profile", actor=visit.actor, module="shell/pages/profile.js"
    )


@router.get("/teams")
def teams(visit: CurrentVisit) -> Response:
    """The teams that the person belongs to; for administrators all."""
    return visit.pages.render(
        visit.request, "teams.html", title="Teams", actor=visit.actor, module="shell/pages/teams.js"
    )


@router.get("/jobs")
def jobs(visit: CurrentVisit) -> Response:
    """Background work that the person may see."""
    return visit.pages.render(visit.request, "jobs.html", title="Jobs", actor=visit.actor, module="shell/pages/jobs.js")


@router.get("/admin")
def admin_start(visit: CurrentVisit) -> Response:  # noqa: ARG001 (asks for a login first)
    """The first section."""
    return RedirectResponse("/admin/users", 303)


@router.get("/admin/{section}")
def admin(visit: CurrentVisit, section: str) -> Response:
    """Users, teams, plugins, jobs, system: for administrators."""
    if not visit.actor.is_admin:
        raise Forbidden("Only administrators can open this page.")
    if section not in ADMIN_SECTIONS:
        raise NotFound(f"The administration has no page {section!r}.")
    title, _, lead = ADMIN_SECTIONS[section]
    sections = [
        NavigationItem(label, f"/admin/{name}", icon, name == section)
        for name, (label, icon, _) in ADMIN_SECTIONS.items()
    ]
    module = "shell/pages/teams.js" if section == "teams" else f"shell/pages/admin_{section}.js"
    return visit.pages.render(
        visit.request,
        "admin.html",
        title=title,
        actor=visit.actor,
        module=module,
        page=f"admin-{section}",
        bootstrap={"adds": what_plugins_add(visit.pages.services)} if section == "plugins" else None,
        sections=sections,
        lead=lead,
    )
