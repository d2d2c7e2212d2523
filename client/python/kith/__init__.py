"""Client of Kith, the vector-database server that understands text. Begin with `kith.connect`."""

from kith.client import Client, connect
from kith.enums import (
    CollectionState, Durability, FieldType, GroupBy, IndexPhase, MetadataUpdateMode, Metric,
    OperationKind, OperationState, Quantization, RecommendMethod, ScoreNormalisation, SegmentState,
    SplitterKind, Strategy, TextRole, Truncation,
)  # fmt: skip
from kith.errors import (
    Aborted, AlreadyExists, Cancelled, DataLoss, DeadlineExceeded, Error, FailedPrecondition,
    FieldViolation, Internal, InvalidArgument, NotFound, OutOfRange, PermissionDenied,
    ResourceExhausted, Unauthenticated, Unavailable, Unimplemented, Unknown,
)  # fmt: skip
from kith.options import Deadlines, RetryOptions
from kith.types import (
    Collection, CollectionStats, CommitToken, DeleteResponse, Diversify, Document, DocumentDelete,
    DocumentId, DocumentInput, Embedding, EncodeResponse, Estimate, Facet, FacetValue, Facets,
    GetResponse, Hybrid, IndexOptions, IndexSegment, IndexStatus, IngestAck, Lexical, Limits,
    MetadataUpdate, MetadataUpdateResult, Model, Operation, PartScore, Passage, Recall, RecallPoint,
    Recommend, Rrf, ScoredPassage, SearchExplanation, SearchHit, SearchQuery, SearchResponse,
    SearchStage, SearchUsage, Select, ServerInfo, SplitterOptions, TextIndexOptions, Token,
    UpdateMetadataResponse, UpsertResponse, UpsertResult, VectorSpace, Weighted,
)  # fmt: skip

__version__ = "0.1.0"

__all__ = [
    "Aborted", "AlreadyExists", "Cancelled", "Client", "Collection", "CollectionState",
    "CollectionStats", "CommitToken", "DataLoss", "DeadlineExceeded", "Deadlines", "DeleteResponse",
    "Diversify", "Document", "DocumentDelete", "DocumentId", "DocumentInput", "Durability",
    "Embedding", "EncodeResponse", "Error", "Estimate", "Facet", "FacetValue", "Facets",
    "FailedPrecondition", "FieldType", "FieldViolation", "GetResponse", "GroupBy", "Hybrid",
    "IndexOptions", "IndexPhase", "IndexSegment", "IndexStatus", "IngestAck", "Internal",
    "InvalidArgument", "Lexical", "Limits", "MetadataUpdate", "MetadataUpdateMode",
    "MetadataUpdateResult", "Metric", "Model", "NotFound", "Operation", "OperationKind",
    "OperationState", "OutOfRange", "PartScore", "Passage", "PermissionDenied", "Quantization",
    "Recall", "RecallPoint", "Recommend", "RecommendMethod", "ResourceExhausted", "RetryOptions",
    "Rrf", "ScoreNormalisation", "ScoredPassage", "SearchExplanation", "SearchHit", "SearchQuery",
    "SearchResponse", "SearchStage", "SearchUsage", "SegmentState", "Select", "ServerInfo",
    "SplitterKind", "SplitterOptions", "Strategy", "TextIndexOptions", "TextRole", "Token",
    "Truncation", "Unauthenticated", "Unavailable", "Unimplemented", "Unknown",
    "UpdateMetadataResponse", "UpsertResponse", "UpsertResult", "VectorSpace", "Weighted",
    "connect",
]  # fmt: skip
