"""client.collections: named sets of documents with one schema."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence

from kith import _convert, enums, types
from kith._channel import Channel
from kith._pages import items_of_pages
from kith.v1 import collection_service_pb2 as pb
from kith.v1 import collection_service_pb2_grpc


class Collections:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = collection_service_pb2_grpc.CollectionServiceStub(channel.grpc)

    def create(
        self,
        name: str,
        *,
        description: str = "",
        encoder: str = "",
        dimension: int = 0,
        encoder_dimensions: int = 0,
        metric: enums.Metric | str = enums.Metric.COSINE,
        splitter: Optional[types.SplitterOptions] = None,
        default_durability: enums.Durability | str = enums.Durability.SYNCED,
        index: Optional[types.IndexOptions] = None,
        text_index: Optional[types.TextIndexOptions] = None,
        unindexed_fields: Sequence[str] = (),
        expected_passage_count: int = 0,
        timeout: Optional[float] = None,
    ) -> types.Collection:
        """Creates a collection of text, encoded by `encoder` (empty: the server's own). With a
        `dimension` and no encoder, clients bring their vectors. With `encoder_dimensions` the first so
        many values of the encoder's are kept (for Matryoshka models). With `expected_passage_count` it is
        refused now, and not when it is half full, if that many do not fit into memory.

        `text_index` and `unindexed_fields` (metadata that is never filtered by) cannot be changed later.

        AlreadyExists (its metadata "same_schema" compares), InvalidArgument, NotFound (the encoder).
        """
        request = pb.CreateCollectionRequest(
            collection=pb.Collection(
                name=name,
                description=description,
                vector_spaces=[
                    pb.VectorSpace(
                        encoder=encoder,
                        dimension=dimension,
                        encoder_dimensions=encoder_dimensions,
                        metric=_convert.enum_name(enums.Metric, metric),
                        index=_convert.index_to_proto(index),
                    )
                ],
                options=_options(splitter, default_durability, text_index, unindexed_fields),
            ),
            expected_passage_count=expected_passage_count,
        )
        response = self._manage(self._stub.CreateCollection, request, timeout)
        return _convert.collection(response.collection)

    def get(self, name: str, *, timeout: Optional[float] = None) -> types.Collection:
        response = self._channel.read(
            self._stub.GetCollection, pb.GetCollectionRequest(name=name), timeout
        )
        return _convert.collection(response.collection)

    def list(
        self, *, page_size: int = 0, timeout: Optional[float] = None
    ) -> Iterator[types.Collection]:
        """All collections by name; pages are fetched as the iteration gets there."""

        def fetch(page_token: str) -> pb.ListCollectionsResponse:
            request = pb.ListCollectionsRequest(page_size=page_size, page_token=page_token)
            return self._channel.read(self._stub.ListCollections, request, timeout)

        return map(_convert.collection, items_of_pages(fetch, "collections"))

    def update(
        self,
        name: str,
        *,
        description: Optional[str] = None,
        splitter: Optional[types.SplitterOptions] = None,
        default_durability: enums.Durability | str | None = None,
        index: Optional[types.IndexOptions] = None,
        if_match: str = "",
        timeout: Optional[float] = None,
    ) -> types.Collection:
        """Changes what is given; `splitter` and `index` as a whole. With `if_match`, only if that is
        the present etag (else Aborted). `index` applies to segments that are built from then on."""
        given = {
            "description": description,
            "options.splitter": splitter,
            "options.default_durability": default_durability,
            "vector_spaces.*.index": index,
        }
        request = pb.UpdateCollectionRequest(
            collection=pb.Collection(
                name=name,
                description=description or "",
                options=_options(splitter, default_durability or enums.Durability.UNSPECIFIED),
                vector_spaces=[]
                if index is None
                else [pb.VectorSpace(index=_convert.index_to_proto(index))],
                etag=if_match,
            )
        )
        request.update_mask.paths.extend(path for path, value in given.items() if value is not None)
        response = self._manage(self._stub.UpdateCollection, request, timeout)
        return _convert.collection(response.collection)

    def delete(
        self, name: str, *, if_match: str = "", timeout: Optional[float] = None
    ) -> types.Operation:
        """Removes a collection and its documents. It is gone when this returns; the operation tells
        when its disk space has been given back."""
        request = pb.DeleteCollectionRequest(name=name, if_match=if_match)
        response = self._manage(self._stub.DeleteCollection, request, timeout)
        return _convert.operation(response.operation)

    def reembed(
        self,
        name: str,
        *,
        encoder: str = "",
        commit_at_cut_over: bool = False,
        if_match: str = "",
        timeout: Optional[float] = None,
    ) -> types.Operation:
        """Gives the collection another encoder (empty: the server's own) while it serves. The operation
        succeeds when the new vectors are searched; then `commit_reembedding` gives up the old ones, or
        `rollback_reembedding` goes back to them. Until then every write goes to both.

        FailedPrecondition (NO_TEXT, NO_ENCODER, REEMBEDDING), ResourceExhausted (MEMORY_BUDGET).
        """
        request = pb.ReembedCollectionRequest(
            name=name, encoder=encoder, commit_at_cut_over=commit_at_cut_over, if_match=if_match
        )
        response = self._manage(self._stub.ReembedCollection, request, timeout)
        return _convert.operation(response.operation)

    def commit_reembedding(
        self, name: str, *, if_match: str = "", timeout: Optional[float] = None
    ) -> types.Collection:
        """After the cut-over: gives up the old vectors for good."""
        request = pb.CommitReembeddingRequest(name=name, if_match=if_match)
        response = self._manage(self._stub.CommitReembedding, request, timeout)
        return _convert.collection(response.collection)

    def rollback_reembedding(
        self, name: str, *, if_match: str = "", timeout: Optional[float] = None
    ) -> types.Collection:
        """Before it is committed: back to the old vectors, which are current."""
        request = pb.RollbackReembeddingRequest(name=name, if_match=if_match)
        response = self._manage(self._stub.RollbackReembedding, request, timeout)
        return _convert.collection(response.collection)

    def stats(self, name: str, *, timeout: Optional[float] = None) -> types.CollectionStats:
        request = pb.GetCollectionStatsRequest(name=name)
        return _convert.stats(self._channel.read(self._stub.GetCollectionStats, request, timeout))

    def estimate(
        self,
        passage_count: int,
        *,
        encoder: str = "",
        dimension: int = 0,
        index: Optional[types.IndexOptions] = None,
        mean_text_bytes: int = 0,
        timeout: Optional[float] = None,
    ) -> types.Estimate:
        """The memory and disk that a collection of so many passages (or vectors of the client's own)
        would take of this server. Nothing is made."""
        request = pb.EstimateCollectionRequest(
            passage_count=passage_count,
            vector_space=pb.VectorSpace(
                encoder=encoder, dimension=dimension, index=_convert.index_to_proto(index)
            ),
            mean_text_bytes=mean_text_bytes,
        )
        response = self._channel.read(self._stub.EstimateCollection, request, timeout)
        return _convert.same_fields(types.Estimate, response)

    def _manage(self, method, request, timeout):  # type: ignore[no-untyped-def]
        # Tried once: a repeat would find its own first attempt in the way.
        manage = self._channel.deadlines.manage
        return self._channel.call(method, request, manage, timeout, repeatable=False)


def _options(
    splitter: Optional[types.SplitterOptions],
    durability: enums.Durability | str,
    text_index: Optional[types.TextIndexOptions] = None,
    unindexed_fields: Sequence[str] = (),
) -> pb.CollectionOptions:
    return pb.CollectionOptions(
        splitter=_convert.splitter_to_proto(splitter),
        default_durability=_convert.enum_name(enums.Durability, durability),
        text_index=_convert.text_index_to_proto(text_index),
        unindexed_fields=unindexed_fields,
    )
