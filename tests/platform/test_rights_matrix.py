"""Every operation of the live API, asked by everybody, about things that are theirs and things that are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.harness import Instance

from tests.platform.asking import ask
from tests.platform.rights_rules import RULES, Rule
from tests.platform.rights_world import HOLDERS, PEOPLE, PLUGIN, PLUGINS, Place, World
from tests.postgres import PostgresServer

_READS = {"GET", "HEAD"}
_INNER = ("image_id", "gold_id", "study_id", "split_id", "item_id", "search_id", "team_id", "media_id", "version_id")
_ENDS_SESSIONS = ("/api/v2/auth", "/api/v2/me")


@pytest.fixture(scope="module")
def elsewhere(world: World) -> Place:
    """A place of others, whom nobody here knows."""
    place = world.place(is_foreign=True)
    assert place.annotation
    assert place.upload
    return place


def own_numbers(rule: Rule, place: Place) -> dict[str, str]:
    return {**place.parameters(), **(rule.parameters(place) if rule.parameters else {})}


def without_numbers(text: str, numbers: Mapping[str, str]) -> str:
    """A body in which the numbers of the address stand no more, so that two bodies can be compared."""
    for number in numbers.values():
        text = re.sub(rf"(?<!\w){re.escape(number)}(?!\w)", "#", text)
    return text


def test_every_operation_of_the_live_api_has_an_expectation(world: World) -> None:
    document = world.instance._app.openapi()
    live = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert live - RULES.keys() == set(), "say in rights_rules.py who may do this"
    assert RULES.keys() - live == set(), "these are not in the API any more"


def test_every_route_is_in_the_document_or_a_page_or_a_file(world: World) -> None:
    """What the document does not list is tested here by name: nothing can hide from the matrix."""
    from fastapi.routing import iter_route_contexts

    document = world.instance._app.openapi()
    known = {
        "/", "/login", "/login/link", "/login/link/{token}", "/password", "/profile", "/teams", "/products", "/jobs",
        "/models", "/models/{uuid}",
        "/products/{product_id}", "/image-sets/{image_set_id}", "/image-sets/{image_set_id}/{tab}",
        "/image-sets/{image_set_id}/images/{image_id}", "/admin", "/admin/{section}", "/api/openapi.json",
        "/static/{digest}/{path:path}", "/plugins/{name}/static/{digest}/{path:path}", "/api/docs",
    }  # fmt: skip
    paths = {context.path for context in iter_route_contexts(world.instance._app.routes)}
    hidden = {path for path in paths if path is not None and path not in document["paths"]}
    assert hidden - known == set()


@pytest.mark.parametrize("operation", RULES)
def test_everybody_gets_what_they_may_and_a_reason_where_not(world: World, home: Place, operation: str) -> None:
    rule, (method, path) = RULES[operation], operation.split(" ")
    for person in PEOPLE:
        place = home if method in _READS else world.untouched_place(operation)
        client = world.new_client(person) if path.startswith(_ENDS_SESSIONS) else world.client(person)
        answer = ask(client, operation, rule, place)
        world.touched(place, answer)
        said = f"{person}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code in rule.expected(person, method, path), said
        if answer.status_code >= 400 and method != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json", said
            assert len(answer.json()["detail"]) > 10, said
    if path.startswith(_ENDS_SESSIONS):
        world.forget_clients()


@pytest.mark.parametrize("operation", [each for each in RULES if "{" in each])
def test_what_belongs_to_others_does_not_exist(world: World, home: Place, elsewhere: Place, operation: str) -> None:
    """404, and word for word what is said of things that nobody ever made."""
    rule, (method, path) = RULES[operation], operation.split(" ")
    if not rule.is_bound(path):
        return
    theirs = own_numbers(rule, elsewhere)
    changed = {name for name in theirs if f"{{{name}}}" in path and name not in {"name", "user_id"}}
    missing = theirs | {name: f"90000{theirs[name]}" for name in changed}
    for person in ("stranger", *HOLDERS[:-1], "read_only"):
        client = world.client(person)
        answer = ask(client, operation, rule, elsewhere)
        nothing = ask(client, operation, rule, elsewhere, missing)
        wanted = 404 if person != "read_only" or method in _READS else 403
        assert answer.status_code == wanted, f"{person}: {answer.status_code} {answer.text[:300]}"
        assert nothing.status_code == wanted, f"{person}: {nothing.status_code} {nothing.text[:300]}"
        assert without_numbers(answer.text, theirs) == without_numbers(nothing.text, missing), person
        compared = {"content-type", "cache-control", "www-authenticate", "etag"}
        for name in compared:
            assert answer.headers.get(name) == nothing.headers.get(name)


@pytest.mark.parametrize("operation", [each for each in RULES if each.count("_id}") > 1 and "/users/" not in each])
def test_a_thing_of_another_place_is_not_found_below_ones_own(
    world: World, home: Place, elsewhere: Place, operation: str
) -> None:
    rule = RULES[operation]
    second = world.untouched_place(operation)  # of the same people: they may see both, but one is not in the other
    inner = next(name for name in _INNER if f"{{{name}}}" in operation)
    for person in HOLDERS[:-1]:
        for inside in (elsewhere, second) if inner != "team_id" else (elsewhere,):
            answer = ask(world.client(person), operation, rule, home, {inner: own_numbers(rule, inside)[inner]})
            assert answer.status_code in {403, 404}, f"{person}: {answer.text[:300]}"
            if person in rule.holders:
                assert answer.status_code == 404, f"{person}: {answer.text[:300]}"


@pytest.mark.parametrize("number", ["0", "-1", str(2**31), str(2**63 - 1), str(2**63), str(10**30)])
def test_no_number_in_an_address_breaks_the_server(world: World, home: Place, number: str) -> None:
    broken = []
    for operation, rule in RULES.items():
        changed = {name: number for name in re.findall(r"{(\w+)}", operation) if name not in {"name", "key", "group"}}
        if not changed:
            continue
        for person in ("manager", "admin"):
            answer = ask(world.client(person), operation, rule, home, changed)
            if answer.status_code not in {403, 404, 422}:
                broken.append(f"{operation} {person}: {answer.status_code} {answer.text[:100]}")
    assert broken == []


def strange_queries(world: World, place: Place) -> list[str]:
    """Values in queries that a database cannot hold, and what failed because of them."""
    document = world.instance._app.openapi()
    broken = []
    for operation, rule in RULES.items():
        method, path = operation.split(" ")
        named = document["paths"][path][method.lower()].get("parameters", ())
        queries = [each["name"] for each in named if each["in"] == "query"]
        for name in queries if method == "GET" else ():
            for value in ("\0", "a\0b", str(10**30), "-1", "\ud800".encode("utf-8", "surrogatepass"), "%", "W10"):
                changed = Rule(rule.holders, query={**rule.query, name: value}, parameters=rule.parameters)
                answer = ask(world.client("admin"), operation, changed, place)
                if answer.status_code >= 500:
                    broken.append(f"{operation} {name}={value!r}: {answer.status_code}")
    return broken


def test_no_value_in_a_query_breaks_the_server(world: World, home: Place) -> None:
    assert strange_queries(world, home) == []


def test_lists_show_nothing_of_other_places(world: World, home: Place, elsewhere: Place) -> None:
    with world.services.database.read() as session:
        from exact_core.storage.models import Image, ImageSet, Product, Team

        names = {
            session.get_one(Image, elsewhere.image).name,
            session.get_one(ImageSet, elsewhere.image_set).name,
            session.get_one(Product, elsewhere.product).name,
            session.get_one(Team, elsewhere.team).name,
            session.get_one(Team, elsewhere.guests).name,
        }
    lists = [each.split(" ")[1] for each in RULES if each.startswith("GET /api/v2") and "{" not in each]
    queries: tuple[dict[str, Any], ...] = (
        {}, {"q": "zebra"}, {"image_set_id": elsewhere.image_set}, {"team": elsewhere.team},
        {"team_id": elsewhere.team}, {"image_id": elsewhere.image}, {"deleted": "true"},
    )  # fmt: skip
    for person in ("stranger", *HOLDERS[:-1], "read_only"):
        for address in lists:
            for query in queries:
                text = world.client(person).get(address, params={"limit": 100, **query}).text
                shown = {name for name in names if f'"{name}"' in text}
                assert not shown, f"{person} reads {shown} at {address} {query}"
                assert f'"image_set_id":{elsewhere.image_set},' not in text.replace(" ", "")


def test_bodies_cannot_reach_into_other_places(world: World, elsewhere: Place) -> None:
    """References in bodies: refused as if there were nothing, and nothing happens."""
    for person in ("manager", "lead"):
        place, client = world.place(), world.client(person)
        home, other = place.parameters(), elsewhere.parameters()
        shape = place.shape()
        shape["operations"][0]["type_id"] = elsewhere.type  # type: ignore[index]
        absent = {**shape, "operations": [{**shape["operations"][0], "type_id": 900_001}]}  # type: ignore[index]
        change = {"op": "delete", "id": int(elsewhere.annotation)}
        pairs: list[tuple[str, str, Any, Any]] = [
            ("POST", f"/api/v2/images/{place.image}/annotation-changes", shape, absent),
            ("POST", f"/api/v2/images/{place.image}/annotation-changes", {"operations": [change]},
             {"operations": [{**change, "id": 900_002}]}),
            ("PUT", f"/api/v2/image-sets/{place.image_set}/products", {"product_ids": [elsewhere.product]},
             {"product_ids": [900_003]}),
            ("PUT", f"/api/v2/products/{place.product}/order", {"type_ids": [elsewhere.type]},
             {"type_ids": [900_004]}),
            ("PATCH", f"/api/v2/image-sets/{place.image_set}", {"team_id": elsewhere.team}, {"team_id": 900_005}),
            ("POST", "/api/v2/products", {"team_id": elsewhere.team, "name": "x"}, {"team_id": 900_006, "name": "x"}),
            ("POST", "/api/v2/image-sets", {"team_id": elsewhere.team, "name": "x"}, {"team_id": 900_007, "name": "x"}),
            ("POST", f"/api/v2/products/{place.product}/copy", {"team_id": elsewhere.team, "name": "x"},
             {"team_id": 900_008, "name": "x"}),
        ]  # fmt: skip
        for action in ("delete", "restore", "tag", "untag", "pin", "unpin", "read_again"):
            body = {"action": action, "image_ids": [place.image, elsewhere.image], "tags": ["x"]}
            address = f"/api/v2/image-sets/{place.image_set}/image-actions"
            pairs.append(("POST", address, body, {**body, "image_ids": [place.image, 900_009]}))
        for method, address, theirs, nothing in pairs:
            answer, void = client.request(method, address, json=theirs), client.request(method, address, json=nothing)
            assert answer.status_code in {403, 404, 422}, f"{person} {address} {theirs}: {answer.text}"
            assert answer.status_code == void.status_code, f"{person} {address} {theirs}: {answer.text} / {void.text}"
            said = re.sub(r"\d+", "#", answer.text)
            assert said == re.sub(r"\d+", "#", void.text), f"{person} {address}"
        assert other != home
    assert world.client("owner").get(f"/api/v2/images/{elsewhere.image}").json()["tags"] == []
    assert not world.client("owner").get(f"/api/v2/annotations/{elsewhere.annotation}").json()["deleted"]


def test_an_answer_that_is_kept_for_repeats_is_not_given_to_who_lost_the_right(world: World) -> None:
    place = world.place()
    key = {"Idempotency-Key": f"again-{place.image}"}
    body = place.shape()
    address = f"/api/v2/images/{place.image}/annotation-changes"
    assert world.client("annotator").post(address, json=body, headers=key).status_code == 200
    member = f"/api/v2/image-sets/{place.image_set}/members/users/{world.users['annotator']}"
    assert world.client("lead").delete(member).status_code == 204
    assert world.client("annotator").post(address, json=body, headers=key).status_code == 404


def test_who_left_a_place_sees_no_job_of_it_any_more(world: World) -> None:
    place = world.place()
    manager = world.client("manager")
    assert manager.post(f"/api/v2/images/{place.image}/read-again").status_code == 200
    own = manager.get("/api/v2/jobs", params={"image_set_id": place.image_set}).json()["items"]
    member = f"/api/v2/image-sets/{place.image_set}/members/users/{world.users['manager']}"
    assert world.client("lead").delete(member).status_code == 204
    assert manager.get("/api/v2/jobs", params={"image_set_id": place.image_set}).json()["items"] == []
    for job in own:
        assert manager.get(f"/api/v2/jobs/{job['id']}").status_code == 404
        assert manager.post(f"/api/v2/jobs/{job['id']}/cancel").status_code == 404
        assert manager.post(f"/api/v2/jobs/{job['id']}/retry").status_code == 404


def test_numbers_of_products_count_what_one_may_see(world: World) -> None:
    """A product that another team uses too: how much they do with it is theirs to know."""
    place, other = world.place(), world.place(is_foreign=True)
    boss = world.client("admin")
    shared = {"product_ids": [place.product, other.product]}
    assert boss.put(f"/api/v2/image-sets/{other.image_set}/products", json=shared).status_code == 200
    drawn = {**other.shape()}
    drawn["operations"][0]["type_id"] = place.type  # type: ignore[index]
    answer = world.client("drawer").post(f"/api/v2/images/{other.image}/annotation-changes", json=drawn)
    assert answer.status_code == 200, answer.text
    lead = world.client("lead")
    assert lead.get(f"/api/v2/products/{place.product}").json()["image_set_count"] == 1
    usage = lead.get(f"/api/v2/products/{place.product}/usage").json()["items"]
    assert usage == [{"type_id": place.type, "annotations": 0, "image_sets": 0}]
    assert boss.get(f"/api/v2/products/{place.product}/usage").json()["items"][0]["annotations"] == 1


_PIXELS = (
    "/api/v2/images/{image}/tiles/0.0.rgb/0/0_0",
    "/api/v2/images/{image}/tiles/0.0.rgb/1/0_0",
    "/api/v2/images/{image}/tiles/0.0.0/0/1_1",
    "/api/v2/images/{image}/thumbnail",
    "/api/v2/images/{image}/slide-information",
)


@pytest.mark.parametrize("address", _PIXELS)
def test_pixels_are_for_those_who_may_view(world: World, home: Place, elsewhere: Place, address: str) -> None:
    for person in PEOPLE:
        client = world.client(person)
        own = client.get(address.format(image=home.image))
        wanted = {"nobody": 401, "stranger": 404}.get(person, 200)
        assert own.status_code == wanted, f"{person}: {own.text[:200]}"
        if person in {"nobody", "admin"}:
            continue
        etag = world.client("admin").get(address.format(image=elsewhere.image)).headers.get("etag", '"x"')
        for headers in ({}, {"If-None-Match": etag}, {"If-None-Match": "*"}):
            theirs = client.get(address.format(image=elsewhere.image), headers=headers)
            void = client.get(address.format(image=900_010), headers=headers)
            assert theirs.status_code == void.status_code == 404
            assert theirs.text.replace(str(elsewhere.image), "#") == void.text.replace("900010", "#")


def test_a_tile_needs_a_session_of_this_instance(world: World, home: Place) -> None:
    address = _PIXELS[0].format(image=home.image)
    nobody = world.client("nobody")
    for headers in (
        {"Cookie": "exact_session=made-up"},
        {"Cookie": "exact_session=a.b; exact_session="},
        {"Authorization": "Bearer exact_00000000_" + "a" * 43},
        {"Authorization": "Basic YTpi"},
    ):
        assert nobody.get(address, headers=headers).status_code == 401
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert world.client("viewer").request(method, address).status_code == 405


def test_a_tile_by_cookie_is_not_given_to_a_page_of_a_foreign_name(world: World, home: Place) -> None:
    """The browser binds the cookie to our name; a request that has both is no browser's."""
    for host in ("evil.example", "127.0.0.1.evil.example"):
        answer = world.client("viewer").get(_PIXELS[0].format(image=home.image), headers={"Host": host})
        assert answer.status_code == 403


_PAGES = (
    "/image-sets/{image_set}",
    "/image-sets/{image_set}/members",
    "/image-sets/{image_set}/images/{image}",
    "/products/{product}",
)


@pytest.mark.parametrize("address", _PAGES)
def test_pages_of_a_place_are_for_those_who_may_view(world: World, home: Place, elsewhere: Place, address: str) -> None:
    def filled(place: Place, **other: int) -> str:
        values = {"image_set": place.image_set, "image": place.image, "product": place.product, **other}
        return address.format(**values)

    html = {"Accept": "text/html"}
    for person in PEOPLE:
        client = world.client(person)
        own = client.get(filled(home), headers=html)
        wanted = {"nobody": 303, "stranger": 404}.get(person, 200)
        if person == "read_only":
            continue
        assert own.status_code == wanted, person
        if person in {"nobody", "admin"}:
            continue
        theirs = client.get(filled(elsewhere), headers=html)
        void = client.get(filled(elsewhere, image_set=900_011, image=900_011, product=900_011), headers=html)
        assert theirs.status_code == void.status_code == 404
        assert _plain(theirs.text) == _plain(void.text)
        assert "zebra" not in theirs.text
    mixed = f"/image-sets/{home.image_set}/images/{elsewhere.image}"
    assert world.client("manager").get(mixed, headers=html).status_code == 404


def _plain(page: str) -> str:
    """A page without what differs with every request: nonces and numbers."""
    return re.sub(r"\d+", "#", re.sub(r'nonce="[^"]*"', "", page))


@pytest.mark.parametrize("section", ["users", "teams", "plugins", "jobs", "system"])
def test_pages_of_the_administration_are_for_administrators(world: World, section: str) -> None:
    html = {"Accept": "text/html"}
    for person in PEOPLE:
        if person == "read_only":
            continue
        answer = world.client(person).get(f"/admin/{section}", headers=html)
        assert answer.status_code == {"nobody": 303, "admin": 200}.get(person, 403), person


def test_files_of_plugins_come_only_from_their_static_folder(world: World) -> None:
    tree = world.instance._app.state.pages.assets.plugin(PLUGIN)
    nobody = world.client("nobody")
    assert nobody.get(tree.url("index.js")).status_code == 200  # code is no secret; what it asks for is
    for path in (
        "../plugin.py",
        "..%2fplugin.py",
        "%2e%2e/plugin.py",
        "plugin.py",
        "../../../etc/passwd",
        "/etc/passwd",
    ):
        assert nobody.get(tree.base + path, follow_redirects=True).status_code == 404
    assert nobody.get("/plugins/../static/x/index.js", follow_redirects=True).status_code == 404


def test_a_plugin_that_is_off_has_no_routes_in_the_set(world: World) -> None:
    place = world.place()
    address = f"/api/v2/image-sets/{place.image_set}/plugins/{PLUGIN}/images/{place.image}/score"
    viewer = world.client("viewer")
    assert viewer.get(address).status_code == 200
    off = world.client("manager").put(f"/api/v2/image-sets/{place.image_set}/plugins/{PLUGIN}", json={"enabled": False})
    assert off.status_code == 200
    assert viewer.get(address).status_code == 404
    assert world.client("admin").get(address).status_code == 404


@pytest.mark.postgres
def test_the_other_database_decides_alike(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """A smaller matrix: what is decided in SQL, and numbers that its columns cannot hold."""
    wrong = []
    with postgres_server.temporary() as name:
        url = postgres_server.url_of(name)
        with Instance(tmp_path / "data", PLUGINS, database_url=url) as instance:
            world = World(instance, tmp_path)
            home, elsewhere = world.place(), world.place(is_foreign=True)
            for operation, rule in RULES.items():
                method, path = operation.split(" ")
                if path.startswith(_ENDS_SESSIONS):
                    continue
                for person in ("nobody", "stranger", "viewer", "manager"):
                    place = home if method in _READS else world.untouched_place(operation)
                    answer = ask(world.client(person), operation, rule, place)
                    world.touched(place, answer)
                    if answer.status_code not in rule.expected(person, method, path):
                        wrong.append(f"{operation} {person}: {answer.status_code} {answer.text[:100]}")
                if rule.is_bound(path) and "{" in path:
                    answer = ask(world.client("manager"), operation, rule, elsewhere)
                    if answer.status_code != 404:
                        wrong.append(f"{operation} elsewhere: {answer.status_code} {answer.text[:100]}")
                for number in (str(2**31), str(2**63), str(10**30)):
                    names = re.findall(r"{(\w+_id)}", path)
                    answer = ask(world.client("admin"), operation, rule, home, dict.fromkeys(names, number))
                    if names and answer.status_code not in {403, 404, 422}:
                        wrong.append(f"{operation} {number}: {answer.status_code} {answer.text[:100]}")
            wrong += strange_queries(world, home)
    assert wrong == []
