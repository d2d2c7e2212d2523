"""From messages to dataclasses and back: one function a type, and no more."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Iterable, Mapping, Optional, TypeVar

from kith import enums, types, vectors
from kith import metadata as metadata_
from kith.errors import error_of_number
from kith.v1 import (
    admin_service_pb2, collection_service_pb2, common_pb2, document_service_pb2, encoder_service_pb2,
    operation_pb2, search_service_pb2,
)  # fmt: skip

T = TypeVar("T")
E = TypeVar("E", bound=enums.WireEnum)

_time = metadata_.timestamp_from_proto


def enum_name(kind: type[E], value: E | str) -> str:
    """A member or its plain string, as the name that a message takes. ValueError for another word."""
    return kind(value).to_proto()


def same_fields(kind: type[T], message: Any, /, **others: Any) -> T:
    """A dataclass whose fields are named as the message's; `others` are those that need converting."""
    plain = {
        field.name: getattr(message, field.name)
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.name not in others
    }
    return kind(**plain, **others)


# --- Shared ---


def token(message: Any, field: str = "commit_token") -> Optional[types.CommitToken]:
    if not message.HasField(field):
        return None
    return same_fields(types.CommitToken, getattr(message, field))


def token_to_proto(value: Optional[types.CommitToken]) -> Optional[common_pb2.CommitToken]:
    return None if value is None else common_pb2.CommitToken(**dataclasses.asdict(value))


def passage(message: common_pb2.Passage) -> types.Passage:
    return same_fields(types.Passage, message)


def durability(number: int) -> enums.Durability:
    return enums.Durability.from_proto(common_pb2.Durability, number)


def splitter_to_proto(
    options: Optional[types.SplitterOptions],
) -> Optional[common_pb2.SplitterOptions]:
    if options is None:
        return None
    return common_pb2.SplitterOptions(
        kind=enum_name(enums.SplitterKind, options.kind),
        max_tokens=options.max_tokens,
        overlap_tokens=options.overlap_tokens,
    )


def _splitter(message: common_pb2.SplitterOptions) -> types.SplitterOptions:
    return types.SplitterOptions(
        kind=enums.SplitterKind.from_proto(common_pb2.SplitterKind, message.kind),
        max_tokens=message.max_tokens,
        overlap_tokens=message.overlap_tokens if message.HasField("overlap_tokens") else None,
    )


# --- Collections ---


def collection(message: collection_service_pb2.Collection) -> types.Collection:
    return same_fields(
        types.Collection,
        message,
        vector_space=_vector_space(message.vector_spaces[0]),
        splitter=_splitter(message.options.splitter),
        default_durability=durability(message.options.default_durability),
        text_index=same_fields(types.TextIndexOptions, message.options.text_index),
        unindexed_fields=list(message.options.unindexed_fields),
        create_time=_time(message.create_time),
        update_time=_time(message.update_time),
        state=enums.CollectionState.from_proto(
            collection_service_pb2.CollectionState, message.state
        ),
        reembedding=_reembedding(message) if message.HasField("reembedding") else None,
    )


def _reembedding(message: collection_service_pb2.Collection) -> types.Reembedding:
    return same_fields(
        types.Reembedding,
        message.reembedding,
        state=enums.ReembeddingState.from_proto(
            collection_service_pb2.ReembeddingState, message.reembedding.state
        ),
        other=_vector_space(message.vector_spaces[1]),
    )


def _vector_space(message: collection_service_pb2.VectorSpace) -> types.VectorSpace:
    return same_fields(
        types.VectorSpace,
        message,
        metric=enums.Metric.from_proto(common_pb2.Metric, message.metric),
        index=types.IndexOptions(
            quantization=quantization(message.index.quantization),
            m=message.index.m,
            ef_construction=message.index.ef_construction,
        ),
    )


def index_to_proto(
    options: Optional[types.IndexOptions],
) -> Optional[collection_service_pb2.IndexOptions]:
    if options is None:
        return None
    return collection_service_pb2.IndexOptions(
        quantization=enum_name(enums.Quantization, options.quantization),
        m=options.m,
        ef_construction=options.ef_construction,
    )


def text_index_to_proto(
    options: Optional[types.TextIndexOptions],
) -> Optional[collection_service_pb2.TextIndexOptions]:
    if options is None:
        return None
    return collection_service_pb2.TextIndexOptions(**dataclasses.asdict(options))


def quantization(number: int) -> enums.Quantization:
    return enums.Quantization.from_proto(common_pb2.Quantization, number)


def stats(message: collection_service_pb2.GetCollectionStatsResponse) -> types.CollectionStats:
    return same_fields(
        types.CollectionStats,
        message,
        commit_token=token(message),
        fields={
            name: enums.FieldType.from_proto(collection_service_pb2.FieldType, number)
            for name, number in message.fields.items()
        },
    )


# --- Documents ---


def as_input(document: types.DocumentInput | Mapping[str, Any]) -> types.DocumentInput:
    """A plain dict with the same keys is a document too."""
    if isinstance(document, types.DocumentInput):
        return document
    return types.DocumentInput(**document)


def input_to_proto(document: types.DocumentInput) -> document_service_pb2.DocumentInput:
    message = document_service_pb2.DocumentInput(
        id=document.id,
        text=document.text,
        vector=None if document.vector is None else vectors.to_proto(document.vector),
        vector_fingerprint=document.vector_fingerprint,
        if_match=document.if_match,
        if_none_match=document.if_none_match,
    )
    metadata_.fill(document.metadata, message.metadata)
    return message


def delete_to_proto(item: str | types.DocumentDelete) -> document_service_pb2.DocumentDelete:
    if isinstance(item, str):
        return document_service_pb2.DocumentDelete(id=item)
    return document_service_pb2.DocumentDelete(id=item.id, if_match=item.if_match)


def document_select(
    select: Optional[types.Select],
) -> Optional[document_service_pb2.DocumentSelector]:
    if select is None:
        return None
    if select.fields:
        raise ValueError("Select.fields is for hits: a document's metadata comes whole")
    return document_service_pb2.DocumentSelector(
        text=select.text,
        metadata=select.metadata,
        passages=select.passages,
        vectors=select.vectors,
    )


def document(message: document_service_pb2.Document) -> types.Document:
    return same_fields(
        types.Document,
        message,
        metadata=metadata_.from_proto(message.metadata),
        passages=[passage(item) for item in message.passages],
        vectors=[vectors.from_proto(item) for item in message.vectors],
        create_time=_time(message.create_time),
        update_time=_time(message.update_time),
    )


def upsert_results(
    messages: Iterable[document_service_pb2.UpsertResult],
) -> list[types.UpsertResult]:
    return [same_fields(types.UpsertResult, message) for message in messages]


def update_to_proto(
    update: types.MetadataUpdate | Mapping[str, Any],
) -> document_service_pb2.MetadataUpdate:
    if not isinstance(update, types.MetadataUpdate):
        update = types.MetadataUpdate(**update)
    message = document_service_pb2.MetadataUpdate(
        id=update.id,
        remove=update.remove,
        mode=enum_name(enums.MetadataUpdateMode, update.mode),
        if_match=update.if_match,
    )
    metadata_.fill(update.set, message.set)
    return message


def facets(message: document_service_pb2.FacetDocumentsResponse) -> types.Facets:
    return same_fields(
        types.Facets,
        message,
        facets=[
            same_fields(
                types.Facet,
                facet,
                values=[
                    same_fields(
                        types.FacetValue, value, value=metadata_.value_from_proto(value.value)
                    )
                    for value in facet.values
                ],
            )
            for facet in message.facets
        ],
        commit_token=token(message),
    )


# --- Search ---


def search_to_proto(
    query: types.SearchQuery,
    collection_name: str = "",
    at_least: Optional[types.CommitToken] = None,
) -> search_service_pb2.SearchRequest:
    select = query.select
    if select is not None and select.passages:
        raise ValueError("Select.passages is for documents: every hit names its passage")
    return search_service_pb2.SearchRequest(
        collection=collection_name,
        query=_query(query),
        limit=query.limit,
        offset=query.offset,
        select=None
        if select is None
        else search_service_pb2.SearchSelector(
            text=select.text,
            metadata=select.metadata,
            vectors=select.vectors,
            fields=select.fields,
        ),
        group_by=enum_name(enums.GroupBy, query.group_by),
        passages_per_group=query.passages_per_group,
        tuning=tuning_to_proto(query.exact, query.target_recall, query.ef),
        at_least=token_to_proto(at_least),
        truncation=enum_name(enums.Truncation, query.truncation),
        filter=query.filter or None,
        group_field=query.group_field,
        diversify=None
        if query.diversify is None
        else {"lambda": query.diversify.lambda_, "pool": query.diversify.pool},
        score_min=query.score_min,
        explain=query.explain,
        rerank=None
        if query.rerank is None
        else search_service_pb2.Rerank(
            model=query.rerank.model,
            depth=query.rerank.depth,
            query=query.rerank.query,
            raw_scores=query.rerank.raw_scores,
            truncation=enum_name(enums.Truncation, query.rerank.truncation),
        ),
    )


_ASKING = ("text", "vector", "document_id", "lexical", "hybrid", "recommend")


def _query(query: types.SearchQuery) -> search_service_pb2.Query:
    given = [name for name in _ASKING if getattr(query, name) is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of {', '.join(_ASKING)} asks, got {given or 'none'}")
    if query.lexical is not None:
        return search_service_pb2.Query(lexical={"text": query.lexical})
    if query.hybrid is not None:
        return search_service_pb2.Query(hybrid=_hybrid(query.hybrid))
    if query.recommend is not None:
        return search_service_pb2.Query(
            recommend=search_service_pb2.RecommendQuery(
                positive=[_example(item) for item in query.recommend.positive],
                negative=[_example(item) for item in query.recommend.negative],
                method=enum_name(enums.RecommendMethod, query.recommend.method),
            )
        )
    return search_service_pb2.Query(
        text=query.text,
        vector=None if query.vector is None else vectors.to_proto(query.vector),
        document_id=query.document_id,
    )


def _hybrid(hybrid: types.Hybrid) -> search_service_pb2.HybridQuery:
    message = search_service_pb2.HybridQuery(
        parts=[
            search_service_pb2.HybridPart(lexical={"text": part.text})
            if isinstance(part, types.Lexical)
            else search_service_pb2.HybridPart(**_asking(part))
            for part in hybrid.parts
        ],
        candidates=hybrid.candidates,
        fill_in=hybrid.fill_in,
    )
    if isinstance(hybrid.fusion, types.Rrf):
        message.rrf.CopyFrom(
            search_service_pb2.RrfFusion(k=hybrid.fusion.k, weights=hybrid.fusion.weights)
        )
    elif isinstance(hybrid.fusion, types.Weighted):
        message.weighted.CopyFrom(
            search_service_pb2.WeightedFusion(
                weights=hybrid.fusion.weights,
                normalisation=enum_name(enums.ScoreNormalisation, hybrid.fusion.normalisation),
            )
        )
    return message


def _example(example: types.Example) -> search_service_pb2.RecommendExample:
    return search_service_pb2.RecommendExample(**_asking(example))


def _asking(item: str | types.DocumentId | vectors.VectorLike) -> dict[str, Any]:
    """The field of a message that a text, a document or a vector fills."""
    if isinstance(item, str):
        return {"text": item}
    if isinstance(item, types.DocumentId):
        return {"document_id": item.id}
    return {"vector": vectors.to_proto(item)}


def tuning_to_proto(
    exact: bool, target_recall: Optional[float], ef: Optional[int]
) -> Optional[search_service_pb2.Tuning]:
    given = {"exact": exact or None, "target_recall": target_recall, "ef": ef}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"at most one of exact, target_recall and ef can be given, got {given}")
    return search_service_pb2.Tuning(**given) if given else None


def recall(message: search_service_pb2.MeasureRecallResponse) -> types.Recall:
    return same_fields(
        types.Recall,
        message,
        curve=[same_fields(types.RecallPoint, point) for point in message.curve],
    )


def search_response(message: search_service_pb2.SearchResponse) -> types.SearchResponse:
    return types.SearchResponse(
        hits=[_hit(hit) for hit in message.hits],
        strategy=enums.Strategy.from_proto(search_service_pb2.Strategy, message.strategy),
        exhausted=message.exhausted,
        metric=enums.Metric.from_proto(common_pb2.Metric, message.metric),
        usage=same_fields(
            types.SearchUsage,
            message.usage,
            rerank_tokens=same_fields(types.TokenUsage, message.usage.rerank_tokens),
        ),
        commit_token=token(message),
        explanation=_explanation(message.explanation) if message.HasField("explanation") else None,
    )


def _explanation(message: search_service_pb2.SearchExplanation) -> types.SearchExplanation:
    return same_fields(
        types.SearchExplanation,
        message,
        stages=[
            same_fields(
                types.SearchStage,
                stage,
                counts={count.name: count.count for count in stage.counts},
            )
            for stage in message.stages
        ],
    )


def _hit(message: search_service_pb2.SearchHit) -> types.SearchHit:
    return same_fields(
        types.SearchHit,
        message,
        passage=passage(message.passage),
        metadata=metadata_.from_proto(message.metadata),
        vector=_optional_vector(message),
        passages=[
            same_fields(
                types.ScoredPassage,
                item,
                passage=passage(item.passage),
                vector=_optional_vector(item),
                distance=_optional_distance(item),
                parts=_parts(item),
                rerank=_rerank_score(item),
            )
            for item in message.passages
        ],
        distance=_optional_distance(message),
        parts=_parts(message),
        rerank=_rerank_score(message),
    )


def _rerank_score(message: Any) -> Optional[types.RerankScore]:
    return same_fields(types.RerankScore, message.rerank) if message.HasField("rerank") else None


def _parts(message: Any) -> list[types.PartScore]:
    return [
        same_fields(types.PartScore, part, score=part.score if part.HasField("score") else None)
        for part in message.parts
    ]


def _optional_distance(message: Any) -> Optional[float]:
    return message.distance if message.HasField("distance") else None


def _optional_vector(message: Any) -> Optional[vectors.Vector]:
    return vectors.from_proto(message.vector) if message.HasField("vector") else None


# --- The server ---


def server_info(message: admin_service_pb2.GetServerInfoResponse) -> types.ServerInfo:
    return same_fields(
        types.ServerInfo,
        message,
        start_time=_time(message.start_time),
        limits=same_fields(types.Limits, message.limits),
        query_cache=same_fields(types.QueryCache, message.query_cache),
    )


def model(message: encoder_service_pb2.Model) -> types.Model:
    kind = enums.ModelKind.from_proto(encoder_service_pb2.ModelKind, message.kind)
    return same_fields(types.Model, message, kind=kind)


def operation(message: operation_pb2.Operation) -> types.Operation:
    failed = message.state == operation_pb2.OPERATION_STATE_FAILED
    return same_fields(
        types.Operation,
        message,
        kind=enums.OperationKind.from_proto(operation_pb2.OperationKind, message.kind),
        state=enums.OperationState.from_proto(operation_pb2.OperationState, message.state),
        error=error_of_number(message.error_code, message.error_message) if failed else None,
        time_left=_optional_duration(message, "time_left"),
        create_time=_time(message.create_time),
        update_time=_time(message.update_time),
    )


# --- The index ---


def index_status(message: admin_service_pb2.GetIndexStatusResponse) -> types.IndexStatus:
    return same_fields(
        types.IndexStatus,
        message,
        phase=enums.IndexPhase.from_proto(admin_service_pb2.IndexPhase, message.phase),
        time_left=_optional_duration(message, "time_left"),
        sampled_recall=message.sampled_recall if message.HasField("sampled_recall") else None,
        segments=[
            same_fields(
                types.IndexSegment,
                segment,
                state=enums.SegmentState.from_proto(admin_service_pb2.SegmentState, segment.state),
                quantization=quantization(segment.quantization),
                build_time=_optional_duration(segment, "build_time"),
            )
            for segment in message.segments
        ],
    )


def _optional_duration(message: Any, field: str) -> Optional[datetime.timedelta]:
    return getattr(message, field).ToTimedelta() if message.HasField(field) else None
