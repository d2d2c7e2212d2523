"""Client: a connection to kithd.

    with kith.connect("127.0.0.1:7600") as client:
        client.collections.create("articles")
        client.upsert("articles", [{"id": "a", "text": "Attention weighs every token ..."}])
        for hit in client.search("articles", text="How does attention work?").hits:
            print(hit.score, hit.document_id, hit.text)

Every call has a deadline (Deadlines, or its `timeout` in seconds), is tried again where that is safe,
and raises a kith.Error that names code, reason and field. Thread-safe.
"""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence

import grpc
from kith import _convert, enums, types, vectors
from kith._channel import Channel
from kith._collections import Collections
from kith._index import Index
from kith._ingest import Ingestion, IngestOptions
from kith._operations import Operations
from kith._pages import items_of_pages
from kith.options import Deadlines, RetryOptions, Tls
from kith.v1 import (
    admin_service_pb2, admin_service_pb2_grpc, document_service_pb2, document_service_pb2_grpc,
    encoder_service_pb2, encoder_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc,
)  # fmt: skip


def connect(
    address: str = "127.0.0.1:7600",
    *,
    key: Optional[str] = None,
    tls: Optional[Tls] = None,
    key_in_clear: bool = False,
    deadlines: Deadlines = Deadlines(),
    retry: RetryOptions = RetryOptions(),
) -> Client:
    """A client of the server at HOST:PORT. Nothing is sent yet: the first call connects, and later
    ones reconnect.

    `key` goes with every call. Without `tls` it goes to this machine alone (ValueError), unless
    `key_in_clear` says that everybody on the way may read it."""
    return Client(
        address, key=key, tls=tls, key_in_clear=key_in_clear, deadlines=deadlines, retry=retry
    )


class Client:
    def __init__(
        self,
        address: str,
        *,
        key: Optional[str] = None,
        tls: Optional[Tls] = None,
        key_in_clear: bool = False,
        deadlines: Deadlines = Deadlines(),
        retry: RetryOptions = RetryOptions(),
    ) -> None:
        self._channel = Channel(address, key, tls, key_in_clear, deadlines, retry)
        self._documents = document_service_pb2_grpc.DocumentServiceStub(self._channel.grpc)
        self._search = search_service_pb2_grpc.SearchServiceStub(self._channel.grpc)
        self._encoder = encoder_service_pb2_grpc.EncoderServiceStub(self._channel.grpc)
        self._admin = admin_service_pb2_grpc.AdminServiceStub(self._channel.grpc)
        self.collections = Collections(self._channel)
        self.index = Index(self._channel)
        self.operations = Operations(self._channel)

    @property
    def address(self) -> str:
        return self._channel.address

    @property
    def channel(self) -> grpc.Channel:
        """For stubs of kith.v1, where this class has no method."""
        return self._channel.grpc

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    # --- Writing ---

    def upsert(
        self,
        collection: str,
        documents: Iterable[types.DocumentInput | Mapping[str, Any]],
        *,
        request_id: Optional[str] = None,
        durability: enums.Durability | str = enums.Durability.UNSPECIFIED,
        truncation: enums.Truncation | str = enums.Truncation.END,
        timeout: Optional[float] = None,
    ) -> types.UpsertResponse:
        """Writes up to 1,000 documents, all or none. One that exists under its id is replaced.

        Repeating a request under its `request_id` writes nothing twice. None makes one, so that the
        write can be tried again; "" sends none, and the write is tried once.
        """
        request = document_service_pb2.UpsertDocumentsRequest(
            collection=collection,
            documents=[_convert.input_to_proto(_convert.as_input(item)) for item in documents],
            request_id=_new_id() if request_id is None else request_id,
            durability=_convert.enum_name(enums.Durability, durability),
            truncation=_convert.enum_name(enums.Truncation, truncation),
        )
        response = self._write(self._documents.UpsertDocuments, request, timeout)
        return types.UpsertResponse(
            results=_convert.upsert_results(response.results),
            commit_token=_required(_convert.token(response)),
            durability=_convert.durability(response.durability),
            encoded_token_count=response.encoded_token_count,
        )

    def ingest(
        self,
        collection: str,
        documents: Iterable[types.DocumentInput | Mapping[str, Any]],
        *,
        stream_id: str = "",
        batch_documents: Optional[int] = None,
        max_batch_bytes: int = 4 << 20,
        durability: enums.Durability | str = enums.Durability.UNSPECIFIED,
        truncation: enums.Truncation | str = enums.Truncation.END,
    ) -> Iterator[types.IngestAck]:
        """Writes any number of documents in batches over one stream, in order, and yields what became
        of each batch. A batch that is refused (`ack.error`) does not end the stream.

        Documents are taken, as fast as the server acknowledges, while the caller iterates. A broken
        connection is made again, and nothing is written twice. Another process goes on where this one
        died by ingesting the same documents under the same `stream_id`: batches then have a fixed
        number of documents (`batch_documents`, 100 by default) instead of the server's advice.
        """
        options = IngestOptions(
            collection, stream_id, batch_documents, max_batch_bytes, durability, truncation
        )
        return Ingestion(self._channel, self._documents, documents, options).run()

    def delete(
        self,
        collection: str,
        ids: Iterable[str | types.DocumentDelete],
        *,
        request_id: Optional[str] = None,
        durability: enums.Durability | str = enums.Durability.UNSPECIFIED,
        timeout: Optional[float] = None,
    ) -> types.DeleteResponse:
        """Deletes up to 1,000 documents, all or none. Unknown ids are counted, not an error."""
        request = document_service_pb2.DeleteDocumentsRequest(
            collection=collection,
            deletes=[_convert.delete_to_proto(item) for item in _several(ids)],
            request_id=_new_id() if request_id is None else request_id,
            durability=_convert.enum_name(enums.Durability, durability),
        )
        return _deleted(self._write(self._documents.DeleteDocuments, request, timeout))

    def update_metadata(
        self,
        collection: str,
        updates: Iterable[types.MetadataUpdate | Mapping[str, Any]],
        *,
        request_id: Optional[str] = None,
        durability: enums.Durability | str = enums.Durability.UNSPECIFIED,
        timeout: Optional[float] = None,
    ) -> types.UpdateMetadataResponse:
        """Changes the metadata of up to 1,000 documents, all or none; texts and vectors stay. Unknown
        ids are counted, not an error."""
        request = document_service_pb2.UpdateMetadataRequest(
            collection=collection,
            updates=[_convert.update_to_proto(update) for update in updates],
            request_id=_new_id() if request_id is None else request_id,
            durability=_convert.enum_name(enums.Durability, durability),
        )
        response = self._write(self._documents.UpdateMetadata, request, timeout)
        return types.UpdateMetadataResponse(
            results=[
                _convert.same_fields(types.MetadataUpdateResult, item) for item in response.results
            ],
            missing_count=response.missing_count,
            commit_token=_convert.token(response),
            durability=_convert.durability(response.durability),
        )

    def delete_where(
        self,
        collection: str,
        filter: str,
        *,
        dry_run: bool = False,
        durability: enums.Durability | str = enums.Durability.UNSPECIFIED,
        timeout: Optional[float] = None,
    ) -> types.DeleteResponse:
        """Deletes the documents whose metadata passes `filter`, in batches that are each all or none;
        with `dry_run` only counts them. Tried once."""
        request = document_service_pb2.DeleteDocumentsRequest(
            collection=collection,
            filter=filter,
            dry_run=dry_run,
            durability=_convert.enum_name(enums.Durability, durability),
        )
        return _deleted(self._write(self._documents.DeleteDocuments, request, timeout))

    # --- Reading ---

    def get(
        self,
        collection: str,
        ids: Iterable[str],
        *,
        select: Optional[types.Select] = None,
        at_least: Optional[types.CommitToken] = None,
        timeout: Optional[float] = None,
    ) -> types.GetResponse:
        """Documents by id, in the order asked. Without `select`: their text and metadata."""
        request = document_service_pb2.GetDocumentsRequest(
            collection=collection,
            ids=_several(ids),
            select=_convert.document_select(select),
            at_least=_convert.token_to_proto(at_least),
        )
        response = self._channel.read(self._documents.GetDocuments, request, timeout)
        return types.GetResponse(
            documents=[_convert.document(item) for item in response.documents],
            missing_ids=list(response.missing_ids),
        )

    def list(
        self,
        collection: str,
        *,
        filter: str = "",
        order_by: str = "",
        select: Optional[types.Select] = None,
        page_size: int = 0,
        at_least: Optional[types.CommitToken] = None,
        timeout: Optional[float] = None,
    ) -> Iterator[types.Document]:
        """The documents whose metadata passes `filter` ("": all), by id (bytewise) or by a field
        (`order_by`: "year", "year desc"). Pages are fetched as the iteration gets there, `timeout` is
        for each. Without `select`: their metadata."""

        def fetch(page_token: str) -> document_service_pb2.ListDocumentsResponse:
            request = document_service_pb2.ListDocumentsRequest(
                collection=collection,
                page_size=page_size,
                page_token=page_token,
                select=_convert.document_select(select),
                at_least=_convert.token_to_proto(at_least),
                filter=filter or None,
                order_by=order_by,
            )
            return self._channel.read(self._documents.ListDocuments, request, timeout)

        return map(_convert.document, items_of_pages(fetch, "documents"))

    def count(
        self,
        collection: str,
        *,
        filter: str = "",
        at_least: Optional[types.CommitToken] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """How many documents there are, or pass `filter`."""
        request = document_service_pb2.CountDocumentsRequest(
            collection=collection,
            at_least=_convert.token_to_proto(at_least),
            filter=filter or None,
        )
        return self._channel.read(self._documents.CountDocuments, request, timeout).count

    def facets(
        self,
        collection: str,
        fields: Iterable[str],
        *,
        filter: str = "",
        limit: int = 0,
        at_least: Optional[types.CommitToken] = None,
        timeout: Optional[float] = None,
    ) -> types.Facets:
        """The `limit` (10) most frequent values of each field, and how many documents have them."""
        request = document_service_pb2.FacetDocumentsRequest(
            collection=collection,
            fields=_several(fields),
            limit=limit,
            at_least=_convert.token_to_proto(at_least),
            filter=filter or None,
        )
        return _convert.facets(
            self._channel.read(self._documents.FacetDocuments, request, timeout)
        )

    # --- Searching ---

    def search(
        self,
        collection: str,
        text: Optional[str] = None,
        *,
        vector: Optional[vectors.VectorLike] = None,
        document_id: Optional[str] = None,
        limit: int = 10,
        offset: int = 0,
        select: Optional[types.Select] = None,
        group_by: enums.GroupBy | str = enums.GroupBy.PASSAGE,
        passages_per_group: int = 3,
        exact: bool = False,
        target_recall: Optional[float] = None,
        ef: Optional[int] = None,
        truncation: enums.Truncation | str = enums.Truncation.END,
        lexical: Optional[str] = None,
        hybrid: Optional[types.Hybrid] = None,
        recommend: Optional[types.Recommend] = None,
        filter: str = "",
        group_field: str = "",
        diversify: Optional[types.Diversify] = None,
        score_min: Optional[float] = None,
        explain: bool = False,
        rerank: Optional[types.Rerank] = None,
        at_least: Optional[types.CommitToken] = None,
        timeout: Optional[float] = None,
    ) -> types.SearchResponse:
        """The best passages (or documents) for a text, a vector, or like a document, best first; by
        words (`lexical`), by both (`hybrid`) or by examples (`recommend`). Of documents whose metadata
        passes `filter`. Without `select`: text and metadata. At most one of `exact`, `target_recall`
        and `ef` says how good the answer must be; without them it is a target_recall of 0.95. With
        `rerank` a cross-encoder judges the best hits once more."""
        query = types.SearchQuery(
            text, vector, document_id, limit, offset, select, group_by, passages_per_group, exact,
            truncation, target_recall, ef, lexical, hybrid, recommend, filter, group_field, diversify,
            score_min, explain, rerank,
        )  # fmt: skip
        request = _convert.search_to_proto(query, collection, at_least)
        deadline = self._channel.deadlines.search
        response = self._channel.call(self._search.Search, request, deadline, timeout)
        return _convert.search_response(response)

    def batch_search(
        self,
        collection: str,
        searches: Iterable[types.SearchQuery],
        *,
        at_least: Optional[types.CommitToken] = None,
        timeout: Optional[float] = None,
    ) -> List[types.SearchResponse]:
        """Up to 256 searches, all on the same picture of the collection; all answered or none."""
        request = search_service_pb2.BatchSearchRequest(
            collection=collection,
            searches=[_convert.search_to_proto(query) for query in searches],
            at_least=_convert.token_to_proto(at_least),
        )
        deadline = self._channel.deadlines.search
        response = self._channel.call(self._search.BatchSearch, request, deadline, timeout)
        return [_convert.search_response(item) for item in response.responses]

    def measure_recall(
        self,
        collection: str,
        *,
        queries: Iterable[vectors.VectorLike] = (),
        sample_count: int = 0,
        limit: int = 0,
        target_recall: Optional[float] = None,
        ef: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> types.Recall:
        """Compares searches with exact ones, on the data that is there: asks `queries`, or
        `sample_count` stored vectors (100) for their `limit` (10) nearest neighbours."""
        request = search_service_pb2.MeasureRecallRequest(
            collection=collection,
            queries=[vectors.to_proto(query) for query in queries],
            sample_count=sample_count,
            limit=limit,
            tuning=_convert.tuning_to_proto(False, target_recall, ef),
        )
        # It scans the collection once a query: as long as encoding may take.
        deadline = self._channel.deadlines.encode
        response = self._channel.call(self._search.MeasureRecall, request, deadline, timeout)
        return _convert.recall(response)

    # --- The encoder by itself ---

    def encode(
        self,
        texts: Iterable[str],
        *,
        role: enums.TextRole | str = enums.TextRole.PASSAGE,
        model: str = "",
        truncation: enums.Truncation | str = enums.Truncation.END,
        dimensions: int = 0,
        timeout: Optional[float] = None,
    ) -> types.EncodeResponse:
        """Embeddings of up to 256 texts; of their values the first `dimensions` (0: all), brought back
        to their length."""
        request = encoder_service_pb2.EncodeRequest(
            model=model,
            texts=_several(texts),
            role=_convert.enum_name(enums.TextRole, role),
            truncation=_convert.enum_name(enums.Truncation, truncation),
            dimensions=dimensions,
        )
        response = self._encode(self._encoder.Encode, request, timeout)
        return types.EncodeResponse(
            embeddings=[
                _convert.same_fields(
                    types.Embedding, item, vector=vectors.from_proto(item.vector)
                )
                for item in response.embeddings
            ],
            fingerprint=response.fingerprint,
            usage=_convert.same_fields(types.TokenUsage, response.usage),
        )

    def rerank(
        self,
        query: str,
        texts: Iterable[str],
        *,
        model: str = "",
        limit: int = 0,
        raw_scores: bool = False,
        truncation: enums.Truncation | str = enums.Truncation.END,
        timeout: Optional[float] = None,
    ) -> types.RerankResponse:
        """How well each of up to 1,000 texts answers a question, the best `limit` (0: all) first, by a
        cross-encoder (`model` "": the one that is loaded)."""
        request = encoder_service_pb2.RerankRequest(
            model=model,
            query=query,
            texts=_several(texts),
            limit=limit,
            raw_scores=raw_scores,
            truncation=_convert.enum_name(enums.Truncation, truncation),
        )
        response = self._encode(self._encoder.Rerank, request, timeout)
        return types.RerankResponse(
            results=[_convert.same_fields(types.RerankResult, item) for item in response.results],
            model=response.model,
            usage=_convert.same_fields(types.TokenUsage, response.usage),
        )

    def tokenize(
        self, texts: Iterable[str], *, model: str = "", timeout: Optional[float] = None
    ) -> List[List[types.Token]]:
        """The tokens of up to 256 texts, without those that encoding adds."""
        request = encoder_service_pb2.TokenizeRequest(model=model, texts=_several(texts))
        response = self._encode(self._encoder.Tokenize, request, timeout)
        return [
            [_convert.same_fields(types.Token, token) for token in text.tokens]
            for text in response.texts
        ]

    def split(
        self,
        text: str,
        *,
        splitter: Optional[types.SplitterOptions] = None,
        model: str = "",
        timeout: Optional[float] = None,
    ) -> List[types.Passage]:
        """The passages that a document of this text would be cut into."""
        request = encoder_service_pb2.SplitTextRequest(
            model=model, text=text, splitter=_convert.splitter_to_proto(splitter)
        )
        response = self._encode(self._encoder.SplitText, request, timeout)
        return [_convert.passage(item) for item in response.passages]

    def models(self, *, timeout: Optional[float] = None) -> List[types.Model]:
        """Those that are loaded, the default one first."""
        request = encoder_service_pb2.ListModelsRequest()
        response = self._channel.read(self._encoder.ListModels, request, timeout)
        return [_convert.model(model) for model in response.models]

    def unloaded_models(self, *, timeout: Optional[float] = None) -> List[str]:
        """Names that load_model can try: folders of the server's --models-dir."""
        request = encoder_service_pb2.ListModelsRequest()
        response = self._channel.read(self._encoder.ListModels, request, timeout)
        return list(response.unloaded_names)

    def load_model(self, name: str, *, timeout: Optional[float] = None) -> types.Operation:
        """Begins to load a model of the server's --models-dir; see client.operations.wait. NotFound,
        AlreadyExists."""
        return self._begin(
            self._admin.LoadModel, admin_service_pb2.LoadModelRequest(name=name), timeout
        )

    def unload_model(self, name: str, *, timeout: Optional[float] = None) -> types.Operation:
        """Begins to unload a model: nobody finds it from now on, and its memory is given back when
        work under way has ended. FailedPrecondition while collections are bound to it."""
        return self._begin(
            self._admin.UnloadModel, admin_service_pb2.UnloadModelRequest(name=name), timeout
        )

    # --- The server ---

    def server_info(self, *, timeout: Optional[float] = None) -> types.ServerInfo:
        request = admin_service_pb2.GetServerInfoRequest()
        response = self._channel.read(self._admin.GetServerInfo, request, timeout)
        return _convert.server_info(response)

    # --- How calls are made ---

    def _write(self, method: Any, request: Any, timeout: Optional[float]) -> Any:
        deadline = self._channel.deadlines.write
        return self._channel.call(
            method, request, deadline, timeout, repeatable=bool(request.request_id)
        )

    def _begin(self, method: Any, request: Any, timeout: Optional[float]) -> types.Operation:
        # Tried once: a repeat would find that it has begun.
        manage = self._channel.deadlines.manage
        response = self._channel.call(method, request, manage, timeout, repeatable=False)
        return _convert.operation(response.operation)

    def _encode(self, method: Any, request: Any, timeout: Optional[float]) -> Any:
        return self._channel.call(method, request, self._channel.deadlines.encode, timeout)


def _deleted(response: document_service_pb2.DeleteDocumentsResponse) -> types.DeleteResponse:
    return types.DeleteResponse(
        deleted_count=response.deleted_count,
        missing_count=response.missing_count,
        changed_count=response.changed_count,
        commit_token=_convert.token(response),
        durability=_convert.durability(response.durability),
    )


def _new_id() -> str:
    return uuid.uuid4().hex


def _several(items: Iterable[Any]) -> Sequence[Any]:
    # A string is an iterable of strings too, and never what was meant.
    if isinstance(items, str):
        raise TypeError("expected a list of strings, got one string")
    return list(items)


def _required(token: Optional[types.CommitToken]) -> types.CommitToken:
    if token is None:
        raise ValueError("the server acknowledged a write without a commit token")
    return token
