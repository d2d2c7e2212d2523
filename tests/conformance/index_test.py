"""The index: sealing, merging, how good an answer is, what is measured and estimated."""

import math
import pathlib
import random
import tempfile
import unittest

import kith
from harness import DEADLINES, Kithd, ServerCase
from kith.v1 import collection_service_pb2, search_service_pb2

DIMENSION = 16


def vectors_of(seed: int, count: int) -> dict[str, list[float]]:
    """Clustered, as embeddings are."""
    print(f"seed {seed}", end=" ", flush=True)
    generator = random.Random(seed)
    centers = [[generator.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(40)]
    return {
        f"v{i:05}": [x + generator.gauss(0, 0.3) for x in generator.choice(centers)]
        for i in range(count)
    }


def distance(a: list[float], b: list[float]) -> float:
    return math.dist(a, b)


def write(client: kith.Client, collection: str, vectors: dict[str, list[float]]) -> None:
    documents = ({"id": id, "vector": vector} for id, vector in vectors.items())
    for ack in client.ingest(collection, documents):
        if ack.error is not None:
            raise ack.error


class IndexTest(ServerCase):
    def fill(self, count: int = 3000, **options: object) -> dict[str, list[float]]:
        self.make_vectors(DIMENSION, "l2", **options)
        vectors = vectors_of(random.randrange(2**32), count)
        write(self.client, self.collection, vectors)
        return vectors

    def end(self, operation: kith.Operation, kind: kith.OperationKind) -> None:
        self.assertIs(operation.kind, kind)
        self.assertEqual(operation.target, self.collection)
        ended = self.client.operations.wait(operation)
        self.assertIs(ended.state, kith.OperationState.SUCCEEDED, ended)

    def seal(self) -> None:
        self.end(self.client.index.seal(self.collection), kith.OperationKind.SEAL_INDEX)

    def merge(self) -> None:
        self.end(self.client.index.merge(self.collection), kith.OperationKind.MERGE_INDEX)

    def check_answers(self, vectors: dict[str, list[float]], **tuning: object) -> float:
        """Every score is exact, no deleted document comes, the order is right; returns recall@10."""
        asking = random.Random(1).sample(sorted(vectors), 50)
        found = 0
        for id in asking:
            query = [x + 0.05 for x in vectors[id]]
            answer = self.client.search(self.collection, vector=query, **tuning)
            self.assertEqual(len(answer.hits), min(10, len(vectors)))
            scores = [hit.score for hit in answer.hits]
            self.assertEqual(scores, sorted(scores, reverse=True))
            for hit in answer.hits:
                self.assertIn(hit.document_id, vectors)
                right = -distance(query, vectors[hit.document_id])
                self.assertAlmostEqual(hit.score, right, places=4)
            true = sorted(vectors, key=lambda id: distance(query, vectors[id]))[:10]
            found += len({hit.document_id for hit in answer.hits} & set(true))
        return found / (10 * len(asking))

    # --- Sealing and merging ---

    def test_rows_are_found_before_and_after_they_are_sealed(self) -> None:
        vectors = self.fill()
        status = self.client.index.status(self.collection)
        self.assertEqual(status.collection, self.collection)
        self.assertEqual(status.live_row_count, len(vectors))
        self.assertEqual(self.check_answers(vectors, exact=True), 1)
        self.seal()

        status = self.client.index.status(self.collection)
        self.assertEqual(status.indexed_row_count, len(vectors))
        self.assertEqual(status.debt_row_count, 0)
        self.assertGreaterEqual(status.seal_count, 1)
        self.assertEqual(status.failed_build_count, 0, status.last_error)
        self.assertLess(status.debt_paced_row_count, status.debt_refused_row_count)
        sealed = [s for s in status.segments if s.state is kith.SegmentState.SEALED]
        self.assertEqual(sum(s.row_count for s in sealed), len(vectors))
        for segment in sealed:
            self.assertGreater(segment.id, 0)
            self.assertLess(segment.first_ordinal, segment.end_ordinal)
            self.assertGreater(segment.memory_bytes, 0)
            self.assertGreater(segment.disk_bytes, 0)
            self.assertIsNot(segment.quantization, kith.Quantization.UNSPECIFIED)
        ends = [(s.first_ordinal, s.end_ordinal) for s in status.segments]
        self.assertEqual(ends, sorted(ends))

        self.assertEqual(self.check_answers(vectors, exact=True), 1)
        self.assertGreaterEqual(self.check_answers(vectors), 0.9)
        self.assertGreaterEqual(self.check_answers(vectors, target_recall=0.99), 0.95)
        self.assertGreaterEqual(self.check_answers(vectors, ef=400), 0.98)

    def test_an_answer_says_how_it_was_found(self) -> None:
        vectors = self.fill()
        self.seal()
        query = next(iter(vectors.values()))
        answer = self.client.search(self.collection, vector=query, ef=64)
        self.assertIs(answer.strategy, kith.Strategy.GRAPH)
        self.assertGreater(answer.usage.graph_distance_count, 0)
        self.assertGreater(answer.usage.exact_distance_count, 0)
        self.assertLess(answer.usage.exact_distance_count, len(vectors))
        answer = self.client.search(self.collection, vector=query, exact=True)
        self.assertIs(answer.strategy, kith.Strategy.EXACT_SCAN)
        self.assertEqual(answer.usage.exact_distance_count, len(vectors))
        self.assertEqual(answer.usage.graph_distance_count, 0)

    def test_what_was_deleted_or_replaced_after_sealing_never_comes_back(self) -> None:
        vectors = self.fill()
        self.seal()
        gone = random.Random(2).sample(sorted(vectors), 600)
        self.client.delete(self.collection, gone)
        for id in gone:
            del vectors[id]
        moved = {id: [-x for x in vectors[id]] for id in sorted(vectors)[::5]}
        vectors.update(moved)
        write(self.client, self.collection, moved)
        self.assertEqual(self.check_answers(vectors, exact=True), 1)
        self.assertGreaterEqual(self.check_answers(vectors), 0.9)
        self.merge()
        status = self.client.index.status(self.collection)
        self.assertEqual(status.live_row_count, len(vectors))
        self.assertEqual(status.indexed_row_count, len(vectors))
        self.assertEqual(self.check_answers(vectors, exact=True), 1)
        self.assertGreaterEqual(self.check_answers(vectors), 0.9)
        self.assertEqual(self.client.count(self.collection), len(vectors))

    def test_an_index_without_rows_has_nothing_to_seal(self) -> None:
        self.make_vectors()
        self.seal()
        self.merge()
        status = self.client.index.status(self.collection)
        self.assertEqual(status.live_row_count, 0)
        self.assertEqual(status.total, 0)
        self.assertIsNone(status.sampled_recall)

    def test_every_quantization_answers(self) -> None:
        for quantization in ("int4", "int8", "f16", "f32"):
            with self.subTest(quantization=quantization):
                self.collection += quantization
                options = kith.IndexOptions(quantization, m=8, ef_construction=100)
                vectors = self.fill(1500, index=options)
                self.seal()
                segments = self.client.index.status(self.collection).segments
                sealed = [s for s in segments if s.state is kith.SegmentState.SEALED]
                self.assertEqual({s.quantization for s in sealed}, {quantization})
                self.assertGreaterEqual(self.check_answers(vectors), 0.9)

    # --- Options ---

    def test_index_options_are_kept_and_can_be_changed(self) -> None:
        options = kith.IndexOptions("int8", m=24, ef_construction=300)
        self.make_vectors(index=options)
        space = self.client.collections.get(self.collection).vector_space
        self.assertEqual(space.index, options)
        changed = kith.IndexOptions(kith.Quantization.F16)
        space = self.client.collections.update(self.collection, index=changed).vector_space
        self.assertEqual(space.index, kith.IndexOptions(kith.Quantization.F16, 16, 200))
        self.assertEqual(space.dimension, 4)

    def test_index_options_out_of_range_are_refused(self) -> None:
        for name, values in {"m": (3, 65, 2**32 - 1), "ef_construction": (15, 2001)}.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    field = f"collection.vector_spaces[0].index.{name}"
                    with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", field):
                        self.make_vectors(index=kith.IndexOptions(**{name: value}))
        request = collection_service_pb2.CreateCollectionRequest()
        request.collection.name = self.collection
        request.collection.vector_spaces.add(dimension=4).index.quantization = 77
        field = "collection.vector_spaces[0].index.quantization"
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", field):
            self.raw_call("CollectionService/CreateCollection", request.SerializeToString())

    # --- Tuning ---

    def test_tuning_out_of_range_is_refused(self) -> None:
        self.make_vectors()
        query = [1.0, 0, 0, 0]
        for recall in (0.0, 0.49, 1.01, -1.0, math.inf, math.nan):
            with self.subTest(recall=recall):
                with self.refused(
                    kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "tuning.target_recall"
                ):
                    self.client.search(self.collection, vector=query, target_recall=recall)
        for ef in (0, -1, 16_385, 2**31 - 1):
            with self.subTest(ef=ef):
                with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "tuning.ef"):
                    self.client.search(self.collection, vector=query, ef=ef)
        for tuning in ({"ef": 16_384}, {"target_recall": 0.5}, {"target_recall": 1.0}):
            self.assertEqual(self.client.search(self.collection, vector=query, **tuning).hits, [])
        with self.assertRaises(ValueError):
            self.client.search(self.collection, vector=query, exact=True, ef=10)

    # --- Recall ---

    def test_recall_is_measured_with_stored_vectors_and_with_given_ones(self) -> None:
        vectors = self.fill()
        self.seal()
        recall = self.client.measure_recall(self.collection, sample_count=50)
        self.assertEqual((recall.query_count, recall.limit), (50, 10))
        self.assertGreaterEqual(recall.recall, 0.9)
        self.assertLessEqual(recall.worst_recall, recall.recall)
        self.assertLessEqual(recall.p50_microseconds, recall.p99_microseconds)
        self.assertGreater(recall.exact_p50_microseconds, 0)
        self.assertNotEqual(recall.advice, "")
        efs = [point.ef for point in recall.curve]
        self.assertEqual(efs, sorted(efs))
        for point in recall.curve:
            self.assertTrue(0 <= point.recall <= 1, point)

        queries = list(vectors.values())[:20]
        recall = self.client.measure_recall(self.collection, queries=queries, limit=5, ef=500)
        self.assertEqual((recall.query_count, recall.limit), (20, 5))
        self.assertGreaterEqual(recall.recall, 0.98)

    def test_measuring_refuses_what_cannot_be(self) -> None:
        self.make_vectors()
        self.client.upsert(self.collection, [{"id": "a", "vector": [1, 0, 0, 0]}])

        def measure(**options: object) -> None:
            self.client.measure_recall(self.collection, **options)

        for field in ("sample_count", "limit"):
            for value in (-1, 1001):
                with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", field):
                    measure(**{field: value})
        with self.refused(kith.InvalidArgument, "BATCH_TOO_LARGE", "queries"):
            measure(queries=[[1.0, 0, 0, 0]] * 1001)
        with self.refused(kith.InvalidArgument, "DIMENSION_MISMATCH"):
            measure(queries=[[1.0, 0, 0, 0], [1.0, 0]])
        with self.refused(kith.InvalidArgument, "DIMENSION_MISMATCH"):
            measure(queries=[[1.0, 0]])
        with self.refused(kith.InvalidArgument, "VECTOR_NOT_FINITE"):
            measure(queries=[[1.0, 0, 0, math.nan]])
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "tuning.ef"):
            measure(ef=0)
        request = search_service_pb2.MeasureRecallRequest(collection=self.collection)
        request.tuning.exact = True
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "tuning.exact"):
            self.raw_call("SearchService/MeasureRecall", request.SerializeToString())

    # --- Estimates ---

    def test_an_estimate_grows_with_rows_and_width_and_says_whether_it_fits(self) -> None:
        estimate = self.client.collections.estimate
        small = estimate(100_000, dimension=384)
        wide = estimate(100_000, dimension=768)
        many = estimate(1_000_000, dimension=384)
        for larger in (wide, many):
            self.assertGreater(larger.resident_bytes, small.resident_bytes)
            self.assertGreater(larger.cached_bytes, small.cached_bytes)
            self.assertGreater(larger.disk_bytes, small.disk_bytes)
        self.assertGreaterEqual(small.cached_bytes, 100_000 * 384 * 4)
        self.assertGreater(
            estimate(100_000, dimension=384, mean_text_bytes=500).disk_bytes, small.disk_bytes
        )
        self.assertGreater(small.memory_budget_bytes, small.memory_used_bytes)
        self.assertTrue(estimate(10, dimension=4).fits)
        self.assertFalse(estimate(10**10, dimension=4096).fits)
        # The server's own encoder, which has a dimension.
        self.assertGreater(estimate(100_000).resident_bytes, 0)

    def test_an_estimate_refuses_what_cannot_be(self) -> None:
        field = "vector_space.dimension"
        with self.refused(kith.InvalidArgument, "DIMENSION_MISMATCH", field):
            self.client.collections.estimate(10, dimension=4097)
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "vector_space.index.m"):
            self.client.collections.estimate(10, dimension=4, index=kith.IndexOptions(m=3))
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "passage_count"):
            self.client.collections.estimate(10**12, dimension=4)
        with self.refused(kith.NotFound, "ENCODER_NOT_FOUND"):
            self.client.collections.estimate(10, encoder="nobody")

    def test_a_collection_that_cannot_fit_is_refused_before_it_is_there(self) -> None:
        with self.refused(kith.ResourceExhausted, "MEMORY_BUDGET"):
            self.make_vectors(4096, expected_passage_count=10**10)
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
            self.client.collections.get(self.collection)
        self.make_vectors(expected_passage_count=1000)

    def test_calls_about_a_collection_that_is_not_there(self) -> None:
        for call in (
            self.client.index.status,
            self.client.index.seal,
            self.client.index.merge,
            self.client.measure_recall,
        ):
            with self.subTest(call=call.__name__):
                with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
                    call("nobody")


class IndexOnDiskTest(unittest.TestCase):
    def test_sealed_segments_are_read_again_after_a_stop_and_after_a_kill(self) -> None:
        vectors = vectors_of(random.randrange(2**32), 3000)
        query = vectors["v00007"]

        def answers(client: kith.Client) -> list[tuple[str, float]]:
            answer = client.search("c", vector=query, ef=200, limit=20)
            self.assertIs(answer.strategy, kith.Strategy.GRAPH)
            return [(hit.document_id, hit.score) for hit in answer.hits]

        with tempfile.TemporaryDirectory(prefix="kith-conformance-") as folder:
            data = pathlib.Path(folder) / "data"
            server = Kithd(data, "--no-encoder").wait_until_serving()
            with kith.connect(server.address, deadlines=DEADLINES) as client:
                client.collections.create("c", dimension=DIMENSION, metric="l2")
                write(client, "c", vectors)
                client.operations.wait(client.index.seal("c"))
                client.delete("c", ["v00000", "v00001"])
                before = answers(client)
                segments = client.index.status("c").segments
            self.assertEqual(server.stop(), 0)
            for end in (Kithd.kill, Kithd.stop):
                server = Kithd(data, "--no-encoder").wait_until_serving()
                with kith.connect(server.address, deadlines=DEADLINES) as client:
                    self.assertEqual(answers(client), before)
                    status = client.index.status("c")
                    sealed = [s for s in status.segments if s.id > 0]
                    self.assertEqual([s.id for s in sealed], [s.id for s in segments if s.id > 0])
                    self.assertEqual(status.live_row_count, len(vectors) - 2)
                    self.assertEqual(status.rebuild_count, 0)
                end(server)
