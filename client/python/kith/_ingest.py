"""Many documents over one stream, at the pace that the server sets.

Documents are taken from the caller's iterable as the server acknowledges what it has: at most
`max_in_flight` batches are unanswered at a time. A connection that breaks is made again under the same
stream id and what is unanswered is sent again; the server answers what it had committed without
writing it twice.
"""

from __future__ import annotations

import collections
import dataclasses
import queue
import time
import uuid
from typing import Any, Iterable, Iterator, Mapping, Optional

import grpc
from kith import _convert, _retry, enums, types
from kith._channel import Channel
from kith.errors import Error, FieldViolation, Internal, error_of_number, from_rpc_error
from kith.v1 import document_service_pb2 as pb
from kith.v1 import document_service_pb2_grpc

# Bounds to what a server may advise.
_MAX_IN_FLIGHT = 64
_MAX_BATCH_DOCUMENTS = 1000
# Of streams that another process may resume: their batches must not depend on the server's pace.
_RESUMABLE_BATCH_DOCUMENTS = 100


@dataclasses.dataclass(frozen=True)
class IngestOptions:
    collection: str
    stream_id: str = ""
    batch_documents: Optional[int] = None
    max_batch_bytes: int = 4 << 20
    durability: enums.Durability | str = enums.Durability.UNSPECIFIED
    truncation: enums.Truncation | str = enums.Truncation.END


class Batch:
    """Gathers documents until one more would make it too large, or hold an id twice (which the
    server refuses)."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.documents: list[types.DocumentInput] = []
        self._messages: list[pb.DocumentInput] = []
        self._ids: set[str] = set()
        self._bytes = 0

    def fits(self, message: pb.DocumentInput, max_documents: int, max_bytes: int) -> bool:
        """An empty batch takes any document."""
        if not self.documents:
            return True
        return (
            len(self.documents) < max_documents
            and self._bytes + message.ByteSize() <= max_bytes
            and message.id not in self._ids
        )

    def add(self, document: types.DocumentInput, message: pb.DocumentInput) -> None:
        self.documents.append(document)
        self._messages.append(message)
        self._bytes += message.ByteSize()
        if message.id:
            self._ids.add(message.id)

    def request(self) -> pb.IngestDocumentsRequest:
        batch = pb.IngestBatch(number=self.number, documents=self._messages)
        return pb.IngestDocumentsRequest(batch=batch)


class _Connection:
    """One attempt at the stream. gRPC takes requests from the queue in a thread of its own."""

    def __init__(self, stub: document_service_pb2_grpc.DocumentServiceStub) -> None:
        self._requests: queue.SimpleQueue[Optional[pb.IngestDocumentsRequest]] = queue.SimpleQueue()
        # No deadline: a stream lives for as long as its caller has documents.
        self._call = stub.IngestDocuments(iter(self._requests.get, None))

    def send(self, request: pb.IngestDocumentsRequest) -> None:
        self._requests.put(request)

    def receive(self) -> pb.IngestDocumentsResponse:
        """The next answer. Raises kith.Error when the stream has ended, however it did."""
        try:
            response = next(self._call, None)
        except grpc.RpcError as failure:
            raise from_rpc_error(failure) from None
        if response is None:
            raise Internal("the server ended the ingestion stream with batches unanswered")
        return response

    def finish(self) -> None:
        """Says that nothing more comes; everything has been answered."""
        self._requests.put(None)
        try:
            for _ in self._call:
                pass
        except grpc.RpcError:
            pass  # how the connection ends does not matter any more

    def cancel(self) -> None:
        self._requests.put(None)
        self._call.cancel()


class Ingestion:
    """Not thread-safe; driven by whoever iterates over run()."""

    def __init__(
        self,
        channel: Channel,
        stub: document_service_pb2_grpc.DocumentServiceStub,
        documents: Iterable[types.DocumentInput | Mapping[str, Any]],
        options: IngestOptions,
    ) -> None:
        fixed = options.batch_documents
        if fixed is None and options.stream_id:
            fixed = _RESUMABLE_BATCH_DOCUMENTS
        if fixed is not None and not 1 <= fixed <= _MAX_BATCH_DOCUMENTS:
            raise ValueError(f"batch_documents is {fixed}: must be 1 to {_MAX_BATCH_DOCUMENTS}")
        self._channel = channel
        self._retry = channel.retry
        self._stub = stub
        self._documents = map(_convert.as_input, documents)
        self._options = options
        self._start = pb.IngestDocumentsRequest(
            start=pb.IngestStart(
                collection=options.collection,
                stream_id=options.stream_id or uuid.uuid4().hex,
                durability=_convert.enum_name(enums.Durability, options.durability),
                truncation=_convert.enum_name(enums.Truncation, options.truncation),
            )
        )
        self._fixed_batch_documents = fixed
        self._batch_documents = fixed or 1
        self._max_in_flight = 1
        self._connection: Optional[_Connection] = None
        self._attempts = 0  # connections made since the last acknowledgement
        self._opened = False
        self._unanswered: collections.deque[Batch] = collections.deque()
        self._batch = Batch(1)  # being gathered
        self._exhausted = False

    def run(self) -> Iterator[types.IngestAck]:
        try:
            # Before the first document is taken: a stream that cannot be begun takes none.
            self._connected()
            while True:
                while len(self._unanswered) < self._max_in_flight and self._gather():
                    self._send()
                if not self._unanswered:
                    break
                yield self._next_ack()
            self._connected().finish()
            self._connection = None
        finally:
            if self._connection is not None:
                self._connection.cancel()

    def _gather(self) -> bool:
        """Fills the batch from the caller's documents; False when there is nothing more to send."""
        while not self._exhausted:
            document = next(self._documents, None)
            if document is None:
                self._exhausted = True
                break
            message = _convert.input_to_proto(document)
            fits = self._batch.fits(message, self._batch_documents, self._options.max_batch_bytes)
            if not fits:
                full, self._batch = self._batch, Batch(self._batch.number + 1)
                self._batch.add(document, message)
                self._unanswered.append(full)
                return True
            self._batch.add(document, message)
        if not self._batch.documents:
            return False
        self._unanswered.append(self._batch)
        self._batch = Batch(self._batch.number + 1)
        return True

    def _send(self) -> None:
        """The newest batch. One that gets lost is sent again with the next connection."""
        assert self._connection is not None
        self._connection.send(self._unanswered[-1].request())

    def _next_ack(self) -> types.IngestAck:
        while True:
            connection = self._connected()
            try:
                return self._take_ack(connection.receive())
            except Error as error:
                self._broken(error)

    def _connected(self) -> _Connection:
        """A connection on which the server has agreed and all that is unanswered has been sent."""
        while self._connection is None:
            self._attempts += 1
            connection = _Connection(self._stub)
            connection.send(self._start)
            try:
                started = connection.receive()
                if not started.HasField("started"):
                    connection.cancel()
                    raise Internal("the server acknowledged a batch before it agreed to the stream")
            except Error as error:
                self._broken(error)
                continue
            self._take_pace(started.started.pace)
            for batch in self._unanswered:
                connection.send(batch.request())
            self._connection = connection
            self._opened = True
        return self._connection

    def _broken(self, error: Error) -> None:
        """Waits before the next attempt, or raises if there must be none."""
        if self._connection is not None:
            self._connection.cancel()
            self._connection = None
        most = self._retry.max_stream_attempts if self._opened else self._retry.max_attempts
        if self._attempts >= most or not _retry.is_worth_retrying(error, repeatable=True):
            raise self._channel.explained(error)
        time.sleep(_retry.pause_after(error, max(self._attempts, 1), self._retry))

    def _take_ack(self, response: pb.IngestDocumentsResponse) -> types.IngestAck:
        ack = response.ack
        batch = self._unanswered[0]
        if not response.HasField("ack") or ack.batch_number != batch.number:
            raise Internal(f"the server answered batch {ack.batch_number}, not {batch.number}")
        accepted = ack.code == 0
        if accepted and len(ack.results) != len(batch.documents):
            raise Internal(
                f"batch {batch.number}: {len(ack.results)} results, {len(batch.documents)} documents"
            )
        self._unanswered.popleft()
        self._attempts = 0
        if ack.HasField("pace"):
            self._take_pace(ack.pace)
        failed = ack.failed_document if ack.HasField("failed_document") else None
        return types.IngestAck(
            batch_number=batch.number,
            documents=batch.documents,
            results=_convert.upsert_results(ack.results),
            error=None if accepted else _error_of(ack, failed),
            failed_document=failed,
            commit_token=_convert.token(ack),
            durability=_convert.durability(ack.durability),
        )

    def _take_pace(self, pace: pb.IngestPace) -> None:
        self._max_in_flight = min(max(pace.max_in_flight, 1), _MAX_IN_FLIGHT)
        if self._fixed_batch_documents is None:
            self._batch_documents = min(max(pace.batch_documents, 1), _MAX_BATCH_DOCUMENTS)


def _error_of(ack: pb.IngestAck, failed: Optional[int]) -> Error:
    violations = [] if failed is None else [FieldViolation(f"documents[{failed}]", ack.message)]
    return error_of_number(
        ack.code, ack.message, reason=ack.reason, field_violations=violations
    )
