"""The Python client by itself: what it makes of values, and of a server that misbehaves.

The server here is one of a few lines that says what a test wants, over a real connection.
"""

import array
import datetime
import time
import unittest
from concurrent import futures
from typing import Any, Callable, Iterator, Optional

import grpc
import kith
from google.protobuf.any_pb2 import Any as AnyMessage
from kith import errors, metadata, vectors
from kith.v1 import common_pb2, document_service_pb2, document_service_pb2_grpc, error_details_pb2

QUICK = kith.RetryOptions(max_attempts=4, max_stream_attempts=4, first_pause=0.01)


def details(reason: str, retry_ms: Optional[int] = None) -> bytes:
    """The trailer of an error, as kithd makes it."""
    status = error_details_pb2.ErrorStatus()
    info = error_details_pb2.ErrorInfo(reason=reason, domain="kith", metadata={"limit": "7"})
    violation = error_details_pb2.BadRequest.FieldViolation(field="a.b", description="why")
    bad_request = error_details_pb2.BadRequest(field_violations=[violation])
    packed = [("ErrorInfo", info), ("BadRequest", bad_request)]
    if retry_ms is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(retry_ms)
        packed.append(("RetryInfo", retry))
    for name, message in packed:
        url = f"type.googleapis.com/google.rpc.{name}"
        status.details.append(AnyMessage(type_url=url, value=message.SerializeToString()))
    return status.SerializeToString()


class Scripted(document_service_pb2_grpc.DocumentServiceServicer):
    """Answers as the script says: a function that may abort."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.script: Callable[[Any, grpc.ServicerContext], Any]

    def CountDocuments(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.append(request)
        return self.script(request, context)

    UpsertDocuments = CountDocuments

    def IngestDocuments(self, requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self.calls.append("stream")
        yield from self.script(requests, context)


def refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, trailer: Optional[bytes] = None
) -> None:
    if trailer is not None:
        context.set_trailing_metadata([(errors.DETAILS_TRAILER, trailer)])
    context.abort(code, "no")


class ScriptedServerTest(unittest.TestCase):
    def setUp(self) -> None:
        self.servicer = Scripted()
        server = grpc.server(futures.ThreadPoolExecutor(4))
        document_service_pb2_grpc.add_DocumentServiceServicer_to_server(self.servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        self.client = kith.connect(f"127.0.0.1:{port}", retry=QUICK)
        self.addCleanup(self.client.close)

    def failing(self, times: int, code: grpc.StatusCode, trailer: Optional[bytes] = None) -> None:
        def script(request: Any, context: grpc.ServicerContext) -> Any:
            if len(self.servicer.calls) <= times:
                refuse(context, code, trailer)
            return document_service_pb2.CountDocumentsResponse(count=42)

        self.servicer.script = script

    def test_details_become_attributes(self) -> None:
        self.failing(1, grpc.StatusCode.INVALID_ARGUMENT, details("WHY", 1500))
        with self.assertRaises(kith.InvalidArgument) as caught:
            self.client.count("c")
        error = caught.exception
        self.assertEqual((error.reason, error.metadata, error.field), ("WHY", {"limit": "7"}, "a.b"))
        self.assertEqual(error.field_violations, (kith.FieldViolation("a.b", "why"),))
        self.assertEqual(error.retry_after, datetime.timedelta(seconds=1.5))
        self.assertEqual(str(error), "INVALID_ARGUMENT (WHY): no")
        self.assertEqual(len(self.servicer.calls), 1)

    def test_broken_details_leave_the_code(self) -> None:
        whole = details("WHY", 1)
        for trailer in (b"\xff\xff", whole[: len(whole) // 2], b""):
            with self.subTest(trailer=trailer):
                self.servicer.calls.clear()
                self.failing(1, grpc.StatusCode.NOT_FOUND, trailer)
                with self.assertRaises(kith.NotFound):
                    self.client.count("c")

    def test_every_code_has_its_class(self) -> None:
        for code in grpc.StatusCode:
            if code is grpc.StatusCode.OK:
                continue
            error = errors.make_error(code, "message")
            self.assertIsNot(type(error), kith.Error)
            self.assertIs(error.code, code)
        self.assertIs(type(errors.error_of_number(99, "")), kith.Unknown)

    def test_unavailable_reads_are_tried_again(self) -> None:
        self.failing(3, grpc.StatusCode.UNAVAILABLE, details("COLLECTION_LOADING", 1))
        self.assertEqual(self.client.count("c"), 42)
        self.assertEqual(len(self.servicer.calls), 4)

    def test_attempts_have_an_end(self) -> None:
        self.failing(100, grpc.StatusCode.UNAVAILABLE)
        with self.assertRaises(kith.Unavailable) as caught:
            self.client.count("c")
        self.assertEqual(len(self.servicer.calls), QUICK.max_attempts)
        self.assertIn(self.client.address, caught.exception.message)

    def test_a_pause_that_does_not_fit_is_not_begun(self) -> None:
        self.failing(100, grpc.StatusCode.UNAVAILABLE, details("DRAINING", 60_000))
        start = time.monotonic()
        with self.assertRaises(kith.Unavailable):
            self.client.count("c", timeout=20)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(len(self.servicer.calls), 1)

    def test_refusals_with_advice_are_tried_again_and_others_not(self) -> None:
        self.failing(2, grpc.StatusCode.RESOURCE_EXHAUSTED, details("QUEUE_FULL", 1))
        self.assertEqual(self.client.count("c"), 42)
        for code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED):
            self.servicer.calls.clear()
            self.failing(1, code, details("WHY"))
            with self.assertRaises(kith.Error):
                self.client.count("c")
            self.assertEqual(len(self.servicer.calls), 1)

    def test_writes_are_tried_again_under_one_request_id_or_not_at_all(self) -> None:
        def script(request: Any, context: grpc.ServicerContext) -> Any:
            if len(self.servicer.calls) == 1:
                refuse(context, grpc.StatusCode.UNAVAILABLE)
            token = common_pb2.CommitToken(shard="s", epoch=1, sequence=1)
            return document_service_pb2.UpsertDocumentsResponse(commit_token=token)

        self.servicer.script = script
        self.client.upsert("c", [{"id": "a", "text": "x"}])
        first, second = self.servicer.calls
        self.assertEqual(first, second)
        self.assertNotEqual(first.request_id, "")
        self.servicer.calls.clear()
        with self.assertRaises(kith.Unavailable):
            self.client.upsert("c", [{"id": "a", "text": "x"}], request_id="")
        self.assertEqual(len(self.servicer.calls), 1)

    # --- Streams ---

    @staticmethod
    def started(max_in_flight: int = 2, batch_documents: int = 2) -> Any:
        answer = document_service_pb2.IngestDocumentsResponse()
        answer.started.pace.max_in_flight = max_in_flight
        answer.started.pace.batch_documents = batch_documents
        return answer

    @staticmethod
    def acknowledged(batch: Any) -> Any:
        answer = document_service_pb2.IngestDocumentsResponse()
        answer.ack.batch_number = batch.number
        for document in batch.documents:
            answer.ack.results.add(id=document.id, created=True)
        return answer

    def ingest(self, count: int, **options: Any) -> list[kith.IngestAck]:
        documents = ({"id": str(i), "text": "x"} for i in range(count))
        return list(self.client.ingest("c", documents, **options))

    def test_what_is_unanswered_is_sent_again_under_the_same_stream_id(self) -> None:
        starts, batches = [], []

        def script(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            starts.append(next(requests).start)
            yield self.started()
            for request in requests:
                batches.append(request.batch.number)
                if len(batches) in (2, 5):
                    refuse(context, grpc.StatusCode.UNAVAILABLE, details("DRAINING", 1))
                yield self.acknowledged(request.batch)

        self.servicer.script = script
        acks = self.ingest(9)
        self.assertEqual([ack.batch_number for ack in acks], [1, 2, 3, 4, 5])
        self.assertEqual([len(ack.documents) for ack in acks], [2, 2, 2, 2, 1])
        self.assertEqual(len(starts), 3)
        self.assertEqual(len({start.stream_id for start in starts}), 1)
        self.assertEqual(sorted(set(batches)), [1, 2, 3, 4, 5])

    def test_a_stream_gives_up_after_its_attempts(self) -> None:
        def script(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            next(requests)
            yield self.started()
            next(requests)
            refuse(context, grpc.StatusCode.UNAVAILABLE)

        self.servicer.script = script
        with self.assertRaises(kith.Unavailable):
            self.ingest(5)
        self.assertEqual(len(self.servicer.calls), QUICK.max_stream_attempts)

    def test_a_server_that_breaks_the_protocol_is_an_internal_error(self) -> None:
        def wrong_number(batch: Any) -> Any:
            answer = self.acknowledged(batch)
            answer.ack.batch_number += 1
            return answer

        def too_few(batch: Any) -> Any:
            answer = self.acknowledged(batch)
            del answer.ack.results[0]
            return answer

        for name, first, answer in (
            ("no agreement", self.acknowledged, self.acknowledged),
            ("a wrong number", None, wrong_number),
            ("too few results", None, too_few),
            ("nothing", None, lambda batch: document_service_pb2.IngestDocumentsResponse()),
        ):
            with self.subTest(fault=name):

                def script(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
                    begin = next(requests)
                    yield first(begin.batch) if first else self.started()
                    for request in requests:
                        yield answer(request.batch)

                self.servicer.script = script
                with self.assertRaises(kith.Internal):
                    self.ingest(3)

    def test_an_end_with_batches_unanswered_is_an_internal_error(self) -> None:
        def script(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            next(requests)
            yield self.started()
            next(requests)

        self.servicer.script = script
        with self.assertRaises(kith.Internal):
            self.ingest(3)

    def test_large_documents_end_a_batch(self) -> None:
        def script(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            next(requests)
            yield self.started(8, 1000)
            for request in requests:
                yield self.acknowledged(request.batch)

        self.servicer.script = script
        documents = [{"id": str(i), "text": "x" * 300} for i in range(6)]
        acks = list(self.client.ingest("c", documents, max_batch_bytes=700))
        self.assertEqual([len(ack.documents) for ack in acks], [2, 2, 2])

    def test_an_error_of_the_callers_documents_is_the_callers(self) -> None:
        def script(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            next(requests)
            yield self.started()
            for request in requests:
                yield self.acknowledged(request.batch)

        def broken() -> Iterator[dict]:
            yield {"id": "a", "text": "x"}
            raise RuntimeError("the source is gone")

        self.servicer.script = script
        with self.assertRaisesRegex(RuntimeError, "the source is gone"):
            list(self.client.ingest("c", broken()))
        with self.assertRaises(TypeError):
            list(self.client.ingest("c", [{"id": "a", "txt": "a typing error"}]))


class ValuesTest(unittest.TestCase):
    def test_vectors_go_in_and_out(self) -> None:
        for given in ([1, 2.5], (1, 2.5), array.array("f", [1, 2.5]), array.array("d", [1, 2.5])):
            sent = vectors.to_proto(given)
            self.assertEqual(sent.f32_le.hex(), "0000803f00002040")
            self.assertEqual(sent.dimension, 2)
            self.assertEqual(list(vectors.from_proto(sent)), [1, 2.5])
        self.assertEqual(list(vectors.from_proto(common_pb2.Vector(values=[1, 2]))), [1, 2])
        for wrong in ("12", b"12345678", [1, "2"], [[1, 2]], 5):
            with self.assertRaises(TypeError):
                vectors.to_proto(wrong)

    def test_arrays_with_a_dtype_go_in_as_they_are(self) -> None:
        class FakeArray:
            """What the client asks of a NumPy array; NumPy itself is not needed for the tests."""

            def __init__(self, kind: str, itemsize: int, ndim: int = 1) -> None:
                self.dtype = type("dtype", (), {"kind": kind, "itemsize": itemsize})()
                self.ndim = ndim
                self.cast = ""

            def __len__(self) -> int:
                return 3

            def astype(self, cast: str) -> "FakeArray":
                self.cast = cast
                return self

            def tobytes(self) -> bytes:
                return f"{self.dtype.kind}{self.dtype.itemsize}{self.cast}".encode()

        for kind, size, form, raw in (
            ("f", 4, "f32_le", b"f4<f4"), ("f", 8, "f32_le", b"f8<f4"), ("i", 8, "f32_le", b"i8<f4"),
            ("u", 1, "f32_le", b"u1<f4"), ("f", 2, "f16_le", b"f2<f2"), ("i", 1, "i8", b"i1"),
        ):  # fmt: skip
            sent = vectors.to_proto(FakeArray(kind, size))
            self.assertEqual((sent.WhichOneof("packed"), getattr(sent, form)), (form, raw))
            self.assertEqual(sent.dimension, 3)
        with self.assertRaises(ValueError):
            vectors.to_proto(FakeArray("f", 4, ndim=2))
        with self.assertRaises(TypeError):
            vectors.to_proto(FakeArray("c", 8))

    def test_metadata_is_typed_by_its_python_type(self) -> None:
        moment = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
        for value, kind in (
            ("x", "string_value"), (True, "bool_value"), (1, "int_value"), (1.0, "double_value"),
            (["x"], "string_list"), ({"b", "a"}, "string_list"), (moment, "timestamp_value"),
        ):  # fmt: skip
            sent = metadata.to_proto(value)
            self.assertEqual(sent.WhichOneof("kind"), kind)
        sent = metadata.to_proto(moment)
        self.assertEqual(metadata.timestamp_from_proto(sent.timestamp_value), moment)
        self.assertEqual(metadata.from_proto({"k": common_pb2.Value()}), {"k": None})

    def test_metadata_that_has_no_type(self) -> None:
        for value, kind in (
            (None, TypeError), ({}, TypeError), ([1], TypeError), (b"x", TypeError),
            (2**63, ValueError), (datetime.datetime(2020, 1, 1), ValueError),
        ):  # fmt: skip
            with self.subTest(value=value):
                with self.assertRaisesRegex(kind, "metadata\\['k'\\]"):
                    out = document_service_pb2.DocumentInput()
                    metadata.fill({"k": value}, out.metadata)

    def test_words_that_are_no_words_are_refused_here(self) -> None:
        client = kith.connect("127.0.0.1:1")
        self.addCleanup(client.close)
        with self.assertRaises(ValueError):
            client.collections.create("c", metric="manhattan")
        for call in (client.encode, client.tokenize, lambda ids: client.get("c", ids)):
            with self.assertRaises(TypeError):
                call("one string")
