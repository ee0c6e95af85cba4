"""Reading annotations: what the platform promises to plugins, with rights and blind rules already applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from exact_core.api.contributions import Shape
from exact_core.api.images import ImageInfo

Cell: TypeAlias = tuple[int, int]
"""Column and row of a cell of a grid that starts at the image's upper left corner."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of one frame of one image, in level-0 pixels.

    A shape lies in the region when the centre of its bounding box, ``((x0 + x1) // 2, (y0 + y1) // 2)``, does; the
    upper left edge belongs to the region and the lower right edge does not, so that neighbours never share a shape.

    Attributes:
        image_id: The image.
        image_set_id: The image set that the image belongs to.
        x0: Left edge, inside.
        y0: Upper edge, inside.
        x1: Right edge, outside.
        y1: Lower edge, outside.
        z: Focal plane; -1 for all of them.
        t: Time point; -1 for all of them.
        c: Channel; -1 for all of them.
    """

    image_id: int
    image_set_id: int
    x0: int
    y0: int
    x1: int
    y1: int
    z: int = 0
    t: int = 0
    c: int = -1

    @classmethod
    def whole(cls, image: ImageInfo, *, z: int = 0, t: int = 0, c: int = -1) -> Region:
        """The region that holds the whole of one frame of an image."""
        return cls(image.id, image.image_set_id, 0, 0, image.width, image.height, z, t, c)


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """An annotation type, as much as a plugin needs to recognise it.

    Attributes:
        id: The annotation type.
        name: What annotators read.
        product_id: The product that it belongs to.
        product: That product's name.
        color: ``#rrggbb``.
    """

    id: int
    name: str
    product_id: int
    product: str
    color: str


@dataclass(frozen=True, slots=True)
class PlacedShape:
    """One live annotation, as much as is needed to compare it with others.

    Attributes:
        annotation_id: Its permanent identity.
        type: Its annotation type.
        author_id: Who drew it; None when an import or a model did, or when the reader may not know.
        shape: How it is drawn.
        box: Bounding box ``(x0, y0, x1, y1)`` in level-0 pixels, both ends inclusive.
        z: Focal plane, -1 when it belongs to all.
        t: Time point, -1 when it belongs to all.
    """

    annotation_id: int
    type: TypeInfo
    author_id: int | None
    shape: Shape
    box: tuple[int, int, int, int]
    z: int = 0
    t: int = 0


class AnnotationReader(Protocol):
    """Counts of the live annotations that one actor may see.

    It is bound to a database session and an actor when it is made, so a caller can neither forget nor widen what the
    actor may see: in a competitive image set an annotator's counts hold that annotator's own shapes only.
    """

    def count_by_type(self, region: Region) -> Mapping[TypeInfo, int]:
        """Count the shapes whose centre lies in a region.

        Args:
            region: Where to count. Frames: a shape that belongs to every frame of an axis is in each of them.

        Returns:
            The types that occur there and how often; types without a shape there are missing.
        """

    def grid_counts(self, region: Region, cell: int) -> Mapping[Cell, Mapping[TypeInfo, int]]:
        """Count the shapes of a region per square cell of a grid over the whole image.

        Args:
            region: Where to count; a shape's cell is ``(centre x // cell, centre y // cell)``.
            cell: Side of a cell in level-0 pixels. Multiples of 2048 are answered from kept sums and stay fast on
                millions of shapes; smaller cells read the shapes of the region.

        Returns:
            The cells that hold something, by (column, row).
        """

    def image_counts(self, image_set_id: int) -> Mapping[int, Mapping[TypeInfo, int]]:
        """Count the shapes of each image of an image set, in all of its frames; from kept sums, so for whole sets too.

        Args:
            image_set_id: The image set.

        Returns:
            Every image that the actor may see, by id, in the order of the set; those without a shape are empty. Labels
            of whole images are not counted.
        """

    def shapes(self, region: Region, limit: int = 100_000) -> Sequence[PlacedShape]:
        """List the shapes whose centre lies in a region, without their outlines; labels of the image are left out.

        Args:
            region: Where to look. Frames: as for ``count_by_type``.
            limit: The most that are listed.

        Returns:
            The shapes by their identity.

        Raises:
            TooLarge: There are more than ``limit``.
        """

    def seen(self, image_id: int, annotation_ids: Collection[int]) -> frozenset[int]:
        """Find out which annotations the actor may see now.

        Args:
            image_id: The image that carries them.
            annotation_ids: Their permanent identities; any number of them.

        Returns:
            Those of them that live on this image, were not deleted, and are no secret to the actor.
        """

    def revision(self, image_id: int) -> int:
        """Return a number that rises with every change to annotations of the image's set.

        It is part of a cache's key, beside who asks and whether they may ``see_all``: neither raises it.
        """
