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
from exact_core.storage.models.study import (
    Activity,
    AgreementResult,
    GoldImage,
    GoldReference,
    Study,
    StudyAnswer,
    StudyParticipant,
    StudyTask,
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
    "Activity",
    "AgreementResult",
    "Annotation",
    "AnnotationDetail",
    "AnnotationRevision",
    "AnnotationSummary",
    "AnnotationType",
    "Base",
    "ChangeSet",
    "Epoch",
    "GoldImage",
    "GoldReference",
    "IdempotencyKey",
    "Image",
    "ImagePin",
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
    "Study",
    "StudyAnswer",
    "StudyParticipant",
    "StudyTask",
    "Tag",
    "Team",
    "TeamMember",
    "Upload",
    "User",
    "UtcDateTime",
    "now",
]
