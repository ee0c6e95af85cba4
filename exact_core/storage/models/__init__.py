"""Every mapped table of the core."""

from exact_core.storage.models.annotation import (
    EVERY_FRAME,
    LIVE,
    Annotation,
    AnnotationDetail,
    AnnotationRevision,
    AnnotationSummary,
    ChangeSet,
)
from exact_core.storage.models.base import Base, UtcDateTime, now
from exact_core.storage.models.image import Image, ImagePin, ImageTag, Upload
from exact_core.storage.models.image_set import (
    Epoch,
    ImageSet,
    ImageSetMember,
    ImageSetPin,
    ImageSetPlugin,
    ImageSetTag,
    PluginFault,
    Tag,
)
from exact_core.storage.models.job import IdempotencyKey, Job
from exact_core.storage.models.product import AnnotationType, ImageSetProduct, Product
from exact_core.storage.models.review import (
    Adjudication,
    AnnotationVerification,
    Assignment,
    AuditEvent,
    ImageReview,
    ReviewItem,
)
from exact_core.storage.models.user import (
    AccessToken,
    LoginLink,
    LoginSession,
    LoginThrottle,
    Team,
    TeamMember,
    User,
)

__all__ = [
    "EVERY_FRAME",
    "LIVE",
    "AccessToken",
    "Adjudication",
    "Annotation",
    "AnnotationDetail",
    "AnnotationRevision",
    "AnnotationSummary",
    "AnnotationType",
    "AnnotationVerification",
    "Assignment",
    "AuditEvent",
    "Base",
    "ChangeSet",
    "Epoch",
    "IdempotencyKey",
    "Image",
    "ImagePin",
    "ImageReview",
    "ImageSet",
    "ImageSetMember",
    "ImageSetPin",
    "ImageSetPlugin",
    "ImageSetProduct",
    "ImageSetTag",
    "ImageTag",
    "Job",
    "LoginLink",
    "LoginSession",
    "LoginThrottle",
    "PluginFault",
    "Product",
    "ReviewItem",
    "Tag",
    "Team",
    "TeamMember",
    "Upload",
    "User",
    "UtcDateTime",
    "now",
]
