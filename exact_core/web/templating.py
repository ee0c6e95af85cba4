"""Pages from templates: the environment, and what every page carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from exact_core.storage.models import User
from exact_core.web.assets import Assets, AssetTree
from exact_core.web.csrf import csrf_token
from exact_core.web.icons import sprite
from exact_core.web.importmap import import_map, script_json
from exact_core.web.security import nonce_of

if TYPE_CHECKING:
    from exact_core.api.context import Actor
    from exact_core.kernel.records import PluginRecord
    from exact_core.services import Services

WEB = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A link of the application bar or of a side list."""

    label: str
    href: str
    icon: str
    is_current: bool = False


class Pages:
    """What makes pages: templates of the core and of plugins, and their static files."""

    def __init__(self, services: Services, *, dev: bool = False) -> None:
        self.services = services
        records = [record for record in services.kernel.records.values() if record.state.is_running]
        self.assets = read_assets(records, dev=dev)
        self.templates = _environment(records, self.assets, dev=dev)

    def render(
        self,
        request: Request,
        template: str,
        *,
        title: str,
        actor: Actor | None = None,
        status: int = 200,
        module: str = "",
        plugins: tuple[str, ...] = (),
        bootstrap: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """One page.

        Args:
            request: What is answered.
            template: File below ``templates``; a plugin's is ``<plugin>/<file>``.
            title: In the browser's tab and in the heading.
            actor: Who is logged in.
            status: HTTP status.
            module: The page's own module below ``static``.
            plugins: Names of the plugins whose modules the page may import.
            bootstrap: Start data for the page's module.
            values: For the template.
        """
        page = values.pop("page", "") or template.rsplit(".", 1)[0]
        start = {"page": page, "actor": self._actor_data(actor), **(bootstrap or {})}
        body = self.templates.get_template(template).render(
            title=title,
            page=page,
            actor=actor,
            initials=initials(actor),
            navigation=navigation(request, actor),
            csrf_token=csrf_token(request),
            nonce=nonce_of(request),
            import_map=Markup(script_json(import_map(self.assets, plugins))),  # noqa: S704 (escaped by script_json)
            bootstrap=Markup(script_json(start)),  # noqa: S704
            module=module,
            status=status,
            **values,
        )
        return HTMLResponse(body, status, headers={"Cache-Control": "no-store"})

    def _actor_data(self, actor: Actor | None) -> dict[str, Any] | None:
        if actor is None:
            return None
        with self.services.database.read() as session:
            user = session.get(User, actor.user_id)
            preferences = dict(user.preferences) if user else {}
        return {
            "id": actor.user_id,
            "name": actor.name,
            "display_name": actor.display_name,
            "is_admin": actor.is_admin,
            "theme": preferences.get("theme"),
            "preferences": preferences,
        }


def pages_of(request: Request) -> Pages:
    """The pages of the running instance."""
    pages = request.app.state.pages
    assert isinstance(pages, Pages)
    return pages


def read_assets(records: list[PluginRecord], *, dev: bool) -> Assets:
    """The static trees of the core and of the plugins that run."""
    plugins = {
        record.name: AssetTree(record.static_folder, f"/plugins/{record.name}/static", dev=dev)
        for record in records
        if record.static_folder is not None and record.static_folder.is_dir() and not record.is_builtin
    }
    return Assets(_core_tree(dev), plugins)


@cache
def _core_tree(dev: bool) -> AssetTree:
    """The core's files, which all applications of a process share."""
    static = WEB / "static"
    icons = {"icons.svg": sprite(static / "vendor" / "lucide-static")}
    return AssetTree(static, "/static", extra=icons, dev=dev)


def _environment(records: list[PluginRecord], assets: Assets, *, dev: bool) -> Environment:
    """Core templates first, so that no plugin can replace one; a plugin's are found below its name only."""
    folders = {
        record.name: record.static_folder.parent / "templates"
        for record in records
        if record.static_folder is not None and not record.is_builtin
    }
    found = {name: FileSystemLoader(folder) for name, folder in folders.items() if folder.is_dir()}
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(WEB / "templates"), PrefixLoader(found)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=dev,
    )
    environment.globals["asset"] = assets.core.url
    return environment


def initials(actor: Actor | None) -> str:
    """One or two letters that stand for a person."""
    words = (actor.display_name or actor.name).split() if actor else []
    if not words:
        return ""
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()


def navigation(request: Request, actor: Actor | None) -> list[NavigationItem]:
    """The main links for somebody."""
    if actor is None:
        return []
    path = request.url.path
    items = [
        NavigationItem("Image sets", "/", "images", path == "/" or path.startswith(("/image-sets", "/images"))),
        NavigationItem("Products", "/products", "shapes", path.startswith("/products")),
        NavigationItem("Models", "/models", "brain-circuit", path.startswith("/models")),
        NavigationItem("Teams", "/teams", "users", path.startswith("/teams")),
    ]
    if actor.is_admin:
        items.append(NavigationItem("Administration", "/admin", "settings", path.startswith("/admin")))
    return items
