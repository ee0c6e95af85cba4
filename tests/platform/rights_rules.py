"""What every operation of the API needs: written down by hand, one line each, so that a new one must be thought of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.platform.rights_world import HOLDERS, MODEL, PLUGIN, SOUND, Place

EVERYBODY = ("stranger", *HOLDERS)
VIEW = HOLDERS
ANNOTATE = HOLDERS[1:]
REVIEW = HOLDERS[2:]
MANAGE = HOLDERS[3:]
LEAD = HOLDERS[4:]
ADMIN = ("admin",)
NO_ONE: tuple[str, ...] = ()
IMPORTED = ("annotator", *HOLDERS[3:])
"""Who sees an import of the annotator: they, and those who manage the set."""

_BOUND = frozenset(
    {
        *("image_set_id", "image_id", "annotation_id", "product_id", "type_id", "job_id", "team_id", "key", "group"),
        *("gold_id", "study_id", "version_id", "artefact_id", "import_id", "export_id", "template_id"),
        "training_id",
    }
)
"""Parts of addresses that name something which belongs to a place."""


@dataclass(frozen=True)
class Rule:
    """Who may do an operation, how it is asked, and what those are told who may not."""

    holders: tuple[str, ...]
    body: Callable[[Place], Any] | None = None
    headers: Callable[[Place], Mapping[str, str]] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    query_of: Callable[[Place], Mapping[str, Any]] | None = None
    files: Mapping[str, Any] | None = None
    content: bytes | None = None
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


_WORKERS = Rule(NO_ONE, parameters=lambda _place: {"lease": "none", "image": "1", "model": "none"})

_BOX = {"x0": 0, "y0": 0, "x1": 100, "y1": 100}
_numbers = itertools.count(1)
_SCREENING = "/api/v2/image-sets/{image_set_id}/plugins/screening"
_SCREENED = f"{_SCREENING}/images/{{image_id}}"
_EIPH = f"/api/v2/image-sets/{{image_set_id}}/plugins/{PLUGIN}"
_MEDIA = "/api/v2/image-sets/{image_set_id}/plugins/media"
_RUN = "/api/v2/images/{image_id}/predictions/{run}"
_TO_PATCH = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", "Tus-Resumable": "1.0.0"}
_TYPE = {"name": "New", "shapes": ["box"]}


def _of_upload(place: Place) -> dict[str, str]:
    return {"key": place.upload}


def _of_annotation(place: Place) -> dict[str, str]:
    return {"annotation_id": place.annotation}


def _of_gold(place: Place) -> dict[str, str]:
    return {"gold_id": place.gold}


def _of_media(place: Place) -> dict[str, str]:
    return {"media_id": place.media}


def _of_kept_media(place: Place) -> dict[str, str]:
    return {"version_id": place.version_with_media, "sha256": sha256(SOUND).hexdigest()}


def _of_version(place: Place) -> dict[str, str]:
    return {"version_id": place.version}


def _of_artefact(place: Place) -> dict[str, str]:
    return {"artefact_id": place.artefact}


def _of_model(place: Place) -> dict[str, str]:
    return {"uuid": place.model, "name": "model.json"}


def _of_network(place: Place) -> dict[str, str]:
    return {"uuid": place.model, "name": "model.onnx"}


def _of_training(place: Place) -> dict[str, str]:
    return {"training_id": place.training}


def _of_split(place: Place) -> dict[str, str]:
    return {"version_id": place.version, "split_id": place.split}


def _of_run(place: Place) -> dict[str, str]:
    return {"run": place.run, "map_id": place.map, "level": "0", "column": "0", "row": "0"}


def _accept(place: Place) -> dict[str, object]:
    return {"verdict": "accept", "selection": {"least": 0.8}, "types": {"cell": place.type}}


def _of_branch(place: Place) -> dict[str, str]:
    return {"image_set_id": place.branch}


def _of_study(place: Place) -> dict[str, str]:
    return {"study_id": place.study}


def _of_import(place: Place) -> dict[str, str]:
    return {"import_id": place.annotation_import}


def _of_export(place: Place) -> dict[str, str]:
    return {"export_id": place.annotation_export}


def _of_template(place: Place) -> dict[str, str]:
    return {"template_id": place.export_template}


def _of_guests(place: Place) -> dict[str, str]:
    return {"team_id": str(place.guests)}


def _of_victim(place: Place) -> dict[str, str]:
    return {"user_id": str(place.world.users["victim"])}


def _of_revision(_place: Place) -> dict[str, str]:
    return {"revision": "1"}


def _of_search(place: Place) -> dict[str, str]:
    return {"search_id": place.saved_search}


def _of_pass(_place: Place) -> dict[str, str]:
    return {"number": "99"}


def _of_lock(_place: Place) -> dict[str, str]:
    return {"lock_id": "999999"}


def _of_plugin(_place: Place) -> dict[str, str]:
    return {"name": PLUGIN}


def _own_session(place: Place) -> dict[str, Any]:
    return {"what": "session", "revision": int(place.drawn_at)}


def say(**values: Any) -> Callable[[Place], Any]:
    """A body that is the same everywhere."""
    return lambda _place: values


_NOT_TO_READ = {"read_only": 403}
"""Rights of plugins are no mere reading: a token that may only read has none of them."""

_TO_CHANGE = {"read_only": 403}
"""Managers read these to change them: a token that may only read is not enough."""


def _of_a_model(holders: tuple[str, ...], **more: Any) -> Rule:
    """Something that is asked of the model of a place, by its identity, which names others' things elsewhere."""
    return Rule(holders, names_a_place=True, **{"parameters": _of_model, **more})


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
    "GET /api/v2/images/{image_id}/picture": Rule(VIEW, query={"x": 0, "y": 0, "side": 100}),
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
    "POST /api/v2/annotation-types/{type_id}/attribute-effects": Rule(LEAD, body=say(attributes=[])),
    "POST /api/v2/annotation-types/{type_id}/merge": Rule(
        LEAD, done=(422,), body=lambda place: {"into_id": place.type}
    ),  # a type cannot be merged into itself
    "GET /api/v2/annotation-types/{type_id}/history": Rule(VIEW),
    "GET /api/v2/products/{product_id}/type-history": Rule(VIEW),
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
    "GET /api/v2/images/{image_id}/region": Rule(VIEW, query={"x": 0, "y": 0, "width": 64, "height": 64}),
    "GET /api/v2/annotations/{annotation_id}/picture": Rule(VIEW, parameters=_of_annotation),
    # Searching
    "GET /api/v2/search-fields": Rule(EVERYBODY),
    "GET /api/v2/image-sets/{image_set_id}/annotation-search": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/annotation-search/count": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/annotation-search/check": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/annotation-search/facets": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/annotation-bulk-edits": Rule(ANNOTATE, body=say(q="id:1", delete=True)),
    "GET /api/v2/image-sets/{image_set_id}/annotation-bulk-edits": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/annotation-bulk-edits/{revision}/undo": Rule(
        NO_ONE, denied=404, parameters=_of_revision, others={"viewer": 403, "read_only": 403}
    ),
    "GET /api/v2/image-sets/{image_set_id}/saved-searches": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/saved-searches": Rule(
        VIEW, body=lambda place: {"name": f"search {next(_numbers)}", "query": ""}
    ),
    "PATCH /api/v2/image-sets/{image_set_id}/saved-searches/{search_id}": Rule(
        ("manager",), parameters=_of_search, body=say(query="id:1")
    ),
    "DELETE /api/v2/image-sets/{image_set_id}/saved-searches/{search_id}": Rule(MANAGE, parameters=_of_search),
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
    # Modes, verification, assignments, decisions
    "GET /api/v2/image-sets/{image_set_id}/mode": Rule(VIEW),
    "PUT /api/v2/image-sets/{image_set_id}/mode": Rule(MANAGE, body=say(settings={"order": "random"})),
    "POST /api/v2/image-sets/{image_set_id}/unblind": Rule(MANAGE, done=(409,), body=say(reason="the study is over")),
    "GET /api/v2/image-sets/{image_set_id}/audit": Rule(MANAGE),
    "GET /api/v2/image-sets/{image_set_id}/assignments": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/assignments": Rule(
        MANAGE, body=lambda place: {"readers": [place.world.users["annotator"]], "how": "each"}
    ),
    "POST /api/v2/image-sets/{image_set_id}/assignments/move": Rule(
        MANAGE, body=lambda place: {"from_reader": place.world.users["annotator"]}
    ),
    "GET /api/v2/image-sets/{image_set_id}/queue/next": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/workload": Rule(VIEW),
    "POST /api/v2/images/{image_id}/verifications": Rule(
        ANNOTATE, body=lambda place: {"verdicts": [{"id": int(place.annotation), "verdict": "accepted"}]}
    ),
    "POST /api/v2/images/{image_id}/verify": Rule(ANNOTATE, body=say(accept=True)),
    "PUT /api/v2/images/{image_id}/review-state": Rule(ANNOTATE, body=say(state="in_work")),
    "POST /api/v2/images/{image_id}/items/{item_id}/finish": Rule(NO_ONE, others=dict.fromkeys(ANNOTATE, 404)),
    "POST /api/v2/images/{image_id}/review/opened": Rule(VIEW),
    "POST /api/v2/images/{image_id}/review/reopen": Rule(
        MANAGE, body=lambda place: {"reader_id": place.world.users["annotator"], "reason": "a wrong slide"}
    ),
    "GET /api/v2/images/{image_id}/review": Rule(VIEW),
    "GET /api/v2/images/{image_id}/verification-walk": Rule(VIEW),
    "GET /api/v2/images/{image_id}/verification-counts": Rule(VIEW),
    "GET /api/v2/images/{image_id}/verification-marks": Rule(VIEW, query=_BOX),
    "GET /api/v2/annotations/{annotation_id}/verifications": Rule(VIEW, parameters=_of_annotation),
    "GET /api/v2/image-sets/{image_set_id}/adjudications": Rule(MANAGE),
    "GET /api/v2/image-sets/{image_set_id}/adjudications/{item_id}": Rule(
        NO_ONE, others=dict.fromkeys(("manager", "lead", "admin", "read_only"), 404)
    ),
    "POST /api/v2/image-sets/{image_set_id}/adjudications/{item_id}/decision": Rule(
        NO_ONE,
        body=say(decision="both", reason="they are the same"),
        others=dict.fromkeys(("manager", "lead", "admin"), 404),
    ),
    # Models: the place is cooperative, so that everybody there may open them
    "GET /api/v2/model-kinds": Rule(EVERYBODY),
    "GET /api/v2/models": Rule(EVERYBODY),
    "POST /api/v2/models": Rule(MANAGE, names_a_place=True, query_of=Place.model_query, content=MODEL),
    "GET /api/v2/models/{uuid}": _of_a_model(VIEW),
    "PATCH /api/v2/models/{uuid}": _of_a_model(MANAGE, body=say(notes="new")),
    "PUT /api/v2/models/{uuid}/pin": _of_a_model(MANAGE),
    "DELETE /api/v2/models/{uuid}/pin": _of_a_model(MANAGE),
    "DELETE /api/v2/models/{uuid}": _of_a_model(MANAGE, query={"reason": "a mistake"}),
    "POST /api/v2/models/{uuid}/restore": _of_a_model(MANAGE),
    "GET /api/v2/models/{uuid}/predictions": _of_a_model(VIEW),
    "GET /api/v2/models/{uuid}/archive": _of_a_model(VIEW),
    "GET /api/v2/models/{uuid}/files/{name}": _of_a_model(VIEW),
    "GET /api/v2/models/{uuid}/files/onnx/{name}": _of_a_model(VIEW, parameters=_of_network),
    # Versions
    "GET /api/v2/image-sets/{image_set_id}/versions": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/versions": Rule(MANAGE, body=say(name="a new one")),
    "GET /api/v2/image-sets/{image_set_id}/version-diff": Rule(VIEW, query={"from": "now", "to": "now"}),
    "GET /api/v2/image-sets/{image_set_id}/version-diff/annotations": Rule(VIEW, query={"from": "now", "to": "now"}),
    "GET /api/v2/images/{image_id}/annotation-diff": Rule(VIEW, query={"from": "now", "to": "now"}),
    "GET /api/v2/versions/{version_id}": Rule(VIEW, parameters=_of_version),
    "PATCH /api/v2/versions/{version_id}": Rule(MANAGE, parameters=_of_version, body=say(description="better")),
    "DELETE /api/v2/versions/{version_id}": Rule(
        ("manager", "admin"), parameters=_of_version, query={"reason": "a mistake"}
    ),
    "GET /api/v2/versions/{version_id}/images": Rule(VIEW, parameters=_of_version),
    "GET /api/v2/versions/{version_id}/annotation-types": Rule(VIEW, parameters=_of_version),
    "GET /api/v2/versions/{version_id}/content": Rule(VIEW, parameters=_of_version),
    "GET /api/v2/versions/{version_id}/manifest": Rule(REVIEW, parameters=_of_version, done=(409,)),
    "POST /api/v2/versions/{version_id}/manifest": Rule(MANAGE, parameters=_of_version, done=(409,)),
    "GET /api/v2/versions/{version_id}/manifest-check": Rule(VIEW, parameters=_of_version, done=(200, 409)),
    "GET /api/v2/versions/{version_id}/artefacts": Rule(VIEW, parameters=_of_version),
    "POST /api/v2/versions/{version_id}/artefacts": Rule(
        REVIEW, parameters=_of_version, query={"name": "figures.json"}, body=say(f1=0.9)
    ),
    "GET /api/v2/version-artefacts/{artefact_id}": Rule(VIEW, parameters=_of_artefact),
    "GET /api/v2/version-artefacts/{artefact_id}/file": Rule(VIEW, parameters=_of_artefact),
    "DELETE /api/v2/version-artefacts/{artefact_id}": Rule(("manager", "admin"), parameters=_of_artefact),
    # Imports, exports, templates
    "GET /api/v2/image-sets/{image_set_id}/annotation-formats": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/annotation-imports": Rule(
        ANNOTATE, query={"name": "shapes.geojson"}, body=say(type="FeatureCollection", features=[])
    ),
    "GET /api/v2/image-sets/{image_set_id}/annotation-imports": Rule(VIEW),
    "GET /api/v2/annotation-imports/{import_id}": Rule(
        IMPORTED, denied=404, parameters=_of_import, others={"read_only": 404}
    ),
    "POST /api/v2/annotation-imports/{import_id}/preview": Rule(
        IMPORTED,
        denied=404,
        parameters=_of_import,
        body=say(),
        done=(409,),  # it is being read
    ),
    "POST /api/v2/annotation-imports/{import_id}/start": Rule(
        IMPORTED, denied=404, parameters=_of_import, body=say(), done=(409,)
    ),
    "POST /api/v2/annotation-imports/{import_id}/undo": Rule(IMPORTED, denied=404, parameters=_of_import, done=(409,)),
    "DELETE /api/v2/annotation-imports/{import_id}": Rule(IMPORTED, denied=404, parameters=_of_import, done=(409,)),
    "POST /api/v2/image-sets/{image_set_id}/annotation-exports": Rule(REVIEW, body=say(format="csv")),
    "GET /api/v2/image-sets/{image_set_id}/annotation-exports": Rule(REVIEW),
    "GET /api/v2/annotation-exports/{export_id}": Rule(
        ("manager",), denied=404, parameters=_of_export, others={"read_only": 200}
    ),
    "GET /api/v2/annotation-exports/{export_id}/file": Rule(
        ("manager",), denied=404, parameters=_of_export, done=(409,)
    ),
    "DELETE /api/v2/annotation-exports/{export_id}": Rule(("manager",), denied=404, parameters=_of_export, done=(409,)),
    "GET /api/v2/image-sets/{image_set_id}/export-templates": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/export-templates": Rule(MANAGE, body=Place.template_body),
    "POST /api/v2/image-sets/{image_set_id}/export-template-preview": Rule(
        REVIEW, body=say(body="x"), others=_TO_CHANGE
    ),
    "GET /api/v2/products/{product_id}/export-templates": Rule(VIEW),
    "POST /api/v2/products/{product_id}/export-templates": Rule(LEAD, body=Place.template_body),
    "GET /api/v2/export-templates/{template_id}": Rule(VIEW, parameters=_of_template),
    "PUT /api/v2/export-templates/{template_id}": Rule(MANAGE, parameters=_of_template, body=Place.template_body),
    "DELETE /api/v2/export-templates/{template_id}": Rule(MANAGE, parameters=_of_template),
    "GET /api/v2/export-template-placeholders": Rule(EVERYBODY),
    "POST /api/v2/versions/{version_id}/branches": Rule(MANAGE, parameters=_of_version, body=say(name="a new one")),
    "POST /api/v2/image-sets/{image_set_id}/annotation-search/image-sets": Rule(
        MANAGE,
        done=(422,),
        body=say(name="hits"),  # nothing is drawn there
    ),
    "GET /api/v2/image-sets/{image_set_id}/branches": Rule(VIEW, parameters=_of_branch),
    "GET /api/v2/image-sets/{image_set_id}/merge-preview": Rule(VIEW, parameters=_of_branch),
    "POST /api/v2/image-sets/{image_set_id}/merge": Rule(ANNOTATE, parameters=_of_branch, body=Place.merge_body),
    "GET /api/v2/versions/{version_id}/splits": Rule(VIEW, parameters=_of_version),
    "POST /api/v2/versions/{version_id}/splits": Rule(MANAGE, parameters=_of_version, body=Place.split_body),
    "GET /api/v2/versions/{version_id}/splits/{split_id}": Rule(VIEW, parameters=_of_split),
    "DELETE /api/v2/versions/{version_id}/splits/{split_id}": Rule(("manager", "admin"), parameters=_of_split),
    # Trainings
    "GET /api/v2/versions/{version_id}/training-material": Rule(VIEW, parameters=_of_version),
    "GET /api/v2/versions/{version_id}/trainings": Rule(VIEW, parameters=_of_version),
    "POST /api/v2/versions/{version_id}/trainings": Rule(
        REVIEW,
        parameters=_of_version,
        body=say(kind="core.objects", name="cells", split_id=1, classes=[{"label": "cell", "type_ids": [1]}]),
        done=(409,),  # nobody has written the manifest
    ),
    "GET /api/v2/trainings/{training_id}": Rule(VIEW, parameters=_of_training),
    "GET /api/v2/trainings/{training_id}/samples": Rule(VIEW, parameters=_of_training),
    # Agreement and studies
    "GET /api/v2/image-sets/{image_set_id}/agreement": Rule(REVIEW),
    "GET /api/v2/image-sets/{image_set_id}/agreement.csv": Rule(REVIEW),
    "GET /api/v2/image-sets/{image_set_id}/readers": Rule(REVIEW),
    "GET /api/v2/image-sets/{image_set_id}/own-drift": Rule(VIEW),
    "GET /api/v2/image-sets/{image_set_id}/gold": Rule(MANAGE, others=_TO_CHANGE),
    "POST /api/v2/image-sets/{image_set_id}/gold": Rule(MANAGE, body=Place.gold_body),
    "PATCH /api/v2/image-sets/{image_set_id}/gold/{gold_id}": Rule(
        MANAGE, parameters=_of_gold, body=say(released=True)
    ),
    "DELETE /api/v2/image-sets/{image_set_id}/gold/{gold_id}": Rule(MANAGE, parameters=_of_gold),
    "GET /api/v2/image-sets/{image_set_id}/gold/{gold_id}/drift": Rule(MANAGE, parameters=_of_gold, others=_TO_CHANGE),
    "GET /api/v2/image-sets/{image_set_id}/import-runs": Rule(MANAGE, others=_TO_CHANGE),
    "GET /api/v2/image-sets/{image_set_id}/studies": Rule(VIEW),
    "POST /api/v2/image-sets/{image_set_id}/studies": Rule(MANAGE, body=Place.study_body),
    "GET /api/v2/image-sets/{image_set_id}/studies/{study_id}": Rule(MANAGE, parameters=_of_study, others=_TO_CHANGE),
    "PATCH /api/v2/image-sets/{image_set_id}/studies/{study_id}": Rule(
        MANAGE, parameters=_of_study, body=say(title="new")
    ),
    "DELETE /api/v2/image-sets/{image_set_id}/studies/{study_id}": Rule(MANAGE, parameters=_of_study),
    "POST /api/v2/image-sets/{image_set_id}/studies/{study_id}/start": Rule(MANAGE, parameters=_of_study),
    "POST /api/v2/image-sets/{image_set_id}/studies/{study_id}/close": Rule(
        MANAGE,
        parameters=_of_study,
        done=(409,),  # it is a draft
    ),
    "GET /api/v2/image-sets/{image_set_id}/studies/{study_id}/report": Rule(
        MANAGE, parameters=_of_study, others=_TO_CHANGE
    ),
    "GET /api/v2/image-sets/{image_set_id}/studies/{study_id}/report.csv": Rule(
        MANAGE, parameters=_of_study, others=_TO_CHANGE
    ),
    # Participants do not know of a draft, others never know who takes part; the rest is in studies/test_studies.py.
    "GET /api/v2/image-sets/{image_set_id}/studies/{study_id}/own": Rule(NO_ONE, denied=404, parameters=_of_study),
    "POST /api/v2/image-sets/{image_set_id}/studies/{study_id}/images/{image_id}/open": Rule(
        NO_ONE, denied=404, parameters=_of_study
    ),
    "POST /api/v2/image-sets/{image_set_id}/studies/{study_id}/images/{image_id}/finish": Rule(
        NO_ONE, denied=404, parameters=_of_study
    ),
    "PUT /api/v2/image-sets/{image_set_id}/studies/{study_id}/survey": Rule(
        NO_ONE, denied=404, parameters=_of_study, body=say(grades=[1, 2, 3])
    ),
    "POST /api/v2/images/{image_id}/activity": Rule(VIEW, body=say(seconds=1)),
    # Predictions
    "GET /api/v2/image-sets/{image_set_id}/prediction-kinds": Rule(VIEW),
    "GET /api/v2/images/{image_id}/predictions": Rule(VIEW),
    "POST /api/v2/images/{image_id}/predictions": Rule(ANNOTATE, body=say(kind="core.nuclei"), done=(202,)),
    "POST /api/v2/image-sets/{image_set_id}/predictions": Rule(ANNOTATE, body=say(kind="core.nuclei"), done=(202,)),
    f"GET {_RUN}": Rule(VIEW, parameters=_of_run),
    f"PATCH {_RUN}": Rule(MANAGE, parameters=_of_run, body=say(shown_to_readers=True)),
    f"DELETE {_RUN}": Rule(("annotator", *MANAGE), parameters=_of_run),
    f"GET {_RUN}/view": Rule(VIEW, parameters=_of_run, query=_BOX),
    f"POST {_RUN}/count": Rule(VIEW, parameters=_of_run, body=say(least=0.5)),
    f"GET {_RUN}/decisions": Rule(VIEW, parameters=_of_run),
    f"POST {_RUN}/decisions": Rule(ANNOTATE, parameters=_of_run, body=_accept),
    f"GET {_RUN}/next": Rule(VIEW, parameters=_of_run),
    f"GET {_RUN}/maps/{{map_id}}/tiles/{{level}}/{{column}}_{{row}}": Rule(VIEW, parameters=_of_run),
    "GET /api/v2/image-sets/{image_set_id}/predictions/next": Rule(VIEW, query={"run": []}, done=(200, 422)),
    "GET /api/v2/image-sets/{image_set_id}/prediction-decisions": Rule(REVIEW),
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
    f"GET {_EIPH}/images/{{image_id}}/score": Rule(VIEW),
    f"GET {_EIPH}/images/{{image_id}}/heat-map.png": Rule(VIEW),
    f"GET {_EIPH}/study": Rule(VIEW),
    f"GET {_EIPH}/study.csv": Rule(VIEW),
    # Screening: passes are everybody's own, so that nobody has one here to go on with
    f"GET {_SCREENING}/team": Rule(REVIEW, others=_NOT_TO_READ),
    f"GET {_SCREENED}/state": Rule(VIEW),
    f"POST {_SCREENED}/passes": Rule(ANNOTATE, body=say(unit="px", field_width=500, field_height=500)),
    f"POST {_SCREENED}/passes/{{number}}/steps": Rule(
        ANNOTATE, done=(404,), parameters=_of_pass, body=say(browser="one", sequence=1, revision=0)
    ),
    f"GET {_SCREENED}/passes/{{number}}/times": Rule(VIEW, done=(404,), parameters=_of_pass),
    f"PUT {_SCREENED}/passes/{{number}}/finished": Rule(
        ANNOTATE, done=(404,), parameters=_of_pass, body=say(finished=True)
    ),
    f"POST {_SCREENED}/views": Rule(ANNOTATE, body=say(views=[{**_BOX, "zoom": 1, "seconds": 5}])),
    f"GET {_SCREENED}/coverage": Rule(VIEW),
    f"GET {_SCREENED}/team": Rule(REVIEW, others=_NOT_TO_READ),
    f"GET {_SCREENED}/disagreements": Rule(VIEW, done=(404,), query={"first": 1, "second": 2}),
    f"GET {_SCREENED}/count": Rule(VIEW, done=(200, 422)),  # 422 where an image has no scale
    f"GET {_SCREENED}/hotspot": Rule(VIEW, done=(200, 422)),
    f"POST {_SCREENED}/locks": Rule(REVIEW, body=say(points=[[0, 0], [9, 9]], reason="agreed")),
    f"DELETE {_SCREENED}/locks/{{lock_id}}": Rule(REVIEW, done=(404,), parameters=_of_lock),
    f"GET {_MEDIA}/summary": Rule(VIEW),
    f"GET {_MEDIA}/images/{{image_id}}/media": Rule(VIEW),
    f"GET {_MEDIA}/images/{{image_id}}/annotations/{{annotation_id}}/media": Rule(VIEW, parameters=_of_annotation),
    f"POST {_MEDIA}/images/{{image_id}}/media": Rule(MANAGE, query={"name": "a.wav"}, content=SOUND),
    f"GET {_MEDIA}/media/{{media_id}}": Rule(VIEW, parameters=_of_media),
    f"GET {_MEDIA}/media/{{media_id}}/content": Rule(VIEW, parameters=_of_media),
    f"GET {_MEDIA}/media/{{media_id}}/outline": Rule(VIEW, parameters=_of_media),
    f"DELETE {_MEDIA}/media/{{media_id}}": Rule(MANAGE, parameters=_of_media),
    f"POST {_MEDIA}/media/{{media_id}}/conversion": Rule(ANNOTATE, parameters=_of_media, done=(202, 422)),
    f"GET {_MEDIA}/versions/{{version_id}}/media": Rule(VIEW, parameters=_of_kept_media),
    f"GET {_MEDIA}/versions/{{version_id}}/media/{{sha256}}/content": Rule(VIEW, parameters=_of_kept_media),
    f"POST {_MEDIA}/maps": admins(body=say(folder="/nowhere"), done=(202,)),
    "GET /api/v2/jobs": Rule(EVERYBODY),
    "GET /api/v2/jobs/workers": admins(),
    "GET /api/v2/jobs/{job_id}": Rule(MANAGE, denied=404, others={"read_only": 404}),
    # Workers have a token for nothing else, which nobody of the world holds: tests/core/jobs/test_remote_leases.py.
    "POST /api/v2/work/leases": _WORKERS,
    "POST /api/v2/work/leases/{lease}/beat": _WORKERS,
    "POST /api/v2/work/leases/{lease}/end": _WORKERS,
    "POST /api/v2/work/leases/{lease}/files": _WORKERS,
    "GET /api/v2/work/leases/{lease}/images/{image}": _WORKERS,
    "GET /api/v2/work/leases/{lease}/images/{image}/region": _WORKERS,
    "POST /api/v2/work/leases/{lease}/models": _WORKERS,
    "GET /api/v2/work/leases/{lease}/models/{model}": _WORKERS,
    "GET /api/v2/work/leases/{lease}/models/{model}/file": _WORKERS,
    "POST /api/v2/work/leases/{lease}/predictions": _WORKERS,
    "GET /api/v2/work/leases/{lease}/training-set": _WORKERS,
    "GET /api/v2/work/leases/{lease}/training-set/manifest": _WORKERS,
    "POST /api/v2/work/leases/{lease}/curve": _WORKERS,
    "POST /api/v2/work/leases/{lease}/evaluations": _WORKERS,
    "POST /api/v2/jobs/{job_id}/cancel": Rule(MANAGE, denied=404),
    "POST /api/v2/jobs/{job_id}/retry": Rule(MANAGE, denied=404, done=(409,)),
    "GET /api/v2/system": admins(),
}
