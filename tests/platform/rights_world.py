"""A world to ask questions in: people of every role, things that are theirs, and things that are not."""

from __future__ import annotations

import itertools
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
from exact_sdk.harness import Instance
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.models import StoredModel
from exact_core.api.predictions import PredictedShapes
from exact_core.api.training import Evaluation
from exact_core.auth.credentials import make_token, open_session
from exact_core.auth.keys import SESSION_COOKIE, csrf_token_of
from exact_core.predictions.writing import RunWriter
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import (
    AnnotationType,
    Image,
    ImageSet,
    ImageSetMember,
    ImageSetProduct,
    Job,
    PredictionMap,
    PredictionRun,
    Product,
    Team,
    TeamMember,
    TrainingRun,
    User,
)
from exact_core.tiles.probe import ProbeReport, probe_file
from exact_core.training.evaluations import keep_evaluation
from exact_core.versioning.branches.making import fill
from tests.core.models import folders
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid
from tests.serving import Client

ADDRESS = "http://127.0.0.1"
PLUGIN = "eiph_score"
PLUGINS = (PLUGIN, "media", "screening")
"""Those that are on in every place."""

ROLES = ("viewer", "annotator", "reviewer", "manager")
HOLDERS = (*ROLES, "lead", "admin")
"""Who has something to do with a place, from the least to the most."""

PEOPLE = ("nobody", "stranger", *HOLDERS, "read_only")
"""``read_only`` is a program with a manager's token that may only read."""

SOUND = (
    b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x08\0\0\0\0\1\0\2\0\3\0\4"
)
"""Four samples."""

SECRET_NAME = "Zebrowski Anna 1951"
_numbers = itertools.count(1)
_MODEL = StoredModel("0190a000-0000-7000-8000-000000000001", "Cells", "core.nuclei", ("cell",))


MODEL = folders.zipped(folders.with_checksums(folders.contents()))
"""A small model."""


@dataclass
class Place:
    """An image set with one of everything, and the numbers to ask for them."""

    world: World
    image_set: int
    team: int
    image: int
    product: int
    type: int
    job: int
    guest: int
    guests: int
    annotator: str
    uploader: str
    _made: dict[str, str] = field(default_factory=dict)

    @property
    def annotation(self) -> str:
        """A shape that the annotator of the place drew."""
        return self._once("annotation", self._draw)

    @property
    def drawn_at(self) -> str:
        """The revision at which that shape was drawn."""
        assert self.annotation
        return self._made["drawn_at"]

    @property
    def upload(self) -> str:
        """An upload that the manager of the place began."""
        return self._once("upload", self._begin_upload)

    @property
    def gold(self) -> str:
        """A reference of the place."""
        return self._once("gold", lambda: self._made_by_manager("gold", self.gold_body()))

    @property
    def study(self) -> str:
        """A study of the place, as a draft."""
        return self._once("study", lambda: self._made_by_manager("studies", self.study_body()))

    @property
    def saved_search(self) -> str:
        """A search that the manager shared with the place."""
        body: dict[str, object] = {"name": "shared", "query": "", "is_shared": True}
        return self._once("saved_search", lambda: self._made_by_manager("saved-searches", body))

    @property
    def version(self) -> str:
        """A version of the place that its manager made."""
        return self._once("version", lambda: self._made_by_manager("versions", {"name": "first"}))

    @property
    def artefact(self) -> str:
        """A file that the manager attached to the version."""
        return self._once("artefact", self._attach)

    @property
    def model(self) -> str:
        """A model that the manager of the place uploaded."""
        return self._once("model", self._upload_model)

    @property
    def annotation_import(self) -> str:
        """A file of annotations that the annotator sent, and that nobody has looked at yet."""
        return self._once("annotation_import", self._send_annotations)

    @property
    def annotation_export(self) -> str:
        """An export that the manager asked for."""
        return self._once("annotation_export", lambda: self._made_by_manager("annotation-exports", {"format": "csv"}))

    @property
    def export_template(self) -> str:
        """A template of the image set."""
        return self._once("export_template", lambda: self._made_by_manager("export-templates", self.template_body()))

    @property
    def media(self) -> str:
        """A sound that the manager attached to the image."""
        return self._once("media", self._attach_sound)

    @property
    def version_with_media(self) -> str:
        """A version that keeps that sound."""
        assert self.media
        body: dict[str, object] = {"name": "with media"}
        return self._once("version_with_media", lambda: self._made_by_manager("versions", body))

    @property
    def run(self) -> str:
        """A run of a model that the annotator asked for, with a map."""
        return self._once("run", lambda: self.predict(self.annotator))

    @property
    def map(self) -> str:
        """The map of that run."""
        of_run = select(PredictionMap.id).join(PredictionRun, PredictionRun.id == PredictionMap.run_id)
        with self.world.services.database.read() as session:
            return str(session.scalar(of_run.where(PredictionRun.uuid == self.run)))

    def template_body(self) -> dict[str, object]:
        """A request that makes a template of a new name."""
        return {"name": f"template {next(_numbers)}", "body": "{{ annotation.label }}"}

    @property
    def split(self) -> str:
        """A split of the version that its manager made."""
        return self._once("split", self._split)

    @property
    def branch(self) -> str:
        """A branch of the version, in which everybody has the role that they have here."""
        return self._once("branch", self._branch)

    @property
    def training(self) -> str:
        """A training of the version, whose model was judged."""
        return self._once("training", self._train)

    def split_body(self) -> dict[str, object]:
        """A request that splits the version."""
        return {"name": f"split {uuid4()}", "parts": {"test": [self.image]}}

    def gold_body(self) -> dict[str, object]:
        """A request that makes a reference."""
        return {"title": "Gold", "reader": "claimed:Somebody", "image_ids": [self.image]}

    def study_body(self) -> dict[str, object]:
        """A request that designs a study."""
        design = {"arms": [{"name": "Only"}], "image_ids": [self.image]}
        return {"title": "Study", "design": design, "participants": [self.world.users[self.annotator]]}

    def parameters(self) -> dict[str, str]:
        """What stands in addresses."""
        return {
            "image_set_id": str(self.image_set),
            "team_id": str(self.team),
            "image_id": str(self.image),
            "product_id": str(self.product),
            "type_id": str(self.type),
            "job_id": str(self.job),
            "user_id": str(self.guest),
            "token_id": str(self.world.foreign_token),
            "session_id": str(self.world.foreign_session),
            "item_id": "1",
            "group": "a-group-of-somebody",
            "name": "label",
        }

    def upload_headers(self) -> dict[str, str]:
        """Headers that announce a file for the place."""
        values = {"image_set": str(self.image_set), "name": f"{SECRET_NAME}.tif"}
        metadata = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())
        return {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": metadata}

    def shape(self) -> dict[str, object]:
        """A request that draws a shape."""
        geometry = {"shape": "box", "points": [[1, 1], [9, 9]]}
        create = {"op": "create", "uuid": str(uuid4()), "type_id": self.type, "geometry": geometry}
        return {"operations": [create]}

    def _once(self, name: str, make: object) -> str:
        if name not in self._made:
            assert callable(make)
            self._made[name] = make()
        return self._made[name]

    def _draw(self) -> str:
        client = self.world.client(self.annotator)
        answer = client.post(f"/api/v2/images/{self.image}/annotation-changes", json=self.shape())
        assert answer.status_code == 200, answer.text
        self._made["drawn_at"] = str(answer.json()["revision"])
        return str(answer.json()["annotations"][0]["id"])

    def _made_by_manager(self, what: str, body: dict[str, object]) -> str:
        answer = self.world.client(self.uploader).post(f"/api/v2/image-sets/{self.image_set}/{what}", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def _send_annotations(self) -> str:
        address = f"/api/v2/image-sets/{self.image_set}/annotation-imports"
        answer = self.world.client(self.annotator).post(address, params={"name": "a.geojson"}, content=b"{}")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def _attach_sound(self) -> str:
        address = f"/api/v2/image-sets/{self.image_set}/plugins/media/images/{self.image}/media"
        answer = self.world.client(self.uploader).post(address, params={"name": "a.wav"}, content=SOUND)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def predict(self, person: str) -> str:
        """A run of a model that somebody asked for, with a map."""
        services, owner = self.world.services, self.world.users[person]
        with services.database.write() as session:
            job = Job(type="core.predict_nuclei", image_set_id=self.image_set, image_id=self.image, owner_id=owner)
            session.add(job)
            session.flush()
        with RunWriter(services, job.id, self.image_set, self.image, _MODEL) as out:
            boxes = np.arange(40, dtype=np.float64).reshape(-1, 2, 2) * 10
            out.add(PredictedShapes.of_rows(Shape.BOX, boxes, np.zeros(10, np.int64), np.linspace(0, 1, 10)))
            with out.map("probability", width=4, height=4, downsample=8) as probability:
                probability.write(np.full((4, 4), 200, np.uint8))
        with services.database.read() as session:
            query = select(PredictionRun.uuid).where(PredictionRun.job_id == job.id)
            return str(session.scalar(query))

    def _attach(self) -> str:
        address = f"/api/v2/versions/{self.version}/artefacts"
        answer = self.world.client(self.uploader).post(address, params={"name": "a.json"}, content=b"{}")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def model_query(self) -> dict[str, object]:
        """What is told of a model that is uploaded to the place."""
        return {"image_set_id": self.image_set, "kind": "core.nuclei", "name": f"zebra model {next(_numbers)}"}

    def _upload_model(self) -> str:
        answer = self.world.client(self.uploader).post("/api/v2/models", params=self.model_query(), content=MODEL)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["uuid"])

    def _split(self) -> str:
        address = f"/api/v2/versions/{self.version}/splits"
        answer = self.world.client(self.uploader).post(address, json=self.split_body())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def _train(self) -> str:
        services, version_id = self.world.services, int(self.version)
        with services.database.write() as session:
            job = Job(type="core.train_objects", image_set_id=self.image_set)
            session.add(job)
            session.flush()
            facts = {"kind": "core.objects", "name": "cells", "split_name": "a", "split_digest": "", "settings": {}}
            run = TrainingRun(image_set_id=self.image_set, version_id=version_id, job_id=job.id, classes=[], **facts)
            session.add(run)
            session.flush()
            run_id, job_id = run.id, job.id
        one = np.ones(1)
        where = {"image_ids": one * self.image, "annotation_ids": -one, "groups": ["a"]}
        keep_evaluation(services, job_id, Evaluation("test", ("cell",), one[:, None], one.astype(int) * 0, **where))
        return str(run_id)

    def _branch(self) -> str:
        address = f"/api/v2/versions/{self.version}/branches"
        answer = self.world.client(self.uploader).post(address, json={"name": f"branch {next(_numbers)}"})
        assert answer.status_code == 201, answer.text
        branch = int(answer.json()["image_set_id"])
        fill(self.world.services, Actor.system(), branch)
        self.world.give_roles(self.image_set, branch)
        return str(branch)

    def merge_body(self) -> dict[str, object]:
        """A request that merges the branch into the place."""
        seen = self.world.client(self.uploader).get(f"/api/v2/image-sets/{self.branch}/merge-preview").json()
        return {"reason": "done", **{name: seen[name] for name in ("source_revision", "branch_revision")}}

    def _begin_upload(self) -> str:
        answer = self.world.client(self.uploader).post("/api/v2/uploads", headers=self.upload_headers())
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"].rsplit("/", 1)[1])


class World:
    """A running instance with people of every role."""

    def __init__(self, instance: Instance, folder: Path) -> None:
        self.instance = instance
        self.services = instance.services
        self._database = instance.services.database
        self.shared_file = write_jpeg_pyramid(folder / f"{SECRET_NAME}.tif", tissue(600, 700))
        self._report: ProbeReport | None = None
        self._clients: dict[str, TestClient] = {}
        self._untouched: Place | None = None
        self._untouched_by = ""
        self.users = {name: self._user(name) for name in ("stranger", *ROLES, "lead", "victim", "owner", "drawer")}
        self.users["admin"] = self._user("boss", is_admin=True)
        self.own_team = self.team(leads=["stranger"])  # a stranger here is at home elsewhere
        with self._database.write() as session:
            self.foreign_token = make_token(session, self.users["victim"], "theirs", ("read",), 1)[0].id
        self.foreign_session = 0
        self.client("victim")
        answer = self.client("victim").get("/api/v2/me/sessions")
        self.foreign_session = answer.json()[0]["id"]

    def _user(self, name: str, *, is_admin: bool = False) -> int:
        with self._database.write() as session:
            user = User(name=name, folded_name=name, display_name=name.title(), is_admin=is_admin)
            session.add(user)
            session.flush()
            return user.id

    def team(self, *, leads: list[str], members: list[str] | None = None) -> int:
        """A new team of these people."""
        with self._database.write() as session:
            name = f"team-{next(_numbers)}"
            team = Team(name=name, folded_name=name)
            session.add(team)
            session.flush()
            people = [(each, True) for each in leads] + [(each, False) for each in members or []]
            session.add_all(TeamMember(team_id=team.id, user_id=self.users[who], is_lead=lead) for who, lead in people)
            raise_epoch(session, "access")
            return team.id

    def place(self, *, is_foreign: bool = False, mode: str = "cooperative", **image: object) -> Place:
        """A new place: of the people of this world, or of others whom none of them knows."""
        team = self.team(leads=["owner" if is_foreign else "lead"], members=["victim"])
        guests = self.team(leads=["victim"])
        number = next(_numbers)
        with self._database.write() as session:
            image_set = ImageSet(team_id=team, name=f"zebra set {number}", mode=mode)
            product = Product(team_id=team, name=f"zebra product {number}")
            session.add_all([image_set, product])
            session.flush()
            kind = AnnotationType(
                product_id=product.id, name=f"zebra {number}", shapes=["box", "point"], example_path="examples/one.jpg"
            )
            roles = {"drawer": "annotator", "owner": "manager"} if is_foreign else {role: role for role in ROLES}
            session.add_all(
                ImageSetMember(image_set_id=image_set.id, user_id=self.users[who], role=role)
                for who, role in roles.items()
            )
            guest = User(name=f"guest{number}", folded_name=f"guest{number}")
            row = Image(image_set_id=image_set.id, name=f"zebra image {number}", **{**self._pixels(), **image})
            session.add_all([kind, guest, row, ImageSetProduct(image_set_id=image_set.id, product_id=product.id)])
            session.flush()
            session.add_all(
                [
                    ImageSetMember(image_set_id=image_set.id, user_id=guest.id, role="viewer"),
                    ImageSetMember(image_set_id=image_set.id, team_id=guests, role="viewer"),
                ]
            )
            job = Job(type="core.probe", plugin="core", image_set_id=image_set.id, params={"image_ids": []})
            session.add(job)
            session.flush()
            for epoch in ("access", "images"):
                raise_epoch(session, epoch)
            place = Place(
                self, image_set.id, team, row.id, product.id, kind.id, job.id, guest.id, guests,
                "drawer" if is_foreign else "annotator", "owner" if is_foreign else "manager",
            )  # fmt: skip
        for plugin in PLUGINS:
            if plugin in self.services.kernel.records:
                self.instance.switch(plugin, place.image_set, enabled=True)
        return place

    def untouched_place(self, operation: str) -> Place:
        """A place in which this operation was not done yet: where it was refused, the place is as it was."""
        if self._untouched is None or self._untouched_by != operation:
            self._untouched, self._untouched_by = self.place(), operation
        return self._untouched

    def touched(self, place: Place, answer: Response) -> None:
        """Say what came of a request in a place; one that was done makes the next one take another place."""
        if answer.is_success and place is self._untouched:
            self._untouched = None

    def give_roles(self, image_set: int, other: int) -> None:
        """Give everybody the role in another set that they have in one."""
        member = ImageSetMember
        with self._database.write() as session:
            have = set(session.scalars(select(member.user_id).where(member.image_set_id == other)))
            roles = select(member.user_id, member.role).where(member.image_set_id == image_set, member.user_id > 0)
            session.add_all(
                member(image_set_id=other, user_id=user_id, role=role)
                for user_id, role in session.execute(roles).all()
                if user_id not in have
            )
            raise_epoch(session, "access")

    def client(self, person: str) -> TestClient:
        """The browser or the program of somebody, kept for the next time."""
        if person not in self._clients:
            self._clients[person] = self.new_client(person)
        return self._clients[person]

    def forget_clients(self) -> None:
        """Let everybody log in again: somebody ended sessions."""
        self._clients.clear()

    def new_client(self, person: str) -> TestClient:
        """A browser in which somebody has just logged in; for ``read_only`` a program."""
        app = self.instance._app
        if person == "nobody":
            return Client(app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False)
        with self._database.write() as session:
            if person == "read_only":
                _, token = make_token(session, self.users["manager"], "reader", ("read",), 1)
                headers = {"Authorization": f"Bearer {token}"}
                return Client(app, base_url=ADDRESS, headers=headers, raise_server_exceptions=False)
            user = session.get_one(User, self.users[person])
            secret = self.services.settings.secret
            key = open_session(session, user, secret, days=1, user_agent="test")
        return Client(
            app,
            base_url=ADDRESS,
            headers={"X-CSRF-Token": csrf_token_of(secret, key), "Origin": ADDRESS},
            cookies={SESSION_COOKIE: key},
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def _pixels(self) -> dict[str, object]:
        """The columns of an image that can be shown; all places share one file."""
        if self._report is None:
            self._report = probe_file(self.shared_file, self.services.settings)
            assert not self._report.unreadable, self._report.unreadable
            self.services.blobs.write("derived/shared.index", self._report.tile_index)
            self.services.blobs.write("examples/one.jpg", b"\xff\xd8\xff\xd9")
        report = self._report
        return {
            "private_name": f"{SECRET_NAME}.tif",
            "file_path": str(self.shared_file),
            "is_external": True,
            "status": "ready",
            "content_version": f"v{next(_numbers)}",
            "source_driver": report.driver,
            "width": report.width,
            "height": report.height,
            "size_z": report.size_z,
            "size_t": report.size_t,
            "size_c": report.size_c,
            "frames": report.frames,
            "levels": list(report.levels),
            "tile_index_path": "derived/shared.index",
            "has_associated": ["label"],
            "checksum": "c" * 64,
        }
