"""What goes into calls and what comes back, as dataclasses. proto/kith/v1 documents every field.

What a program makes itself: DocumentInput, DocumentDelete, MetadataUpdate, Select, SplitterOptions,
IndexOptions, TextIndexOptions, SearchQuery and what it holds (Lexical, Hybrid, Rrf, Weighted, Recommend,
Diversify, Rerank).
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Optional, Sequence, Union

from kith.enums import (
    CollectionState, Durability, FieldType, GroupBy, IndexPhase, MetadataUpdateMode, Metric,
    ModelKind, OperationKind, OperationState, Quantization, RecommendMethod, ReembeddingState,
    ScoreNormalisation, SegmentState, SplitterKind, Strategy, Truncation,
)  # fmt: skip
from kith.errors import Error
from kith.metadata import Metadata, MetadataValue
from kith.vectors import Vector, VectorLike

# --- Shared ---


@dataclasses.dataclass(frozen=True)
class CommitToken:
    """Names a commit. A read with `at_least` set to the token of a write sees that write."""

    shard: str
    epoch: int
    sequence: int


@dataclasses.dataclass(frozen=True)
class Select:
    """Which parts of documents, or of hits, a read returns."""

    text: bool = False
    metadata: bool = False
    passages: bool = False  # of documents only: every hit names its passage
    vectors: bool = False
    fields: Sequence[str] = ()  # of hits only: these keys of the metadata and no others


@dataclasses.dataclass(frozen=True)
class Passage:
    """A part of a document's text that is encoded as one vector."""

    index: int
    begin_byte: int  # offsets into the UTF-8 text; see text_in
    end_byte: int
    heading_path: str
    token_count: int

    def text_in(self, document_text: str) -> str:
        """The passage, cut out of its document's text."""
        return document_text.encode()[self.begin_byte : self.end_byte].decode()


@dataclasses.dataclass(frozen=True)
class SplitterOptions:
    """How texts are cut. 0 and None stand for the server's defaults: 256 tokens, 32 of overlap."""

    kind: SplitterKind | str = SplitterKind.MARKDOWN
    max_tokens: int = 0
    overlap_tokens: Optional[int] = None


# --- Collections ---


@dataclasses.dataclass(frozen=True)
class IndexOptions:
    """How graphs are built. 0 stands for the server's defaults: m 16, ef_construction 200."""

    quantization: Quantization | str = Quantization.AUTO
    m: int = 0  # edges of a node, 4..64
    ef_construction: int = 0  # candidates looked at for them, 16..2,000


@dataclasses.dataclass(frozen=True)
class TextIndexOptions:
    """How texts are searched by their words; fixed when the collection is made."""

    enabled: bool = True
    language: str = ""  # a stemmer's name, or "none"; empty: english
    remove_stop_words: bool = False


@dataclasses.dataclass(frozen=True)
class VectorSpace:
    name: str
    encoder: str  # empty: clients bring their own vectors
    dimension: int
    metric: Metric
    encoder_fingerprint: str
    query_prompt: str
    passage_prompt: str
    index: IndexOptions
    encoder_dimensions: int  # of the encoder's values the first so many are kept; 0: all


@dataclasses.dataclass(frozen=True)
class Reembedding:
    """A change of a collection's encoder under way."""

    state: ReembeddingState
    operation_id: str
    commit_at_cut_over: bool
    other: VectorSpace  # that is not searched: the new one, or after the cut-over that of before


@dataclasses.dataclass(frozen=True)
class Collection:
    name: str
    description: str
    vector_space: VectorSpace  # that is searched
    splitter: SplitterOptions
    default_durability: Durability
    text_index: TextIndexOptions
    unindexed_fields: list[str]  # of the metadata: stored, and never filtered by
    etag: str
    create_time: datetime.datetime
    update_time: datetime.datetime
    state: CollectionState
    reembedding: Optional[Reembedding] = None


@dataclasses.dataclass(frozen=True)
class CollectionStats:
    name: str
    document_count: int
    passage_count: int
    text_bytes: int
    segment_count: int
    deleted_row_count: int
    index_memory_bytes: int
    disk_bytes: int
    commit_token: Optional[CommitToken]  # None before the first write
    history_hash: int
    fields: dict[str, FieldType]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a collection would take."""

    resident_bytes: int  # must fit into the memory budget
    cached_bytes: int  # exact vectors: best in memory, need not be
    build_bytes: int  # more, while the largest segment is built
    disk_bytes: int
    memory_budget_bytes: int
    memory_used_bytes: int
    fits: bool


# --- The index ---


@dataclasses.dataclass(frozen=True)
class IndexSegment:
    """A part of an index."""

    id: int  # 0 while it grows
    state: SegmentState
    first_ordinal: int
    end_ordinal: int
    row_count: int
    deleted_row_count: int  # of those
    memory_bytes: int
    disk_bytes: int
    quantization: Quantization
    build_time: Optional[datetime.timedelta]  # None if it was loaded, or grows


@dataclasses.dataclass(frozen=True)
class IndexStatus:
    """The segments of an index, and the work on them."""

    collection: str
    phase: IndexPhase
    done: int  # rows of the builds that run now
    total: int
    rows_per_second: float
    time_left: Optional[datetime.timedelta]  # None while it is not known, or nothing runs
    debt_row_count: int  # rows that no graph covers yet
    debt_paced_row_count: int  # from here on writers are slowed down
    debt_refused_row_count: int  # and from here on refused
    indexed_row_count: int
    live_row_count: int
    seal_count: int
    merge_count: int
    rebuild_count: int
    failed_build_count: int
    last_error: str
    sampled_recall: Optional[float]  # None until something was sampled
    ef_boost: float
    segments: list[IndexSegment]


@dataclasses.dataclass(frozen=True)
class RecallPoint:
    ef: int  # 0: the scan of all codes
    recall: float
    code_distance_count: float
    microseconds: float


@dataclasses.dataclass(frozen=True)
class Recall:
    """The share of the true best hits that searches find, and what it costs."""

    query_count: int
    limit: int
    recall: float
    worst_recall: float  # of a single query
    p50_microseconds: float
    p99_microseconds: float
    exact_p50_microseconds: float
    curve: list[RecallPoint]  # rising by ef; empty without a graph
    advice: str


# --- Documents ---


@dataclasses.dataclass
class DocumentInput:
    """A document to write: a text, a vector, or both."""

    id: str = ""  # empty: the server makes one
    text: str = ""
    vector: Optional[VectorLike] = None
    metadata: Metadata = dataclasses.field(default_factory=dict)
    vector_fingerprint: str = ""  # of the encoder that made the vector
    if_match: str = ""  # write only over this etag
    if_none_match: str = ""  # "*": write only what is not there; an etag: only over another one


@dataclasses.dataclass(frozen=True)
class DocumentDelete:
    id: str
    if_match: str = ""


@dataclasses.dataclass
class MetadataUpdate:
    """Other metadata for a document that stays as it is."""

    id: str
    set: Metadata = dataclasses.field(default_factory=dict)
    remove: Sequence[str] = ()
    mode: MetadataUpdateMode | str = MetadataUpdateMode.MERGE
    if_match: str = ""


@dataclasses.dataclass(frozen=True)
class Document:
    """A document as it is stored. Parts that were not selected are empty."""

    id: str
    etag: str
    text: str
    metadata: dict[str, MetadataValue]
    passages: list[Passage]
    vectors: list[Vector]
    create_time: datetime.datetime
    update_time: datetime.datetime
    text_bytes: int
    passage_count: int


@dataclasses.dataclass(frozen=True)
class UpsertResult:
    id: str
    etag: str
    created: bool
    passage_count: int
    truncated: bool


@dataclasses.dataclass(frozen=True)
class UpsertResponse:
    results: list[UpsertResult]
    commit_token: CommitToken
    durability: Durability
    encoded_token_count: int


@dataclasses.dataclass(frozen=True)
class DeleteResponse:
    deleted_count: int
    missing_count: int  # ids that no document had
    changed_count: int  # by a filter: written or deleted before their turn, and left as they are
    commit_token: Optional[CommitToken]
    durability: Durability


@dataclasses.dataclass(frozen=True)
class MetadataUpdateResult:
    id: str
    etag: str  # empty: there is no such document


@dataclasses.dataclass(frozen=True)
class UpdateMetadataResponse:
    results: list[MetadataUpdateResult]
    missing_count: int
    commit_token: Optional[CommitToken]
    durability: Durability


@dataclasses.dataclass(frozen=True)
class FacetValue:
    value: MetadataValue
    document_count: int
    passage_count: int


@dataclasses.dataclass(frozen=True)
class Facet:
    field: str
    values: list[FacetValue]  # most documents first
    value_count: int  # different values in all
    document_count: int  # that have the field


@dataclasses.dataclass(frozen=True)
class Facets:
    facets: list[Facet]
    document_count: int  # that pass the filter
    passage_count: int
    commit_token: Optional[CommitToken]


@dataclasses.dataclass(frozen=True)
class GetResponse:
    documents: list[Document]
    missing_ids: list[str]


@dataclasses.dataclass(frozen=True)
class IngestAck:
    """What became of one batch of an ingestion. A refused batch does not end the stream."""

    batch_number: int
    documents: list[DocumentInput]  # of the batch
    results: list[UpsertResult]  # one a document; empty if the batch was refused
    error: Optional[Error]  # why the whole batch was refused
    failed_document: Optional[int]  # which of the documents was at fault, if one was
    commit_token: Optional[CommitToken]
    durability: Durability


# --- Search ---


@dataclasses.dataclass(frozen=True)
class Lexical:
    """By the words of a text (BM25), not by its meaning."""

    text: str


@dataclasses.dataclass(frozen=True)
class DocumentId:
    """A stored document, in the place of a text."""

    id: str


# What asks in a hybrid search, and what is an example in a recommendation: a plain string is a text.
Part = Union[str, Lexical, DocumentId, VectorLike]
Example = Union[str, DocumentId, VectorLike]


@dataclasses.dataclass(frozen=True)
class Rrf:
    """Reciprocal rank fusion: a part contributes weight / (k + rank)."""

    k: float = 60
    weights: Sequence[float] = ()  # one a part; none: 1 each


@dataclasses.dataclass(frozen=True)
class Weighted:
    """A part contributes weight * normalised score."""

    weights: Sequence[float] = ()
    normalisation: ScoreNormalisation | str = ScoreNormalisation.MIN_MAX


@dataclasses.dataclass(frozen=True)
class Hybrid:
    """Several queries at once, whose rankings are fused."""

    parts: Sequence[Part]
    fusion: Optional[Rrf | Weighted] = None  # None: the server's choice
    candidates: int = 0  # of each part that are fused; 0: 100, or limit + offset
    # Score by all parts what only some of them found. None: unless a fusion is given.
    fill_in: Optional[bool] = None

    @classmethod
    def of_text(cls, text: str, fusion: Optional[Rrf | Weighted] = None) -> Hybrid:
        """By the meaning and by the words of a text."""
        return cls([text, Lexical(text)], fusion)


@dataclasses.dataclass(frozen=True)
class Recommend:
    """By examples of what is wanted, and of what is not."""

    positive: Sequence[Example]
    negative: Sequence[Example] = ()
    method: RecommendMethod | str = RecommendMethod.AVERAGE


@dataclasses.dataclass(frozen=True)
class Diversify:
    """Hits that differ (maximal marginal relevance)."""

    lambda_: float = 0.5  # 1: they only fit; 0: they only differ
    pool: int = 0  # best candidates to choose from; 0: 100, or limit + offset


@dataclasses.dataclass(frozen=True)
class Rerank:
    """The best hits, judged once more by a cross-encoder."""

    model: str = ""  # "": the one that is loaded
    depth: int = 0  # hits that are judged; 0: 50, or limit + offset
    query: str = ""  # the question; "": the text of the query
    raw_scores: bool = False  # any number, not 0..1
    truncation: Truncation | str = Truncation.END


@dataclasses.dataclass
class SearchQuery:
    """One search: exactly one of text, vector, document_id, lexical, hybrid and recommend asks."""

    text: Optional[str] = None
    vector: Optional[VectorLike] = None
    document_id: Optional[str] = None
    limit: int = 10
    offset: int = 0
    select: Optional[Select] = None  # None: text and metadata
    group_by: GroupBy | str = GroupBy.PASSAGE
    passages_per_group: int = 3
    # How good the answer must be: at most one of the three; none: a target_recall of 0.95.
    exact: bool = False
    truncation: Truncation | str = Truncation.END
    target_recall: Optional[float] = None  # 0.5..1
    ef: Optional[int] = None  # candidates that every graph's walk keeps, 1..16,384
    lexical: Optional[str] = None
    hybrid: Optional[Hybrid] = None
    recommend: Optional[Recommend] = None
    filter: str = ""  # only documents whose metadata passes; docs/filters.md
    group_field: str = ""  # under GroupBy.FIELD
    diversify: Optional[Diversify] = None
    score_min: Optional[float] = None
    explain: bool = False
    rerank: Optional[Rerank] = None


@dataclasses.dataclass(frozen=True)
class RerankScore:
    """What a cross-encoder says of a passage."""

    score: float  # higher is better
    former_rank: int  # of the hit, from 1; of a group's passage its place in the group
    dropped_token_count: int


@dataclasses.dataclass(frozen=True)
class ScoredPassage:
    passage: Passage
    text: str
    score: float
    distance: Optional[float]
    vector: Optional[Vector]
    document_id: str
    parts: list[PartScore]  # as in SearchHit
    rerank: Optional[RerankScore]


@dataclasses.dataclass(frozen=True)
class PartScore:
    """What one part of a hybrid search says of a hit."""

    rank: int  # among the part's candidates, from 1; 0: none of them
    score: Optional[float]  # None if the part did not find the hit
    normalised_score: float
    contribution: float
    filled_in: bool  # the part did not find the hit by itself


@dataclasses.dataclass(frozen=True)
class SearchHit:
    document_id: str
    passage: Passage  # the best one
    text: str
    metadata: dict[str, MetadataValue]
    score: float  # higher is better
    distance: Optional[float]  # None if words asked, too
    vector: Optional[Vector]
    passages: list[ScoredPassage]  # under GroupBy.DOCUMENT and FIELD, the best first
    etag: str
    parts: list[PartScore]  # of a hybrid search: contributions add up to the score
    group_value: str  # under GroupBy.FIELD
    rerank: Optional[RerankScore]  # of the best passage: then hits are in the order of its score


@dataclasses.dataclass(frozen=True)
class TokenUsage:
    encoded_token_count: int
    dropped_token_count: int  # cut off


@dataclasses.dataclass(frozen=True)
class SearchUsage:
    encoded_token_count: int
    query_truncated: bool
    code_distance_count: int
    exact_distance_count: int
    graph_distance_count: int
    posting_count: int
    dropped_token_count: int
    cached_text_count: int  # texts of the query whose embeddings the server still had
    rerank_passage_count: int
    rerank_tokens: TokenUsage


@dataclasses.dataclass(frozen=True)
class SearchStage:
    name: str
    detail: str
    microseconds: float
    counts: dict[str, int]


@dataclasses.dataclass(frozen=True)
class SearchExplanation:
    stages: list[SearchStage]  # their times add up to the total
    total_microseconds: float


@dataclasses.dataclass(frozen=True)
class SearchResponse:
    hits: list[SearchHit]
    strategy: Strategy
    exhausted: bool  # fewer than limit + offset hits exist
    metric: Metric
    usage: SearchUsage
    commit_token: Optional[CommitToken]  # of the state that was searched; None before the first write
    explanation: Optional[SearchExplanation]  # if it was asked for


# --- The encoder ---


@dataclasses.dataclass(frozen=True)
class Embedding:
    vector: Vector
    token_count: int
    truncated: bool
    dropped_token_count: int


@dataclasses.dataclass(frozen=True)
class EncodeResponse:
    embeddings: list[Embedding]
    fingerprint: str
    usage: TokenUsage


@dataclasses.dataclass(frozen=True)
class RerankResult:
    index: int  # of the text that was given
    score: float
    token_count: int
    dropped_token_count: int


@dataclasses.dataclass(frozen=True)
class RerankResponse:
    results: list[RerankResult]  # best first
    model: str
    usage: TokenUsage


@dataclasses.dataclass(frozen=True)
class Token:
    id: int
    token: str
    begin_byte: int
    end_byte: int


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    is_default: bool
    dimension: int
    max_tokens: int
    artifact_hash: str
    fingerprint: str
    architecture: str
    normalised: bool
    pooling: str
    query_prompt: str
    passage_prompt: str
    precision: str
    parameter_count: int
    memory_bytes: int
    kind: ModelKind
    kernels: str
    collection_count: int  # that are bound to it


# --- The server ---


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one request may hold."""

    max_message_bytes: int
    max_text_bytes: int
    max_batch_documents: int
    max_batch_passages: int
    max_id_bytes: int
    max_results: int
    max_dimension: int
    max_metadata_bytes: int
    max_metadata_keys: int
    max_collection_fields: int
    max_batch_searches: int
    max_encode_texts: int
    max_recall_queries: int
    max_rerank_texts: int


@dataclasses.dataclass(frozen=True)
class QueryCache:
    """Embeddings of questions that the server keeps."""

    hit_count: int
    miss_count: int
    entry_count: int
    bytes: int
    capacity_bytes: int


@dataclasses.dataclass(frozen=True)
class ServerInfo:
    version: str
    data_folder_id: str
    format_version: int
    start_time: datetime.datetime
    collection_count: int
    loading_collection_count: int
    memory_budget_bytes: int
    memory_used_bytes: int
    index_kernels: str
    encoder_kernels: str
    default_encoder: str
    limits: Limits
    query_cache: QueryCache


@dataclasses.dataclass(frozen=True)
class Operation:
    """Long work that outlives a call."""

    id: str
    kind: OperationKind
    target: str
    state: OperationState
    phase: str
    done: int
    total: int  # 0 while it is unknown
    error: Optional[Error]  # why it failed
    create_time: datetime.datetime
    update_time: datetime.datetime
    per_second: float = 0  # of done; 0: not known
    time_left: Optional[datetime.timedelta] = None  # at that rate

    @property
    def ended(self) -> bool:
        return self.state is not OperationState.RUNNING
