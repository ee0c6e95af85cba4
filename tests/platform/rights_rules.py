"""What every operation of the API needs: written down by hand, one line each, so that a new one must be thought of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.platform.rights_world import HOLDERS, PLUGIN, Place

EVERYBODY = ("stranger", *HOLDERS)
VIEW = HOLDERS
ANNOTATE = HOLDERS[1:]
MANAGE = HOLDERS[3:]
LEAD = HOLDERS[4:]
ADMIN = ("admin",)
NO_ONE: tuple[str, ...] = ()

_BOUND = frozenset(
    {"image_set_id", "image_id", "annotation_id", "product_id", "type_id", "job_id", "team_id", "key", "group"}
)
"""Parts of addresses that name something which belongs to a place."""


@dataclass(frozen=True)
class Rule:
    """Who may do an operation, how it is asked, and what those are told who may not."""

    holders: tuple[str, ...]
    body: Callable[[Place], Any] | None = None
    headers: Callable[[Place], Mapping[str, str]] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] | None = None
    parameters: Callable[[Place], Mapping[str, str]] | None = None
    done: tuple[int, ...] = (200, 201, 204)
    denied: int = 403  # for those who see the place but lack the right
    others: Mapping[str, int] = field(default_factory=dict)
    is_public: bool = False
    names_a_place: bool = False  # in its body or headers, as no part of the address does

    def is_bound(self, path: str) -> bool:
        """Whether the operation is about something that belongs to a place."""
        return self.names_a_place or any(f"{{{name}}}" in path for name in _BOUND)

    def expected(self, person: str, method: str, path: str) -> tuple[int, ...]:
        """The statuses that are right for somebody at a place of theirs."""
        if self.is_public:
            return self.done
        if person == "nobody":
            return (401,)
        if person in self.others:
            return (self.others[person],)
        if person == "read_only":
            return self.expected("manager", method, path) if method in {"GET", "HEAD"} else (403,)
        if person in self.holders:
            return self.done
        return (404,) if person == "stranger" and self.is_bound(path) else (self.denied,)


def public(*done: int, **more: Any) -> Rule:
    """For people who are not logged in too."""
    return Rule(EVERYBODY, is_public=True, done=done, **more)


def admins(**more: Any) -> Rule:
    return Rule(ADMIN, **more)


_BOX = {"x0": 0, "y0": 0, "x1": 100, "y1": 100}
_EIPH = f"/api/v2/image-sets/{{image_set_id}}/plugins/{PLUGIN}/images/{{image_id}}"
_TO_PATCH = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", "Tus-Resumable": "1.0.0"}
_TYPE = {"name": "New", "shapes": ["box"]}


def _of_upload(place: Place) -> dict[str, str]:
    return {"key": place.upload}


def _of_annotation(place: Place) -> dict[str, str]:
    return {"annotation_id": place.annotation}


def _of_guests(place: Place) -> dict[str, str]:
    return {"team_id": str(place.guests)}


def _of_victim(place: Place) -> dict[str, str]:
    return {"user_id": str(place.world.users["victim"])}


def _of_plugin(_place: Place) -> dict[str, str]:
    return {"name": PLUGIN}


def _own_session(place: Place) -> dict[str, Any]:
    return {"what": "session", "revision": int(place.drawn_at)}


def say(**values: Any) -> Callable[[Place], Any]:
    """A body that is the same everywhere."""
    return lambda _place: values


RULES: dict[str, Rule] = {
    "GET /healthz": public(200),
    "GET /readyz": public(200, 503),
    # The account itself
    "POST /api/v2/auth/login": public(401, 429, body=say(name="x", password="y")),
    "POST /api/v2/auth/login-link": public(401, 429, body=say(token="x")),
    "POST /api/v2/auth/logout": public(204),
    "GET /api/v2/me": Rule(EVERYBODY),
    "PATCH /api/v2/me": Rule(EVERYBODY, body=say(preferences={"a": 1})),
    "PUT /api/v2/me/password": Rule(EVERYBODY, body=say(new_password="four words in a row")),
    "GET /api/v2/me/tokens": Rule(EVERYBODY),
    "POST /api/v2/me/tokens": Rule(EVERYBODY, body=say(name="t", scopes=["read"])),
    "DELETE /api/v2/me/tokens/{token_id}": Rule(NO_ONE, denied=404),
    "GET /api/v2/me/sessions": Rule(EVERYBODY),
    "DELETE /api/v2/me/sessions": Rule(EVERYBODY),
    "DELETE /api/v2/me/sessions/{session_id}": Rule(NO_ONE, denied=404),
    # People and teams
    "GET /api/v2/users": Rule(EVERYBODY),
    "POST /api/v2/users": admins(body=lambda place: {"name": f"new{place.image}"}),
    "GET /api/v2/users/{user_id}": Rule(EVERYBODY),
    "PATCH /api/v2/users/{user_id}": admins(body=say(is_active=False)),
    "POST /api/v2/users/{user_id}/login-link": admins(),
    "DELETE /api/v2/users/{user_id}/sessions": admins(),
    "GET /api/v2/teams": Rule(EVERYBODY),
    "POST /api/v2/teams": admins(body=lambda place: {"name": f"new {place.image}"}),
    "GET /api/v2/teams/{team_id}": Rule(LEAD, denied=404),
    "PATCH /api/v2/teams/{team_id}": Rule(LEAD, denied=404, body=say(description="new")),
    "DELETE /api/v2/teams/{team_id}": Rule(ADMIN, denied=404, done=(409,), others={"lead": 403}),
    "GET /api/v2/teams/{team_id}/members": Rule(LEAD, denied=404),
    "PUT /api/v2/teams/{team_id}/members/{user_id}": Rule(LEAD, denied=404, body=say(is_lead=True)),
    "DELETE /api/v2/teams/{team_id}/members/{user_id}": Rule(LEAD, denied=404, parameters=_of_victim),
    # Image sets
    "GET /api/v2/image-sets": Rule(EVERYBODY),
    "POST /api/v2/image-sets": Rule(
        LEAD, denied=404, names_a_place=True, body=lambda place: {"team_id": place.team, "name": f"new {place.image}"}
    ),
    "GET /api/v2/image-sets/{image_set_id}": Rule(VIEW),
    "PATCH /api/v2/image-sets/{image_set_id}": Rule(MANAGE, body=say(description="new")),
    "DELETE /api/v2/image-sets/{image_set_id}": Rule(MANAGE),
    "POST /api/v2/image-sets/{image_set_id}/restore": Rule(MANAGE, done=(409,)),
    "PUT /api/v2/image-sets/{image_set_id}/tags": Rule(MANAGE, body=say(tags=["x"])),
    "PUT /api/v2/image-sets/{image_set_id}/pin": Rule(VIEW),
    "DELETE /api/v2/image-sets/{image_set_id}/pin": Rule(VIEW),
    "GET /api/v2/image-set-tags": Rule(EVERYBODY),
    "GET /api/v2/image-sets/{image_set_id}/members": Rule(VIEW),
    "PUT /api/v2/image-sets/{image_set_id}/members/users/{user_id}": Rule(MANAGE, body=say(role="annotator")),
    "DELETE /api/v2/image-sets/{image_set_id}/members/users/{user_id}": Rule(MANAGE),
    "PUT /api/v2/image-sets/{image_set_id}/members/teams/{team_id}": Rule(
        LEAD,
        body=say(role="viewer"),
        others={"manager": 404},  # who is in no team cannot name one
    ),
    "DELETE /api/v2/image-sets/{image_set_id}/members/teams/{team_id}": Rule(MANAGE, parameters=_of_guests),
    "GET /api/v2/image-sets/{image_set_id}/rights": Rule(VIEW),
    # Images
    "GET /api/v2/image-sets/{image_set_id}/images": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/image-tags": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/image-actions": Rule(
        MANAGE, body=lambda place: {"action": "tag", "image_ids": [place.image], "tags": ["x"]}
    ),
    "GET /api/v2/images/{image_id}": Rule(VIEW),
    "PATCH /api/v2/images/{image_id}": Rule(MANAGE, body=say(description="new")),
    "DELETE /api/v2/images/{image_id}": Rule(MANAGE),
    "POST /api/v2/images/{image_id}/restore": Rule(MANAGE),
    "POST /api/v2/images/{image_id}/read-again": Rule(MANAGE),
    "PUT /api/v2/images/{image_id}/pin": Rule(VIEW),
    "DELETE /api/v2/images/{image_id}/pin": Rule(VIEW),
    "GET /api/v2/images/{image_id}/neighbours": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/images/{image_id}/strip": Rule(VIEW),
    "GET /api/v2/images/{image_id}/slide-information": Rule(VIEW),
    "GET /api/v2/images/{image_id}/thumbnail": Rule(VIEW),
    "GET /api/v2/images/{image_id}/associated/{name}": Rule(MANAGE, done=(422,)),  # the file has no label to show
    # Uploads
    "OPTIONS /api/v2/uploads": public(204),
    "POST /api/v2/uploads": Rule(MANAGE, names_a_place=True, headers=Place.upload_headers),
    "GET /api/v2/uploads": Rule(EVERYBODY),
    "HEAD /api/v2/uploads/{key}": Rule(("manager",), denied=404, parameters=_of_upload),
    "GET /api/v2/uploads/{key}": Rule(("manager",), denied=404, parameters=_of_upload),
    "PATCH /api/v2/uploads/{key}": Rule(
        ("manager",), denied=404, parameters=_of_upload, headers=lambda _place: _TO_PATCH
    ),
    "DELETE /api/v2/uploads/{key}": Rule(("manager",), denied=404, parameters=_of_upload),
    "POST /api/v2/uploads/{key}/finish": Rule(("manager",), denied=404, done=(409,), parameters=_of_upload),
    "POST /api/v2/uploads/groups/{group}/finish": Rule(NO_ONE, denied=404),
    # Products
    "GET /api/v2/products": Rule(EVERYBODY),
    "POST /api/v2/products": Rule(
        LEAD, denied=404, names_a_place=True, body=lambda place: {"team_id": place.team, "name": f"new {place.image}"}
    ),
    "GET /api/v2/products/{product_id}": Rule(VIEW),
    "PATCH /api/v2/products/{product_id}": Rule(LEAD, body=say(description="new")),
    "DELETE /api/v2/products/{product_id}": Rule(LEAD, done=(409,)),
    "POST /api/v2/products/{product_id}/copy": Rule(LEAD, denied=404, body=lambda place: {"name": f"c {place.image}"}),
    "GET /api/v2/products/{product_id}/usage": Rule(LEAD),
    "PUT /api/v2/products/{product_id}/order": Rule(LEAD, body=lambda place: {"type_ids": [place.type]}),
    "POST /api/v2/products/{product_id}/types": Rule(LEAD, body=lambda _place: _TYPE),
    "GET /api/v2/annotation-types/{type_id}": Rule(VIEW),
    "PATCH /api/v2/annotation-types/{type_id}": Rule(LEAD, body=say(description="new")),
    "DELETE /api/v2/annotation-types/{type_id}": Rule(LEAD),
    "PUT /api/v2/annotation-types/{type_id}/example": Rule(
        LEAD, done=(422,), files={"file": ("a.jpg", b"no picture", "image/jpeg")}
    ),
    "DELETE /api/v2/annotation-types/{type_id}/example": Rule(LEAD),
    "GET /api/v2/annotation-types/{type_id}/example": Rule(VIEW, done=(200, 404)),  # shared file, removed by a test
    "GET /api/v2/image-sets/{image_set_id}/products": Rule(VIEW),
    "PUT /api/v2/image-sets/{image_set_id}/products": Rule(MANAGE, body=lambda place: {"product_ids": [place.product]}),
    "GET /api/v2/image-sets/{image_set_id}/annotation-types": Rule(VIEW),
    # Annotations
    "POST /api/v2/images/{image_id}/annotation-changes": Rule(ANNOTATE, body=Place.shape),
    "GET /api/v2/images/{image_id}/annotations": Rule(VIEW),
    "GET /api/v2/images/{image_id}/annotation-counts": Rule(VIEW),
    "GET /api/v2/images/{image_id}/annotation-view": Rule(VIEW, query=_BOX),
    "GET /api/v2/annotations/{annotation_id}": Rule(VIEW, parameters=_of_annotation),
    "PATCH /api/v2/annotations/{annotation_id}": Rule(ANNOTATE, parameters=_of_annotation, body=say(text="new")),
    "DELETE /api/v2/annotations/{annotation_id}": Rule(ANNOTATE, parameters=_of_annotation),
    "GET /api/v2/images/{image_id}/undo-state": Rule(VIEW),
    "POST /api/v2/images/{image_id}/undo": Rule(ANNOTATE, done=(409,)),
    "POST /api/v2/images/{image_id}/redo": Rule(ANNOTATE, done=(409,)),
    # History, trash, reverting
    "GET /api/v2/annotations/{annotation_id}/history": Rule(VIEW, parameters=_of_annotation),
    "POST /api/v2/annotations/{annotation_id}/revert": Rule(
        ANNOTATE, parameters=_of_annotation, body=lambda place: {"revision": int(place.drawn_at)}
    ),
    "GET /api/v2/images/{image_id}/history": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/history": Rule(VIEW),
    "POST /api/v2/images/{image_id}/revert": Rule(ANNOTATE, body=_own_session),
    "POST /api/v2/image-sets/{image_set_id}/revert": Rule(MANAGE, body=say(what="to_revision", revision=0)),
    "GET /api/v2/images/{image_id}/trash": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/trash": Rule(VIEW),
    "POST /api/v2/images/{image_id}/trash/restore": Rule(ANNOTATE, body=lambda place: {"ids": [int(place.annotation)]}),
    "POST /api/v2/image-sets/{image_set_id}/trash/restore": Rule(
        ANNOTATE, body=lambda place: {"ids": [int(place.annotation)]}
    ),
    # Plugins, jobs, the server
    "GET /api/v2/images/{image_id}/statistics": Rule(VIEW),
    "GET /api/v2/images/{image_id}/overlays": Rule(VIEW),
    "GET /api/v2/plugins": Rule(EVERYBODY),
    "GET /api/v2/plugin-faults": admins(),
    "GET /api/v2/image-sets/{image_set_id}/plugins": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/plugins/{name}": Rule(VIEW, parameters=_of_plugin),
    "PUT /api/v2/image-sets/{image_set_id}/plugins/{name}": Rule(
        MANAGE, parameters=_of_plugin, body=say(enabled=False)
    ),
    f"GET {_EIPH}/score": Rule(VIEW),
    f"GET {_EIPH}/heat-map.png": Rule(VIEW),
    "GET /api/v2/jobs": Rule(EVERYBODY),
    "GET /api/v2/jobs/{job_id}": Rule(MANAGE, denied=404, others={"read_only": 404}),
    "POST /api/v2/jobs/{job_id}/cancel": Rule(MANAGE, denied=404),
    "POST /api/v2/jobs/{job_id}/retry": Rule(MANAGE, denied=404, done=(409,)),
    "GET /api/v2/system": admins(),
}
