"""IngestDocuments: streams of batches, their acknowledgements, and how they resume."""

import pathlib
import queue
import tempfile
import threading
from typing import Iterator

import grpc
import kith
from harness import DEADLINES, Kithd, ServerCase
from kith.v1 import document_service_pb2 as pb
from kith.v1 import document_service_pb2_grpc

VECTOR = [1.0, 2.0, 3.0, 4.0]


class RawStream:
    """A stream by hand: `send` messages, `receive` answers."""

    def __init__(self, client: kith.Client) -> None:
        self._requests: queue.SimpleQueue = queue.SimpleQueue()
        stub = document_service_pb2_grpc.DocumentServiceStub(client.channel)
        self.call = stub.IngestDocuments(iter(self._requests.get, None), timeout=DEADLINES.write)

    def start(self, collection: str, **options: object) -> pb.IngestPace:
        self.send(start=pb.IngestStart(collection=collection, **options))
        return self.receive().started.pace

    def send_batch(self, number: int, *documents: dict) -> None:
        inputs = [pb.DocumentInput(**document) for document in documents]
        self.send(batch=pb.IngestBatch(number=number, documents=inputs))

    def batch(self, number: int, *documents: dict) -> pb.IngestAck:
        self.send_batch(number, *documents)
        return self.receive().ack

    def send(self, **message: object) -> None:
        self._requests.put(pb.IngestDocumentsRequest(**message))

    def receive(self) -> pb.IngestDocumentsResponse:
        try:
            return next(self.call)
        except grpc.RpcError as error:
            raise kith.errors.from_rpc_error(error) from None

    def close(self) -> None:
        self._requests.put(None)

    def finish(self) -> list[pb.IngestDocumentsResponse]:
        """What still comes after the last batch; the stream has then ended with OK."""
        self.close()
        return list(self.call)


def document(id: str, *values: float) -> dict:
    return {"id": id, "vector": {"values": values or VECTOR}}


def many(count: int) -> Iterator[kith.DocumentInput]:
    for i in range(count):
        yield kith.DocumentInput(id=f"{i:06}", vector=[1.0, i, 0.5, 2.0])


class IngestTest(ServerCase):
    def stream(self) -> RawStream:
        stream = RawStream(self.client)
        self.addCleanup(stream.close)
        self.addCleanup(stream.call.cancel)
        return stream

    def test_a_generator_goes_in_and_acknowledgements_come_out(self) -> None:
        self.make_vectors()
        acks = list(self.client.ingest(self.collection, many(2500)))
        self.assertEqual([ack.batch_number for ack in acks], list(range(1, len(acks) + 1)))
        for ack in acks:
            self.assertIsNone(ack.error)
            self.assertEqual([r.id for r in ack.results], [d.id for d in ack.documents])
            self.assertTrue(all(result.created for result in ack.results))
            self.assertEqual(ack.durability, "synced")
        self.assertEqual(sum(len(ack.results) for ack in acks), 2500)
        sequences = [ack.commit_token.sequence for ack in acks]
        self.assertEqual(sequences, sorted(set(sequences)))
        count = self.client.count(self.collection, at_least=acks[-1].commit_token)
        self.assertEqual(count, 2500)

    def test_texts_are_split_and_found(self) -> None:
        self.make_texts()
        samples = sorted((pathlib.Path(__file__).parents[2] / "docs/samples").rglob("*.md"))[:12]
        documents = ({"id": path.stem, "text": path.read_text()} for path in samples)
        acks = list(self.client.ingest(self.collection, documents))
        self.assertEqual([ack.error for ack in acks], [None] * len(acks))
        for path in samples:
            hits = self.client.search(self.collection, text=path.read_text()[:300], limit=1).hits
            self.assertEqual(hits[0].document_id, path.stem)

    def test_documents_are_taken_only_as_the_server_acknowledges(self) -> None:
        self.make_vectors()
        taken = 0

        def counted() -> Iterator[kith.DocumentInput]:
            nonlocal taken
            for item in many(5000):
                taken += 1
                yield item

        acks = self.client.ingest(self.collection, counted(), batch_documents=10)
        next(acks)
        # The batches in flight, at most 64, and one document that did not fit the last.
        self.assertLessEqual(taken, 64 * 10 + 1)
        acks.close()
        self.assert_alive()

    def test_an_id_twice_goes_into_two_batches_and_the_last_one_stays(self) -> None:
        self.make_vectors()
        documents = [
            {"id": "a", "vector": VECTOR, "metadata": {"n": 1}},
            {"id": "a", "vector": VECTOR, "metadata": {"n": 2}},
        ]
        acks = list(self.client.ingest(self.collection, documents))
        self.assertEqual([ack.results[0].created for ack in acks], [True, False])
        self.assertEqual(self.client.get(self.collection, ["a"]).documents[0].metadata, {"n": 2})

    def test_no_documents_are_no_batches(self) -> None:
        self.make_vectors()
        self.assertEqual(list(self.client.ingest(self.collection, [])), [])

    def test_a_refused_batch_does_not_end_the_stream(self) -> None:
        self.make_vectors()
        documents = [
            {"id": "a", "vector": VECTOR},
            {"id": "b", "vector": VECTOR},
            {"id": "c", "vector": VECTOR},
            {"id": "d", "vector": [1.0]},
            {"id": "e", "vector": VECTOR},
        ]
        acks = list(self.client.ingest(self.collection, documents, batch_documents=2))
        self.assertEqual([ack.error is None for ack in acks], [True, False, True])
        self.check_error(
            acks[1].error, kith.InvalidArgument, "DIMENSION_MISMATCH", "documents[1]"
        )
        self.assertEqual(acks[1].failed_document, 1)
        self.assertEqual([d.id for d in acks[1].documents], ["c", "d"])
        self.assertEqual(acks[1].results, [])
        stored = [item.id for item in self.client.list(self.collection)]
        self.assertEqual(stored, ["a", "b", "e"])

    def test_every_refusal_is_acknowledged_with_code_and_reason(self) -> None:
        self.make_vectors()
        stream = self.stream()
        stream.start(self.collection)
        cases = (
            ("EMPTY_BATCH", None, []),
            ("BATCH_TOO_LARGE", None, [document(str(i)) for i in range(1001)]),
            ("DUPLICATE_ID", 1, [document("x"), document("x")]),
            ("INVALID_ID", 0, [document("i" * 513)]),
            ("VECTOR_NOT_FINITE", 0, [document("x", float("nan"), 1, 1, 1)]),
            ("ZERO_VECTOR", 1, [document("x"), document("y", 0, 0, 0, 0)]),
            ("NO_ENCODER", None, [{"id": "x", "text": "words"}]),
            ("ETAG_MISMATCH", 0, [{**document("x"), "if_match": "none"}]),
        )
        for number, (reason, failed, documents) in enumerate(cases, start=1):
            with self.subTest(reason=reason):
                ack = stream.batch(number, *documents)
                self.assertEqual((ack.batch_number, ack.reason), (number, reason))
                self.assertNotEqual(ack.code, 0)
                self.assertNotEqual(ack.message, "")
                self.assertEqual(len(ack.results), 0)
                if failed is not None:
                    self.assertEqual(ack.failed_document, failed)
        ack = stream.batch(len(cases) + 1, document("good"))
        self.assertEqual((ack.code, ack.reason), (0, ""))
        self.assertEqual(stream.finish(), [])
        self.assertEqual(self.client.count(self.collection), 1)

    def test_batches_commit_in_the_order_sent(self) -> None:
        self.make_vectors()
        stream = self.stream()
        pace = stream.start(self.collection)
        count = max(pace.max_in_flight, 1) * 3
        # Sent without waiting: the same id in each, so that the last one must win.
        for number in range(1, count + 1):
            stream.send_batch(number, document("same", number, 1, 1, 1))
        acks = [stream.receive().ack for _ in range(count)]
        self.assertEqual([ack.batch_number for ack in acks], list(range(1, count + 1)))
        self.assertEqual([ack.code for ack in acks], [0] * count)
        select = kith.Select(vectors=True)
        stored = self.client.get(self.collection, ["same"], select=select).documents[0]
        self.assertEqual(stored.vectors[0][0], count)

    def test_messages_out_of_turn_end_the_stream(self) -> None:
        self.make_vectors()
        for name, drive in (
            ("a batch first", lambda s: s.batch(1, document("a"))),
            ("a second start", lambda s: (s.start(self.collection), s.start(self.collection))),
            ("neither", lambda s: (s.send(), s.receive())),
            ("number 0", lambda s: (s.start(self.collection), s.batch(0, document("a")))),
            ("a hole", lambda s: (s.start(self.collection), s.batch(2, document("a")))),
        ):
            with self.subTest(message=name):
                with self.refused(kith.InvalidArgument, "INVALID_REQUEST"):
                    drive(self.stream())
        self.assertEqual(self.client.count(self.collection), 0)

    def test_streams_that_cannot_begin(self) -> None:
        self.make_vectors()
        for name, start, kind, reason, field in (
            ("collection", {"collection": "nowhere"}, kith.NotFound, "COLLECTION_NOT_FOUND", ""),
            (
                "durability", {"collection": self.collection, "durability": 9},
                kith.InvalidArgument, "INVALID_REQUEST", "start.durability",
            ),
            (
                "truncation", {"collection": self.collection, "truncation": 9},
                kith.InvalidArgument, "INVALID_REQUEST", "start.truncation",
            ),
            (
                "stream id", {"collection": self.collection, "stream_id": "s" * 65},
                kith.InvalidArgument, "INVALID_ID", "start.stream_id",
            ),
        ):  # fmt: skip
            with self.subTest(fault=name):
                with self.refused(kind, reason, field):
                    self.stream().start(**start)
        self.stream().start(self.collection, stream_id="s" * 64)
        with self.assertRaises(kith.NotFound):
            list(self.client.ingest("nowhere", many(1)))

    def test_a_resumed_stream_is_answered_and_writes_nothing_twice(self) -> None:
        self.make_vectors()
        first = self.stream()
        first.start(self.collection, stream_id="s")
        acks = [first.batch(n, {"vector": {"values": VECTOR}}) for n in (1, 2, 3)]
        first.call.cancel()
        second = self.stream()
        second.start(self.collection, stream_id="s")
        again = [second.batch(n, {"vector": {"values": VECTOR}}) for n in (2, 3)]
        for ack, repeated in zip(acks[1:], again):
            self.assertEqual(repeated.results, ack.results)  # with the ids that the server made
            self.assertEqual(repeated.commit_token, ack.commit_token)
        self.assertEqual(second.batch(4, document("d")).code, 0)
        self.assertEqual(self.client.count(self.collection), 4)

    def test_a_resumed_batch_with_other_content_is_refused(self) -> None:
        self.make_vectors()
        first = self.stream()
        first.start(self.collection, stream_id="s")
        first.batch(1, document("a"))
        first.finish()
        second = self.stream()
        second.start(self.collection, stream_id="s")
        ack = second.batch(1, document("other"))
        self.assertEqual(ack.reason, "REQUEST_ID_REUSED")
        self.assertEqual(ack.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])

    def test_another_process_goes_on_under_the_stream_id(self) -> None:
        self.make_vectors()
        died = self.client.ingest(self.collection, many(950), stream_id="load")
        for _ in range(3):
            next(died)
        died.close()  # as if its process had ended
        acks = list(self.client.ingest(self.collection, many(950), stream_id="load"))
        self.assertEqual([ack.error for ack in acks], [None] * 10)
        self.assertTrue(all(result.created for ack in acks for result in ack.results))
        self.assertEqual(self.client.count(self.collection), 950)

    def test_batches_that_cannot_be_are_refused_by_the_client(self) -> None:
        for size in (0, 1001):
            with self.assertRaises(ValueError):
                self.client.ingest(self.collection, [], batch_documents=size)


class RestartTest(ServerCase):
    """A server of its own, which is killed, over the same data folder and port."""

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="kith-conformance-")
        self.addCleanup(folder.cleanup)
        self.data_dir = pathlib.Path(folder.name) / "data"
        # The next life of the server listens where the client knows it.
        self.server = self.begin()
        self.port = int(self.server.address.rpartition(":")[2])
        retry = kith.RetryOptions(max_attempts=60, max_stream_attempts=60, max_pause=1.0)
        self.client = kith.connect(self.server.address, deadlines=DEADLINES, retry=retry)
        self.addCleanup(self.client.close)
        self.addCleanup(lambda: self.server.is_running() and self.server.kill())

    def begin(self, port: int = 0) -> Kithd:
        return Kithd(self.data_dir, port=port).wait_until_serving()

    def restart(self, how: str) -> None:
        if how == "kill":
            self.server.kill()
        else:
            self.assertEqual(self.server.stop(), 0, self.server.log_tail())
        self.server = self.begin(self.port)

    def test_what_was_acknowledged_is_there_after_a_kill_and_replays_are_answered(self) -> None:
        self.make_texts()
        written = self.client.upsert(
            self.collection, [{"text": "Attention weighs every token."}], request_id="once"
        )
        deleted = self.client.delete(self.collection, ["nobody"], request_id="gone")
        stream = RawStream(self.client)
        stream.start(self.collection, stream_id="s")
        ack = stream.batch(1, {"text": "A graph of neighbours."})
        everything = kith.Select(text=True, metadata=True, passages=True, vectors=True)
        before = list(self.client.list(self.collection, select=everything))
        searched = self.client.search(self.collection, text="tokens", exact=True)
        stats = self.client.collections.stats(self.collection)
        self.restart("kill")

        after = list(self.client.list(self.collection, select=everything))
        self.assertEqual(after, before)
        again = self.client.search(self.collection, text="tokens", exact=True)
        self.assertEqual(again.hits, searched.hits)
        self.assertEqual(
            self.client.collections.stats(self.collection).history_hash, stats.history_hash
        )
        self.assertEqual(self.client.count(self.collection, at_least=written.commit_token), 2)
        repeated = self.client.upsert(
            self.collection, [{"text": "Attention weighs every token."}], request_id="once"
        )
        self.assertEqual(repeated.results, written.results)
        self.assertEqual(repeated.commit_token, written.commit_token)
        self.assertEqual(
            self.client.delete(self.collection, ["nobody"], request_id="gone"), deleted
        )
        with self.assertRaises(kith.InvalidArgument) as caught:
            self.client.upsert(self.collection, [{"text": "Other."}], request_id="once")
        self.assertEqual(caught.exception.reason, "REQUEST_ID_REUSED")
        resumed = RawStream(self.client)
        resumed.start(self.collection, stream_id="s")
        self.assertEqual(resumed.batch(1, {"text": "A graph of neighbours."}).results, ack.results)
        self.assertEqual(resumed.finish(), [])
        self.assertEqual(self.client.count(self.collection), 2)

    def test_an_ingestion_survives_a_kill_of_its_server(self) -> None:
        self.ingest_over_a_restart("kill")

    def test_an_ingestion_survives_a_stop_of_its_server(self) -> None:
        self.ingest_over_a_restart("stop")

    def ingest_over_a_restart(self, how: str) -> None:
        self.make_vectors()
        total = 3000
        acks = self.client.ingest(self.collection, many(total), batch_documents=50)
        seen = [next(acks) for _ in range(5)]
        restarting = threading.Thread(target=self.restart, args=(how,))
        restarting.start()
        seen += acks
        restarting.join()
        self.assertEqual([ack.error for ack in seen], [None] * (total // 50))
        self.assertEqual([ack.batch_number for ack in seen], list(range(1, total // 50 + 1)))
        self.assertTrue(all(result.created for ack in seen for result in ack.results))
        ids = [item.id for item in self.client.list(self.collection, page_size=1000)]
        self.assertEqual(ids, [item.id for item in many(total)])

    def test_reads_and_writes_with_a_request_id_wait_for_a_restart(self) -> None:
        self.make_vectors()
        self.client.upsert(self.collection, [{"id": "a", "vector": VECTOR}])
        self.server.kill()
        restarting = threading.Thread(target=self.restart_after_kill)
        restarting.start()
        self.assertEqual(self.client.count(self.collection), 1)
        restarting.join()
        self.server.kill()
        # Without a request id nothing says that it did not happen: the caller hears of it.
        with self.assertRaises(kith.Unavailable) as caught:
            self.client.upsert(
                self.collection, [{"id": "b", "vector": VECTOR}], request_id="", timeout=30
            )
        self.assertEqual(caught.exception.reason, "")
        self.assertIn(self.client.address, caught.exception.message)
        restarting = threading.Thread(target=self.restart_after_kill)
        restarting.start()
        self.client.upsert(self.collection, [{"id": "b", "vector": VECTOR}])
        restarting.join()
        self.assertEqual(self.client.count(self.collection), 2)

    def restart_after_kill(self) -> None:
        self.server = self.begin(self.port)

    def test_deleted_and_changed_collections_stay_so(self) -> None:
        self.make_vectors()
        changed = self.client.collections.update(self.collection, description="changed")
        self.client.collections.create("gone", dimension=2)
        operation = self.client.operations.wait(self.client.collections.delete("gone"))
        self.restart("stop")
        self.assertEqual(self.client.collections.get(self.collection), changed)
        names = [collection.name for collection in self.client.collections.list()]
        self.assertEqual(names, [self.collection])
        self.assertEqual(self.client.operations.get(operation.id), operation)
