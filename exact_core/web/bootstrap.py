"""Start data of pages: what a person may do in an image set, and the browser side of the plugins that are on there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_core.auth.rights import Right
from exact_core.kernel.activation import settings_json

if TYPE_CHECKING:
    from exact_core.api.context import Actor
    from exact_core.services import Services
    from exact_core.web.assets import Assets


def rights_in(services: Services, actor: Actor, image_set_id: int) -> dict[str, bool]:
    """Every right of the core and of the set's plugins, and whether the person has it: for showing only."""
    enabled = services.kernel.activation.enabled(image_set_id)
    names = [str(right) for right in Right]
    names += [permission.name for plugin, permission in services.kernel.index.permissions() if plugin in enabled]
    return {name: services.snapshot.can(actor, name, image_set_id) for name in names}


def what_plugins_add(services: Services) -> dict[str, list[str]]:
    """What each running plugin contributes, in words, for administrators."""
    index = services.kernel.index
    added: dict[str, list[str]] = {}

    def say(plugin: str, words: str) -> None:
        added.setdefault(plugin, []).append(words)

    for plugin, frontend in index.frontends():
        for panel in frontend.panels:
            say(plugin, f"Panel: {panel.title}")
        for tool in frontend.tools:
            say(plugin, f"Tool: {tool.title}")
        if not frontend.panels and not frontend.tools:
            say(plugin, "Browser module")
    for plugin, router in index.routers():
        number = len(router.router.routes)
        say(plugin, f"{number} API {'address' if number == 1 else 'addresses'}")
    for plugin, schema in index.schemas():
        say(plugin, f"Tables: {', '.join(sorted(schema.metadata.tables)) or 'none'}")
    for plugin, permission in index.permissions():
        say(plugin, f"Right: {permission.title}")
    for plugin, job_type in index.job_types():
        say(plugin, f"Job: {job_type.title}")
    for plugin, field in index.search_fields():
        say(plugin, f"Search field: {field.name}")
    return added


def enabled_frontends(services: Services, assets: Assets, image_set_id: int) -> list[dict[str, Any]]:
    """What the page needs to load each plugin that is on in an image set, in order of name."""
    activation = services.kernel.activation.of(image_set_id)
    entries = []
    for plugin, frontend in services.kernel.index.frontends():
        if plugin not in activation.enabled or plugin not in assets.plugins:
            continue
        tree, record = assets.plugins[plugin], services.kernel.records[plugin]
        entries.append(
            {
                "name": plugin,
                "title": record.title,
                "version": record.version,
                "settings": settings_json(activation.settings.get(plugin)),
                "entry": tree.url(frontend.entry),
                "styles": [tree.url(style) for style in frontend.styles],
                "panels": [
                    {"id": panel.id, "title": panel.title, "slot": str(panel.slot), "order": panel.order}
                    for panel in frontend.panels
                ],
                "tools": [
                    {
                        "id": tool.id,
                        "title": tool.title,
                        "icon": tree.url(tool.icon) if tool.icon else "",
                        "key": tool.key,
                    }
                    for tool in frontend.tools
                ],
            }
        )
    return sorted(entries, key=lambda entry: entry["name"])
