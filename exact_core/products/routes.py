"""Addresses of products, their annotation types, and the products that an image set uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.set_events import Listening, listening_to
from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.auth.teams import Teams
from exact_core.products import (
    attachments,
    attribute_changes,
    examples,
    merging,
    service,
    type_history,
    types,
)
from exact_core.products.schemas import (
    AnnotationTypeIn,
    AnnotationTypeOut,
    AnnotationTypePatchIn,
    AnnotationTypesOut,
    AttributeEffectsOut,
    AttributesIn,
    MergeIn,
    MergeOut,
    OrderIn,
    ProductCopyIn,
    ProductDetailOut,
    ProductIdsIn,
    ProductIn,
    ProductPageOut,
    ProductPatchIn,
    ProductUsageOut,
    TypeHistoryOut,
)
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import AnnotationType, Product
from exact_core.storage.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v2", tags=["products"])

_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]


@router.get("/products", summary="List products")
def list_products(
    actor: CurrentActor,
    session: DbSession,
    q: Annotated[str, Query(max_length=100, description="Part of the name.")] = "",
    team_id: int | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ProductPageOut:
    """Products of one's teams and of the image sets that one may see, by name."""
    items, next_cursor = service.page(session, actor, query=q, team_id=team_id, cursor=cursor, limit=limit)
    return ProductPageOut.model_validate({"items": items, "next_cursor": next_cursor})


@router.post("/products", summary="Create a product", status_code=201, response_model=ProductDetailOut)
def create_product(request: Request, new: ProductIn, actor: CurrentActor, idempotency_key: _Key = None) -> Response:
    """Make a product, with its types if wanted; leads of the team and administrators may."""
    with _repeatable(request, actor, idempotency_key, new) as (session, answer):
        Teams(session, actor).require_lead(new.team_id)  # also before an answer that was kept
        if answer.body is None:
            kinds = [kind.model_dump(mode="json") for kind in new.types]
            product = service.create(session, actor, new.team_id, new.name, new.description, kinds)
            answer.keep(ProductDetailOut.model_validate(service.detail(session, actor, _fresh(session, product))))
    return answer.response()


@router.get("/products/{product_id}", summary="Read a product")
def read_product(product_id: int, actor: CurrentActor, session: DbSession) -> ProductDetailOut:
    """A product with its types, retired ones too, and the image sets that use it."""
    return _detail(session, actor, service.find(session, actor, product_id))


@router.patch("/products/{product_id}", summary="Change a product")
def change_product(request: Request, product_id: int, changes: ProductPatchIn, actor: CurrentActor) -> ProductDetailOut:
    """Rename or describe a product."""
    with services_of(request).database.write() as session:
        product = service.find_to_edit(session, actor, product_id)
        service.change(session, product, changes.name, changes.description)
        return _detail(session, actor, product)


@router.delete("/products/{product_id}", summary="Delete a product", status_code=204)
def delete_product(request: Request, product_id: int, actor: CurrentActor) -> None:
    """Delete a product that no image set and no annotation uses."""
    services = services_of(request)
    with services.database.write() as session:
        files = service.delete(session, service.find_to_edit(session, actor, product_id))
    for path in files:
        services.blobs.remove(path)


@router.post("/products/{product_id}/copy", summary="Copy a product", status_code=201, response_model=ProductDetailOut)
def copy_product(
    request: Request, product_id: int, new: ProductCopyIn, actor: CurrentActor, idempotency_key: _Key = None
) -> Response:
    """Make a product with copies of the active types of another."""
    with _repeatable(request, actor, idempotency_key, new) as (session, answer):
        source = service.find(session, actor, product_id)
        Teams(session, actor).require_lead(new.team_id or source.team_id)
        if answer.body is None:
            product = service.copy(session, services_of(request).blobs, actor, source, new.name, new.team_id)
            answer.keep(ProductDetailOut.model_validate(service.detail(session, actor, _fresh(session, product))))
    return answer.response()


@router.get("/products/{product_id}/usage", summary="How much a product is used")
def read_usage(product_id: int, actor: CurrentActor, session: DbSession) -> ProductUsageOut:
    """Live annotations and image sets per type; for those who may change the product."""
    product = service.find_to_edit(session, actor, product_id)
    return ProductUsageOut.model_validate({"items": service.usage(session, actor, product)})


@router.put("/products/{product_id}/order", summary="Order the types of a product")
def order_types(request: Request, product_id: int, order: OrderIn, actor: CurrentActor) -> ProductDetailOut:
    """Say in which order the types are shown; each must be named once."""
    with services_of(request).database.write() as session:
        product = service.find_to_edit(session, actor, product_id)
        types.reorder(product, order.type_ids)
        session.flush()
        return _detail(session, actor, _fresh(session, product))


@router.post(
    "/products/{product_id}/types",
    summary="Create an annotation type",
    status_code=201,
    response_model=AnnotationTypeOut,
)
def create_type(
    request: Request, product_id: int, new: AnnotationTypeIn, actor: CurrentActor, idempotency_key: _Key = None
) -> Response:
    """Add a type to a product."""
    with _repeatable(request, actor, idempotency_key, new) as (session, answer):
        product = service.find_to_edit(session, actor, product_id)
        if answer.body is None:
            kind = types.create(session, product, new.model_dump(mode="json"))
            answer.keep(AnnotationTypeOut.model_validate(types.to_json(kind, product.name)))
    return answer.response()


@router.get("/annotation-types/{type_id}", summary="Read an annotation type")
def read_type(type_id: int, actor: CurrentActor, session: DbSession) -> AnnotationTypeOut:
    """One annotation type of a product that one may see."""
    return _type_out(*_find_type(session, actor, type_id))


@router.patch("/annotation-types/{type_id}", summary="Change an annotation type")
def change_type(
    request: Request, type_id: int, changes: AnnotationTypePatchIn, actor: CurrentActor
) -> AnnotationTypeOut:
    """Change, retire or reactivate a type; a shape that annotations have cannot be forbidden."""
    with _changing(request, actor) as (session, listening):
        kind, product = _find_type(session, actor, type_id, to_edit=True)
        values = _given(changes)
        if "attributes" in values:
            attribute_changes.apply(
                session, actor, kind, values["attributes"], drop=changes.drop_values, listening=listening
            )
        types.change(session, kind, values, actor.user_id, changes.reason)
        return _type_out(kind, product)


@router.delete("/annotation-types/{type_id}", summary="Delete an annotation type", status_code=204)
def delete_type(request: Request, type_id: int, actor: CurrentActor) -> None:
    """Delete a type that was never used; one in use can be retired."""
    services = services_of(request)
    with services.database.write() as session:
        kind, _ = _find_type(session, actor, type_id, to_edit=True)
        path = types.delete(session, kind)
    if path:
        services.blobs.remove(path)


@router.post("/annotation-types/{type_id}/attribute-effects", summary="Tell what a change of attributes does")
def tell_attribute_effects(
    type_id: int, wanted: AttributesIn, actor: CurrentActor, session: DbSession
) -> AttributeEffectsOut:
    """How many values of annotations would be kept and dropped, in image sets where one sees everybody's."""
    kind, _ = _find_type(session, actor, type_id, to_edit=True)
    definitions = wanted.model_dump(mode="json")["attributes"]
    sets = attribute_changes.visible_sets(session, actor, type_id)
    return AttributeEffectsOut.model_validate(attribute_changes.effects(session, kind, definitions, sets).to_json())


@router.post("/annotation-types/{type_id}/merge", summary="Merge an annotation type into another")
def merge_type(
    request: Request,
    type_id: int,
    wanted: MergeIn,
    actor: CurrentActor,
    preview: Annotated[bool, Query(description="Tell what it would do, and do nothing.")] = False,
) -> MergeOut:
    """Give all its annotations to another type of the product, in one change per image set, and retire it."""
    with _changing(request, actor) as (session, listening):
        source, _ = _find_type(session, actor, type_id, to_edit=True)
        target, _ = _find_type(session, actor, wanted.into_id)
        plan = merging.MergePlan(source, target, wanted.attributes, wanted.keep_attributes, wanted.reason)
        if preview:
            return MergeOut.model_validate(merging.preview(session, actor, plan))
        merging.check(plan)
        return MergeOut.model_validate(merging.merge(session, actor, plan, listening))


@router.get("/annotation-types/{type_id}/history", summary="Show how an annotation type changed")
def show_type_history(
    type_id: int,
    actor: CurrentActor,
    session: DbSession,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TypeHistoryOut:
    """What was said of the type before and after each change, by whom, when and why; newest first."""
    _find_type(session, actor, type_id)
    items, more = type_history.page(session, AnnotationType.id == type_id, cursor=cursor, limit=limit)
    return TypeHistoryOut.model_validate({"items": items, "next_cursor": more})


@router.get("/products/{product_id}/type-history", summary="Show how the types of a product changed")
def show_product_history(
    product_id: int,
    actor: CurrentActor,
    session: DbSession,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TypeHistoryOut:
    """Changes of all its types, newest first."""
    service.find(session, actor, product_id)
    condition = AnnotationType.product_id == product_id
    items, more = type_history.page(session, condition, cursor=cursor, limit=limit)
    return TypeHistoryOut.model_validate({"items": items, "next_cursor": more})


@router.put("/annotation-types/{type_id}/example", summary="Set the example picture")
def set_example(request: Request, type_id: int, file: UploadFile, actor: CurrentActor) -> AnnotationTypeOut:
    """Upload an example; it is decoded apart from the server and stored anew as a small JPEG."""
    services = services_of(request)
    with services.database.read() as session:
        _find_type(session, actor, type_id, to_edit=True)
    picture = examples.as_jpeg(services, file.file.read(examples.MAX_BYTES + 1))
    return _replace_example(request, actor, type_id, picture)


@router.delete("/annotation-types/{type_id}/example", summary="Remove the example picture")
def remove_example(request: Request, type_id: int, actor: CurrentActor) -> AnnotationTypeOut:
    """Remove the example picture."""
    return _replace_example(request, actor, type_id, None)


@router.get(
    "/annotation-types/{type_id}/example",
    summary="Show the example picture",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def show_example(request: Request, type_id: int, actor: CurrentActor, session: DbSession) -> FileResponse:
    """The example picture as JPEG."""
    kind, _ = _find_type(session, actor, type_id)
    path = services_of(request).blobs.path(kind.example_path) if kind.example_path else None
    if path is None or not path.is_file():
        raise NotFound(f"The type {kind.name} has no example picture.")
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="image/jpeg", headers=headers)


@router.get("/image-sets/{image_set_id}/products", summary="List the products of an image set")
def list_set_products(access: ImageSetAccess, actor: CurrentActor, session: DbSession) -> ProductPageOut:
    """The products that the image set uses."""
    products = attachments.products_of(session, access.image_set_id)
    return ProductPageOut.model_validate({"items": service.outlines(session, actor, products), "next_cursor": None})


@router.put("/image-sets/{image_set_id}/products", summary="Choose the products of an image set")
def set_set_products(request: Request, image_set_id: int, chosen: ProductIdsIn, actor: CurrentActor) -> ProductPageOut:
    """Use exactly these products; one whose types have annotations in the set cannot go."""
    with services_of(request).database.write() as session:
        Rights(session).require(actor, Right.MANAGE, image_set_id)
        attachments.set_products(session, actor, image_set_id, chosen.product_ids)
        items = service.outlines(session, actor, attachments.products_of(session, image_set_id))
    return ProductPageOut.model_validate({"items": items, "next_cursor": None})


@router.get("/image-sets/{image_set_id}/annotation-types", summary="List the annotation types of an image set")
def list_set_types(access: ImageSetAccess, session: DbSession) -> AnnotationTypesOut:
    """All types of the set's products in order, each with the key that chooses it; retired ones are marked."""
    return AnnotationTypesOut.model_validate({"items": attachments.types_of(session, access.image_set_id)})


class _Answer:
    """The answer of a create: of this request, or of the same one before."""

    def __init__(self, body: bytes | None, repeat: Repeat, session: Session) -> None:
        self.body = body
        self._repeat = repeat
        self._session = session

    def keep(self, value: BaseModel) -> None:
        """Answer this, now and when the request comes again."""
        self.body = value.model_dump_json().encode()
        self._repeat.keep(self._session, 201, self.body)

    def response(self) -> Response:
        """What is sent."""
        return Response(self.body, status_code=201, media_type="application/json")


@contextmanager
def _repeatable(request: Request, actor: Actor, key: str | None, new: BaseModel) -> Iterator[tuple[Session, _Answer]]:
    """A transaction for a create that may come twice."""
    repeat = Repeat(actor, key, request.method, request.url.path, new.model_dump_json())
    with services_of(request).database.write() as session:
        seen = repeat.claim(session)
        yield session, _Answer(seen.body if seen else None, repeat, session)


@contextmanager
def _changing(request: Request, actor: Actor) -> Iterator[tuple[Session, Listening]]:
    """A unit of work for changes of types that can change annotations too."""
    services = services_of(request)
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        yield uow.session, listening_to(uow, services.kernel.hooks)


def _find_type(
    session: Session, actor: Actor, type_id: int, *, to_edit: bool = False
) -> tuple[AnnotationType, Product]:
    statement = (
        select(AnnotationType, Product)
        .join(Product, Product.id == AnnotationType.product_id)
        .where(AnnotationType.id == type_id, service.visible(session, actor))
    )
    found = session.execute(statement).first()
    if found is None:
        raise NotFound(f"There is no annotation type {type_id} that you may see.")
    if to_edit:
        service.require_lead(session, actor, found[1].team_id)
    return found


def _replace_example(request: Request, actor: Actor, type_id: int, picture: bytes | None) -> AnnotationTypeOut:
    services = services_of(request)
    path = types.new_example_path() if picture is not None else ""
    if picture is not None:
        services.blobs.write(path, picture)
    with services.database.write() as session:
        kind, product = _find_type(session, actor, type_id, to_edit=True)
        before, kind.example_path = kind.example_path, path
        session.flush()
        answer = _type_out(kind, product)
    if before:
        services.blobs.remove(before)
    return answer


def _given(changes: AnnotationTypePatchIn) -> dict[str, Any]:
    """What the client said; null clears sizes and the parent, elsewhere it means unchanged."""
    clearable = {"default_width", "default_height", "parent_id"}
    values = changes.model_dump(mode="json", exclude_unset=True, exclude={"reason", "drop_values"})
    return {name: value for name, value in values.items() if value is not None or name in clearable}


def _fresh(session: Session, product: Product) -> Product:
    session.refresh(product, ["types"])
    return product


def _detail(session: Session, actor: Actor, product: Product) -> ProductDetailOut:
    return ProductDetailOut.model_validate(service.detail(session, actor, product))


def _type_out(kind: AnnotationType, product: Product) -> AnnotationTypeOut:
    return AnnotationTypeOut.model_validate(types.to_json(kind, product.name))
