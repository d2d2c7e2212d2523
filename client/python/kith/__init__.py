"""Client of Kith, the vector-database server that understands text. Begin with `kith.connect`."""

from kith.client import Client, connect
from kith.enums import (
    CollectionState, Durability, FieldType, GroupBy, Metric, OperationKind, OperationState,
    SplitterKind, Strategy, TextRole, Truncation,
)  # fmt: skip
from kith.errors import (
    Aborted, AlreadyExists, Cancelled, DataLoss, DeadlineExceeded, Error, FailedPrecondition,
    FieldViolation, Internal, InvalidArgument, NotFound, OutOfRange, PermissionDenied,
    ResourceExhausted, Unauthenticated, Unavailable, Unimplemented, Unknown,
)  # fmt: skip
from kith.options import Deadlines, RetryOptions
from kith.types import (
    Collection, CollectionStats, CommitToken, DeleteResponse, Document, DocumentDelete,
    DocumentInput, Embedding, EncodeResponse, GetResponse, IngestAck, Limits, Model, Operation,
    Passage, ScoredPassage, SearchHit, SearchQuery, SearchResponse, SearchUsage, Select,
    ServerInfo, SplitterOptions, Token, UpsertResponse, UpsertResult, VectorSpace,
)  # fmt: skip

__version__ = "0.1.0"

__all__ = [
    "Aborted", "AlreadyExists", "Cancelled", "Client", "Collection", "CollectionState",
    "CollectionStats", "CommitToken", "DataLoss", "DeadlineExceeded", "Deadlines",
    "DeleteResponse", "Document", "DocumentDelete", "DocumentInput", "Durability", "Embedding",
    "EncodeResponse", "Error", "FailedPrecondition", "FieldType", "FieldViolation", "GetResponse",
    "GroupBy", "IngestAck", "Internal", "InvalidArgument", "Limits", "Metric", "Model", "NotFound",
    "Operation", "OperationKind", "OperationState", "OutOfRange", "Passage", "PermissionDenied",
    "ResourceExhausted", "RetryOptions", "ScoredPassage", "SearchHit", "SearchQuery",
    "SearchResponse", "SearchUsage", "Select", "ServerInfo", "SplitterKind", "SplitterOptions",
    "Strategy", "TextRole", "Token", "Truncation", "Unauthenticated", "Unavailable",
    "Unimplemented", "Unknown", "UpsertResponse", "UpsertResult", "VectorSpace", "connect",
]  # fmt: skip
