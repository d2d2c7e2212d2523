"""The words of the API. Every call takes the member or its plain string: metric="dot"."""

from __future__ import annotations

import enum
from typing import TypeVar

_Self = TypeVar("_Self", bound="WireEnum")


class WireEnum(str, enum.Enum):
    """A member's name is that of the proto's value without the enum's own name before it."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def _prefix(cls) -> str:
        name = cls.__name__
        return "".join("_" + c if c.isupper() and i else c for i, c in enumerate(name)).upper() + "_"

    def to_proto(self) -> str:
        """The name that a message's constructor takes."""
        return self._prefix() + self.name

    @classmethod
    def from_proto(cls: type[_Self], proto_enum: object, number: int) -> _Self:
        """A number that this version of the client does not know is UNSPECIFIED."""
        value = proto_enum.DESCRIPTOR.values_by_number.get(number)  # type: ignore[attr-defined]
        name = value.name.removeprefix(cls._prefix()) if value else "UNSPECIFIED"
        return cls.__members__.get(name) or cls("unspecified")


class Metric(WireEnum):
    """How two vectors are compared. Of two scores the higher is always the better match."""

    UNSPECIFIED = "unspecified"
    COSINE = "cosine"  # score = cosine of the angle, -1..1
    DOT = "dot"  # score = inner product
    L2 = "l2"  # score = -Euclidean distance


class Durability(WireEnum):
    """What an acknowledged write survives."""

    UNSPECIFIED = "unspecified"
    SYNCED = "synced"  # a loss of power: on disk when it is answered
    APPLIED = "applied"  # the death of the process; the last moments may go with the power


class Truncation(WireEnum):
    """What becomes of a text with more tokens than the encoder can take at once."""

    UNSPECIFIED = "unspecified"
    END = "end"  # its beginning is encoded, and the answer says so
    NEVER = "never"  # refused: TOO_MANY_TOKENS


class TextRole(WireEnum):
    """Which side of retrieval a text is on: models may put different prompts before them."""

    UNSPECIFIED = "unspecified"
    PASSAGE = "passage"
    QUERY = "query"


class SplitterKind(WireEnum):
    """How a document's text is cut into passages."""

    UNSPECIFIED = "unspecified"
    NONE = "none"  # the whole text is one passage
    SENTENCES = "sentences"
    MARKDOWN = "markdown"  # as sentences; headings start passages and are prefixed to them


class GroupBy(WireEnum):
    """What a hit of a search is."""

    UNSPECIFIED = "unspecified"
    PASSAGE = "passage"
    DOCUMENT = "document"  # a document, with its best passages
    FIELD = "field"  # a value of a keyword field, with its best passages


class ScoreNormalisation(WireEnum):
    """What becomes of the scores of a part of a hybrid search before they are weighted."""

    UNSPECIFIED = "unspecified"
    NONE = "none"
    MIN_MAX = "min_max"  # the best candidate becomes 1, the worst one 0
    Z_SCORE = "z_score"  # three standard deviations below the mean become 0, above it 1


class RecommendMethod(WireEnum):
    """How examples ask."""

    UNSPECIFIED = "unspecified"
    AVERAGE = "average"  # by one vector, between them
    BEST_SCORE = "best_score"  # each by itself, and the best score counts


class MetadataUpdateMode(WireEnum):
    """What becomes of the keys that an update does not name."""

    UNSPECIFIED = "unspecified"
    MERGE = "merge"  # they stay
    REPLACE = "replace"  # they go


class Strategy(WireEnum):
    """How a search was answered."""

    UNSPECIFIED = "unspecified"
    EXACT_SCAN = "exact_scan"
    CODE_SCAN = "code_scan"
    GRAPH = "graph"  # graphs were walked, and what none covers yet was scanned by code
    FILTERED_GRAPH = "filtered_graph"  # as graph, by walks that keep to what the filter lets through
    FILTERED_SCAN = "filtered_scan"  # what the filter lets through was scanned by code
    POSTINGS = "postings"  # words were looked up; no vectors were compared


class Quantization(WireEnum):
    """How an index codes vectors to find candidates. Scores come from the vectors themselves."""

    UNSPECIFIED = "unspecified"
    AUTO = "auto"  # what is fastest at equal recall
    INT4 = "int4"
    INT8 = "int8"
    F16 = "f16"
    F32 = "f32"


class IndexPhase(WireEnum):
    """What is done about an index now."""

    UNSPECIFIED = "unspecified"
    IDLE = "idle"
    WAITING = "waiting"  # for a thread, for memory, or for the rows to settle
    SEALING = "sealing"
    MERGING = "merging"


class SegmentState(WireEnum):
    UNSPECIFIED = "unspecified"
    GROWING = "growing"  # scanned by code
    SEALED = "sealed"  # has a graph
    DAMAGED = "damaged"  # being replaced from storage


class CollectionState(WireEnum):
    UNSPECIFIED = "unspecified"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class ReembeddingState(WireEnum):
    UNSPECIFIED = "unspecified"
    FILLING = "filling"  # the space of before is searched
    CUT_OVER = "cut_over"  # the new one is


class FieldType(WireEnum):
    """The type that the first use of a metadata key gave it."""

    UNSPECIFIED = "unspecified"
    KEYWORD = "keyword"
    KEYWORD_LIST = "keyword_list"
    INT64 = "int64"
    DOUBLE = "double"
    BOOL = "bool"
    TIMESTAMP = "timestamp"


class ModelKind(WireEnum):
    UNSPECIFIED = "unspecified"
    ENCODER = "encoder"
    CROSS_ENCODER = "cross_encoder"


class OperationKind(WireEnum):
    UNSPECIFIED = "unspecified"
    RECLAIM_COLLECTION = "reclaim_collection"
    SEAL_INDEX = "seal_index"
    MERGE_INDEX = "merge_index"
    REEMBED = "reembed"
    LOAD_MODEL = "load_model"
    UNLOAD_MODEL = "unload_model"


class OperationState(WireEnum):
    UNSPECIFIED = "unspecified"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
