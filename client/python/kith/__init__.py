"""Client of Kith, the vector-database server that understands text. Begin with `kith.connect`."""

from kith.client import Client, connect
from kith.enums import (
    CollectionState, Durability, FieldType, GroupBy, IndexPhase, Metric, OperationKind,
    OperationState, Quantization, SegmentState, SplitterKind, Strategy, TextRole, Truncation,
)  # fmt: skip
from kith.errors import (
    Aborted, AlreadyExists, Cancelled, DataLoss, DeadlineExceeded, Error, FailedPrecondition,
    FieldViolation, Internal, InvalidArgument, NotFound, OutOfRange, PermissionDenied,
    ResourceExhausted, Unauthenticated, Unavailable, Unimplemented, Unknown,
)  # fmt: skip
from kith.options import Deadlines, RetryOptions
from kith.types import (
    Collection, CollectionStats, CommitToken, DeleteResponse, Document, DocumentDelete,
    DocumentInput, Embedding, EncodeResponse, Estimate, GetResponse, IndexOptions, IndexSegment,
    IndexStatus, IngestAck, Limits, Model, Operation, Passage, Recall, RecallPoint, ScoredPassage,
    SearchHit, SearchQuery, SearchResponse, SearchUsage, Select, ServerInfo, SplitterOptions,
    Token, UpsertResponse, UpsertResult, VectorSpace,
)  # fmt: skip

__version__ = "0.1.0"

__all__ = [
    "Aborted", "AlreadyExists", "Cancelled", "Client", "Collection", "CollectionState",
    "CollectionStats", "CommitToken", "DataLoss", "DeadlineExceeded", "Deadlines",
    "DeleteResponse", "Document", "DocumentDelete", "DocumentInput", "Durability", "Embedding",
    "EncodeResponse", "Error", "Estimate", "FailedPrecondition", "FieldType", "FieldViolation",
    "GetResponse", "GroupBy", "IndexOptions", "IndexPhase", "IndexSegment", "IndexStatus",
    "IngestAck", "Internal", "InvalidArgument", "Limits", "Metric", "Model", "NotFound",
    "Operation", "OperationKind", "OperationState", "OutOfRange", "Passage", "PermissionDenied",
    "Quantization", "Recall", "RecallPoint", "ResourceExhausted", "RetryOptions", "ScoredPassage",
    "SearchHit", "SearchQuery", "SearchResponse", "SearchUsage", "SegmentState", "Select",
    "ServerInfo", "SplitterKind", "SplitterOptions", "Strategy", "TextRole", "Token", "Truncation",
    "Unauthenticated", "Unavailable", "Unimplemented", "Unknown", "UpsertResponse", "UpsertResult",
    "VectorSpace", "connect",
]  # fmt: skip
