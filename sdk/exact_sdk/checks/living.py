"""How a plugin behaves in a running instance: who reaches its routes, switching it, its settings, taking it away."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exact_core.kernel.dispatch import call_alone
from exact_sdk.checks.routes import rights_asked_by
from exact_sdk.harness import Instance
from exact_sdk.problems import Problem
from exact_sdk.sample import sample_body
from exact_sdk.world import Address, World

if TYPE_CHECKING:
    from exact_core.api import Role

_SAFE = ("GET", "HEAD", "OPTIONS")


def its_routes_need_a_login(world: World) -> Iterator[Problem]:
    """Nobody who is not logged in learns anything: 401."""
    nobody = world.app.anonymous()
    for address in world.addresses():
        yield from _wanted(world, address, _asked(nobody, address), (401,), "without a login")


def its_routes_are_hidden_from_strangers(world: World) -> Iterator[Problem]:
    """Who is no member of the image set does not learn that it exists: 404."""
    stranger = world.app.as_user()
    for address in world.addresses():
        if address.is_of_set:
            yield from _wanted(world, address, _asked(stranger, address), (404,), "for people outside of the set")


def its_routes_change_nothing_for_readers(world: World) -> Iterator[Problem]:
    """A token that may only read cannot change anything: 403."""
    reader = world.app.as_user("manager", world.image_set, scopes=("read",))
    for address in world.addresses():
        if address.method not in _SAFE:
            yield from _wanted(world, address, _asked(reader, address), (403,), "for a token that only reads")


def its_rights_are_enforced(world: World) -> Iterator[Problem]:
    """Rights of its own are held by the roles that it names, and routes stop those who lack what they require."""
    from exact_core.api import Role

    contributions = world.subject.contributions
    order = list(Role)
    people = {role: world.app.as_user(role.value, world.image_set) for role in order}
    held = {role: _page_data(world, client).get("rights", {}) for role, client in people.items()}
    yield from _rights_that_routes_do_not_keep(world, people, held)
    for permission in contributions.permissions if contributions else ():
        lowest = min((order.index(role) for role in permission.granted_to), default=len(order))
        for role, rights in held.items():
            if rights.get(permission.name, False) != (order.index(role) >= lowest):
                yield Problem(
                    f"the right {permission.name!r} is {'not ' if order.index(role) >= lowest else ''}held by a {role}",
                    world.subject.place_of_text(permission.name),
                )


def _rights_that_routes_do_not_keep(
    world: World, people: Mapping[Role, Any], held: Mapping[Role, Mapping[str, bool]]
) -> Iterator[Problem]:
    """Ask each route that requires a right as the highest role without it; it must not be answered."""
    for address in world.addresses():
        for right in rights_asked_by(address.route.endpoint) if address.is_of_set else ():
            without = [role for role, rights in held.items() if not rights.get(right, False)]
            if not without:
                continue
            body = sample_body(address.route)
            status = people[without[-1]].request(address.method, address.url, json=body).status_code
            if status < 400 or status >= 500:
                yield _problem(world, address, f"answers {status} to a {without[-1]}, who lacks the right {right!r}")


def its_routes_are_gone_where_it_is_off(world: World) -> Iterator[Problem]:
    """Where the plugin is off its routes answer 404, and come back with it."""
    if world.switch(enabled=False) != 200:
        yield Problem("it cannot be switched off", world.subject.place_of_hook("exact_activation_changing"))
        return
    for address in world.addresses():
        if address.is_of_set:
            yield from _wanted(world, address, _asked(world.client, address), (404,), "where the plugin is off")
    if world.switch(enabled=True) != 200:
        yield Problem("it cannot be switched on again", world.subject.place_of_hook("exact_activation_changing"))


def its_routes_answer_an_empty_image(world: World) -> Iterator[Problem]:
    """What can be asked for without a value is answered for an image with hardly anything, and never by a 500."""
    for address in world.addresses():
        if address.method in _SAFE:
            status = _asked(world.client, address)
            if status >= 500:
                yield _problem(world, address, f"answers {status}{_latest_fault(world)}")


def switching_it_keeps_its_settings(world: World) -> Iterator[Problem]:
    """Settings are stored, read back the same, kept while it is off, and refused when they are wrong."""
    contributions = world.subject.contributions
    model = contributions.info.settings if contributions else None
    if model is None:
        return
    url = f"/api/v2/image-sets/{world.image_set}/plugins/{world.subject.name}"
    wanted = model().model_dump(mode="json")
    stored = world.client.put(url, json={"settings": wanted})
    if stored.status_code != 200 or stored.json()["settings"] != wanted:
        yield Problem("its default settings are not stored as they are", world.subject.place_of_hook(""))
    world.switch(enabled=False)
    world.switch(enabled=True)
    rows = world.client.get(f"/api/v2/image-sets/{world.image_set}/plugins").json()
    row = next(each for each in rows if each["name"] == world.subject.name)
    if row["settings"] != wanted or not row["is_running"]:
        yield Problem(f"after it was off and on again: {row['problem'] or 'other settings'}", "")
    refused = world.client.put(url, json={"settings": {**wanted, "no_such_setting_": 1}})
    if refused.status_code != 422:
        yield Problem("a misspelt setting is accepted", "", 'Write: model_config = ConfigDict(extra="forbid")')


def its_browser_files_are_served(world: World) -> Iterator[Problem]:
    """The viewer's page names its module, styles and icons, and the server sends each."""
    contributions = world.subject.contributions
    if contributions is None or contributions.frontend is None:
        return
    data = _page_data(world, world.client)
    entry = next((each for each in data.get("plugins", ()) if each["name"] == world.subject.name), None)
    if entry is None:
        yield Problem("the viewer's page does not load its browser module", world.subject.place_of_hook(""))
        return
    for url in (entry["entry"], *entry["styles"], *(tool["icon"] for tool in entry["tools"] if tool["icon"])):
        answer = world.client.get(url)
        if answer.status_code != 200 or "immutable" not in answer.headers.get("cache-control", ""):
            yield Problem(f"{url} is answered with {answer.status_code}", world.subject.place_of_hook("exact_frontend"))


def its_answers_are_named_after_it(world: World) -> Iterator[Problem]:
    """Statistics and overlays of an image start with its name."""
    for what in ("statistics", "overlays"):
        answer = world.client.get(f"/api/v2/images/{world.image}/{what}")
        for each in answer.json() if answer.status_code == 200 else ():
            owner = each.get("plugin", world.subject.name)
            if owner == world.subject.name and not each["id"].startswith(f"{world.subject.name}."):
                yield Problem(
                    f"exact_{what}: the id {each['id']!r} does not start with '{world.subject.name}.'",
                    world.subject.place_of_hook(f"exact_{what}"),
                )


def drawing_goes_on_beside_it(world: World) -> Iterator[Problem]:
    """With the plugin on people draw, take back and draw again."""
    world.app.annotate(world.image, "Cell", point=(500, 500))
    undone = world.client.post(f"/api/v2/images/{world.image}/undo")
    if undone.status_code != 200:
        yield Problem(f"a shape cannot be taken back: {undone.text[:200]}", "")
    world.app.annotate(world.image, "Cell", point=(510, 510))


def nothing_it_did_failed(world: World) -> Iterator[Problem]:
    """No hook, route or job of the plugin has failed meanwhile."""
    for fault in world.app.faults.recent(world.subject.name):
        lines = re.findall(r'File "([^"]+)", line (\d+)', fault.traceback)
        own = [f"{file}:{line}" for file, line in lines if str(world.subject.folder) in file]
        yield Problem(f"{fault.place} failed: {fault.message}", own[-1] if own else "")


def taking_it_away_leaves_the_core_whole(world: World) -> Iterator[Problem]:
    """Without the plugin the same data are served, images are deleted, and the core's tables are as they were."""
    from sqlalchemy import text

    from exact_core.storage import migrate
    from exact_core.storage.models import Image

    folder = world.folder / "without"
    folder.mkdir(exist_ok=True)
    copy = folder / "exact.sqlite3"
    with world.app.services.database.engine.connect() as connection:
        connection.execute(text("COMMIT"))
        connection.execute(text("VACUUM INTO :path"), {"path": str(copy)})
        connection.execute(text("BEGIN"))
    with Instance(folder, administrator="remover") as core:
        if core.client.get("/healthz").status_code != 200:
            yield Problem("without the plugin the server is not healthy on its data")
        for difference in migrate.check(core.services.database)["core"]:
            yield Problem(f"without the plugin the core's tables differ: {difference}", "", "A plugin owns its tables.")
        core.annotate(core.image(world.image_set), "Cell", point=(1, 1))
        if core.client.get(f"/api/v2/images/{world.image}/annotations").status_code != 200:
            yield Problem("without the plugin the annotations of its image set cannot be read")

        def delete_the_image() -> None:
            with core.services.database.write() as session:
                session.delete(session.get(Image, world.image))

        _, error = call_alone(delete_the_image)
        if error is not None:
            yield Problem(
                f"without the plugin an image with its rows cannot be deleted: {error}",
                world.subject.place_of_hook("exact_schema"),
                'Write ondelete="CASCADE" in its foreign keys, in the models and in the migrations.',
            )
    shutil.rmtree(folder)


def _asked(client: Any, address: Address) -> int:
    body: dict[str, Any] = {} if address.method in _SAFE or address.method == "DELETE" else {"json": {}}
    return int(client.request(address.method, address.url, follow_redirects=False, **body).status_code)


def _wanted(world: World, address: Address, status: int, allowed: tuple[int, ...], when: str) -> Iterator[Problem]:
    if status not in allowed:
        expected = " or ".join(map(str, allowed))
        yield _problem(world, address, f"answers {status} {when}, not {expected}")


def _problem(world: World, address: Address, message: str) -> Problem:
    from exact_core.kernel.places import place_of_function

    path = address.url.partition(f"/plugins/{world.subject.name}")[2]
    return Problem(f"{address.method} {path} {message}", place_of_function(address.route.endpoint))


def _latest_fault(world: World) -> str:
    faults = world.app.faults.recent(world.subject.name)
    return f" ({faults[0].message})" if faults else ""


def _page_data(world: World, client: Any) -> dict[str, Any]:
    page = client.get(f"/image-sets/{world.image_set}/images/{world.image}", headers={"Accept": "text/html"})
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page.text, re.DOTALL)
    data: dict[str, Any] = json.loads(found[1]) if page.status_code == 200 and found else {}
    return data
