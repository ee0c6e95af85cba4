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
from exact_core.storage.models.branch import Branch, BranchImage, BranchMerge
from exact_core.storage.models.exchange import AnnotationExport, AnnotationImport, ExportTemplate
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
from exact_core.storage.models.model import Model, ModelFile
from exact_core.storage.models.product import AnnotationType, AnnotationTypeHistory, ImageSetProduct, Product
from exact_core.storage.models.review import (
    Adjudication,
    AnnotationVerification,
    Assignment,
    AuditEvent,
    ImageReview,
    ReviewItem,
)
from exact_core.storage.models.search import SavedSearch
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
from exact_core.storage.models.version import (
    Version,
    VersionArtefact,
    VersionContent,
    VersionImage,
    VersionSplit,
)

__all__ = [
    "EVERY_FRAME",
    "LIVE",
    "AccessToken",
    "Activity",
    "Adjudication",
    "AgreementResult",
    "Annotation",
    "AnnotationDetail",
    "AnnotationExport",
    "AnnotationImport",
    "AnnotationRevision",
    "AnnotationSummary",
    "AnnotationType",
    "AnnotationTypeHistory",
    "AnnotationVerification",
    "Assignment",
    "AuditEvent",
    "Base",
    "Branch",
    "BranchImage",
    "BranchMerge",
    "ChangeSet",
    "Epoch",
    "ExportTemplate",
    "GoldImage",
    "GoldReference",
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
    "Model",
    "ModelFile",
    "PluginFault",
    "Product",
    "ReviewItem",
    "SavedSearch",
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
    "Version",
    "VersionArtefact",
    "VersionContent",
    "VersionImage",
    "VersionSplit",
    "now",
]
