"""Client of Kith, the vector-database server that understands text. Begin with `kith.connect`."""

from kith.client import Client, connect
from kith.enums import (
    CollectionState, Durability, FieldType, GroupBy, IndexPhase, MetadataUpdateMode, Metric,
    ModelKind, OperationKind, OperationState, Quantization, RecommendMethod, ReembeddingState,
    ScoreNormalisation, SegmentState, SplitterKind, Strategy, TextRole, Truncation,
)  # fmt: skip
from kith.errors import (
    Aborted, AlreadyExists, Cancelled, DataLoss, DeadlineExceeded, Error, FailedPrecondition,
    FieldViolation, Internal, InvalidArgument, NotFound, OutOfRange, PermissionDenied,
    ResourceExhausted, Unauthenticated, Unavailable, Unimplemented, Unknown,
)  # fmt: skip
from kith.options import Deadlines, RetryOptions, Tls
from kith.types import (
    Collection, CollectionStats, CommitToken, DeleteResponse, Diversify, Document, DocumentDelete,
    DocumentId, DocumentInput, Embedding, EncodeResponse, Estimate, Facet, FacetValue, Facets,
    GetResponse, Hybrid, IndexOptions, IndexSegment, IndexStatus, IngestAck, Lexical, Limits,
    MetadataUpdate, MetadataUpdateResult, Model, Operation, PartScore, Passage, QueryCache, Recall,
    RecallPoint, Recommend, Reembedding, Rerank, RerankResponse, RerankResult, RerankScore, Rrf, ScoredPassage,
    SearchExplanation, SearchHit, SearchQuery, SearchResponse, SearchStage, SearchUsage, Select,
    ServerInfo, SplitterOptions, TextIndexOptions, Token, TokenUsage, UpdateMetadataResponse,
    UpsertResponse, UpsertResult, VectorSpace, Weighted,
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
    "MetadataUpdateResult", "Metric", "Model", "ModelKind", "NotFound", "Operation", "OperationKind",
    "OperationState", "OutOfRange", "PartScore", "Passage", "PermissionDenied", "Quantization",
    "QueryCache", "Recall", "RecallPoint", "Recommend", "RecommendMethod", "Reembedding",
    "ReembeddingState", "Rerank",
    "RerankResponse", "RerankResult", "RerankScore", "ResourceExhausted", "RetryOptions", "Rrf",
    "ScoreNormalisation", "ScoredPassage", "SearchExplanation", "SearchHit", "SearchQuery",
    "SearchResponse", "SearchStage", "SearchUsage", "SegmentState", "Select", "ServerInfo",
    "SplitterKind", "SplitterOptions", "Strategy", "TextIndexOptions", "TextRole", "Tls", "Token",
    "TokenUsage", "Truncation", "Unauthenticated", "Unavailable", "Unimplemented", "Unknown",
    "UpdateMetadataResponse", "UpsertResponse", "UpsertResult", "VectorSpace", "Weighted",
    "connect",
]  # fmt: skip
