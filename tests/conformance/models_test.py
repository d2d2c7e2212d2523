"""Several models in one server: loading, unloading, reranking, and the first dimensions of an encoder.

The models are the small ones of tests/data/encoder, whose golden lines say what they must compute.
"""

import json
import math
import pathlib
import tempfile
from typing import Any

import grpc
import kith
from harness import DEADLINES, ROOT, Kithd, ServerCase
from kith.v1 import encoder_service_pb2 as pb
from kith.v1 import search_service_pb2

MODELS = ROOT / "tests" / "data" / "encoder"
CROSS = "tiny-cross-encoder"


def golden_pairs() -> list[dict[str, Any]]:
    """Those that the API takes: both texts are there."""
    lines = (MODELS / CROSS / "golden.jsonl").read_text().splitlines()
    pairs = [json.loads(line) for line in lines]
    return [pair for pair in pairs if pair["query"].strip() and pair["text"].strip()]


def tolerance(model: kith.Model) -> float:
    """The references are computed in float64."""
    return 2e-4 if model.precision == "float32" else 0.05


class ModelsCase(ServerCase):
    """Tests with a server that can load models; it starts with a BERT encoder."""

    options: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="kith-models-")
        cls.addClassCleanup(folder.cleanup)
        cls.data = pathlib.Path(folder.name) / "data"
        cls.start()

        def stop() -> None:
            cls.client.close()
            code = cls.server.stop()
            if code != 0:
                raise AssertionError(f"kithd ended with {code}:\n{cls.server.log_tail()}")

        cls.addClassCleanup(stop)

    @classmethod
    def start(cls) -> None:
        cls.server = Kithd(
            cls.data,
            f"--model-dir={MODELS / 'tiny-bert-mean'}",
            f"--models-dir={MODELS}",
            *cls.options,
        ).wait_until_serving()
        cls.client = kith.connect(cls.server.address, deadlines=DEADLINES)

    def load(self, name: str) -> None:
        operation = self.client.operations.wait(self.client.load_model(name), timeout=120)
        self.assertEqual(operation.state, kith.OperationState.SUCCEEDED, operation.error)
        self.assertEqual((operation.kind, operation.target), (kith.OperationKind.LOAD_MODEL, name))

    def unload(self, name: str) -> None:
        operation = self.client.operations.wait(self.client.unload_model(name), timeout=120)
        self.assertEqual(operation.state, kith.OperationState.SUCCEEDED, operation.error)


class LoadingTest(ModelsCase):
    def test_a_model_is_loaded_used_and_unloaded_by_name(self) -> None:
        self.assertIn("tiny-xlmr-mean", self.client.unloaded_models())
        used = self.client.server_info().memory_used_bytes
        self.load("tiny-xlmr-mean")
        self.assertNotIn("tiny-xlmr-mean", self.client.unloaded_models())
        model = {model.name: model for model in self.client.models()}["tiny-xlmr-mean"]
        self.assertEqual(model.kind, kith.ModelKind.ENCODER)
        self.assertEqual((model.architecture, model.dimension, model.max_tokens), ("xlm-roberta", 48, 64))
        self.assertTrue(model.kernels and model.artifact_hash and model.fingerprint)
        self.assertFalse(model.is_default)
        self.assertGreater(model.memory_bytes, 0)
        self.assertEqual(self.client.server_info().memory_used_bytes, used + model.memory_bytes)

        # The golden text has the prompt in it, which the server puts there.
        lines = (MODELS / "tiny-xlmr-mean" / "golden.jsonl").read_text().splitlines()
        golden = next(line for line in map(json.loads, lines) if line["text"].startswith("query: "))
        self.assertEqual(model.query_prompt, "query: ")
        text = golden["text"].removeprefix("query: ")
        answer = self.client.encode([text], model="tiny-xlmr-mean", role="query")
        for a, b in zip(answer.embeddings[0].vector, golden["embedding"]):
            self.assertAlmostEqual(a, b, delta=tolerance(model))
        self.unload("tiny-xlmr-mean")
        self.assertEqual(self.client.server_info().memory_used_bytes, used)
        with self.refused(kith.NotFound, "ENCODER_NOT_FOUND"):
            self.client.encode(["x"], model="tiny-xlmr-mean")

    def test_a_collection_names_any_loaded_encoder_and_keeps_it(self) -> None:
        self.load("tiny-roberta-mean")
        self.client.collections.create(self.collection, encoder="tiny-roberta-mean")
        self.client.upsert(self.collection, [{"id": "a", "text": "the cat"}, {"id": "b", "text": "a dog"}])
        with self.refused(kith.FailedPrecondition, "MODEL_IN_USE", "name") as caught:
            self.client.unload_model("tiny-roberta-mean")
        self.assertIn(self.collection, caught.exception.metadata["collections"])
        self.assertEqual(
            [m.collection_count for m in self.client.models() if m.name == "tiny-roberta-mean"], [1]
        )
        self.client.collections.delete(self.collection)
        self.unload("tiny-roberta-mean")

    def test_a_bound_model_is_there_after_a_restart_and_another_is_not(self) -> None:
        self.load("tiny-distilbert-mean")
        self.load(CROSS)
        self.client.collections.create(self.collection, encoder="tiny-distilbert-mean")
        self.client.upsert(self.collection, [{"id": "a", "text": "the cat"}, {"id": "b", "text": "a dog"}])
        self.client.close()
        self.assertEqual(self.server.stop(), 0)
        type(self).start()
        names = [model.name for model in self.client.models()]
        self.assertIn("tiny-distilbert-mean", names)
        self.assertNotIn(CROSS, names)
        hits = self.client.search(self.collection, text="the cat", limit=1).hits
        self.assertEqual(hits[0].document_id, "a")
        self.client.collections.delete(self.collection)

    def test_names_that_are_no_names_of_models(self) -> None:
        for name in ("", "..", "../encoder", "/etc/passwd", "a/b", ".x", "a" * 129, "a b"):
            with self.subTest(name=name):
                for call in (self.client.load_model, self.client.unload_model):
                    with self.refused(kith.InvalidArgument, "INVALID_NAME", "name"):
                        call(name)
        with self.refused(kith.NotFound, "MODEL_NOT_FOUND", "name"):
            self.client.load_model("absent")
        with self.refused(kith.NotFound, "MODEL_NOT_FOUND"):
            self.client.unload_model("absent")

    def test_what_cannot_be_loaded_twice_or_unloaded(self) -> None:
        with self.refused(kith.AlreadyExists, "MODEL_LOADED", "name"):
            self.client.load_model("tiny-bert-mean")
        with self.refused(kith.FailedPrecondition, "MODEL_IN_USE", "name"):
            self.client.unload_model("tiny-bert-mean")

    def test_a_collection_keeps_the_first_dimensions_of_its_encoder(self) -> None:
        self.client.collections.create(self.collection, encoder_dimensions=16)
        space = self.client.collections.get(self.collection).vector_space
        whole = self.client.models()[0]
        self.assertEqual((space.dimension, space.encoder_dimensions), (16, 16))
        self.assertNotEqual(space.encoder_fingerprint, whole.fingerprint)
        text = "The quick brown fox jumps over the lazy dog."
        self.client.upsert(self.collection, [{"id": "a", "text": text}])
        hit = self.client.search(
            self.collection, text=text, select=kith.Select(vectors=True)
        ).hits[0]
        head = list(self.client.encode([text]).embeddings[0].vector)[:16]
        length = math.hypot(*head)
        for a, b in zip(hit.vector, head):
            self.assertAlmostEqual(a, b / length, places=5)
        short = self.client.encode([text], dimensions=16)
        self.assertEqual(short.fingerprint, space.encoder_fingerprint)
        self.assertEqual(short.embeddings[0].vector, hit.vector)
        # A client's own vector of that space is taken, one of the whole space is not.
        own = {"id": "own", "vector": hit.vector, "vector_fingerprint": short.fingerprint}
        self.client.upsert(self.collection, [own])
        with self.refused(kith.FailedPrecondition, "ENCODER_MISMATCH"):
            self.client.upsert(self.collection, [{**own, "vector_fingerprint": whole.fingerprint}])

    def test_dimensions_that_the_encoder_does_not_have(self) -> None:
        limit = self.client.models()[0].dimension
        field = "collection.vector_spaces[0].encoder_dimensions"
        with self.refused(kith.InvalidArgument, "DIMENSION_MISMATCH", field):
            self.client.collections.create(self.collection, encoder_dimensions=limit + 1)
        with self.refused(kith.InvalidArgument, "DIMENSION_MISMATCH", "dimensions"):
            self.client.encode(["x"], dimensions=limit + 1)
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", field):
            self.client.collections.create(self.collection, dimension=8, encoder_dimensions=4)
        self.assertEqual(len(self.client.encode(["x"], dimensions=limit).embeddings[0].vector), limit)

    def test_usage_says_what_was_read_and_what_was_cut(self) -> None:
        limit = self.client.models()[0].max_tokens
        text = "cat " * 100
        tokens = len(self.client.tokenize([text])[0]) + 2
        answer = self.client.encode(["short", text])
        self.assertEqual([e.dropped_token_count for e in answer.embeddings], [0, tokens - limit])
        self.assertEqual([e.truncated for e in answer.embeddings], [False, True])
        self.assertEqual(answer.usage.dropped_token_count, tokens - limit)
        self.assertEqual(
            answer.usage.encoded_token_count, sum(e.token_count for e in answer.embeddings)
        )

    def test_questions_are_remembered(self) -> None:
        self.client.collections.create(self.collection)
        self.client.upsert(self.collection, [{"id": "a", "text": "the cat"}])
        before = self.client.server_info().query_cache
        answers = [self.client.search(self.collection, text="who is the cat?") for _ in range(3)]
        self.assertEqual([a.usage.cached_text_count for a in answers], [0, 1, 1])
        self.assertEqual(len({a.hits[0].score for a in answers}), 1)
        self.assertEqual(len({a.usage.encoded_token_count for a in answers}), 1)
        after = self.client.server_info().query_cache
        self.assertEqual(after.hit_count - before.hit_count, 2)
        self.assertEqual(after.miss_count - before.miss_count, 1)
        self.assertGreater(after.entry_count, 0)
        self.assertLessEqual(after.bytes, after.capacity_bytes)


class RerankTest(ModelsCase):
    options = (f"--load-models={CROSS}",)

    def test_the_model_is_a_cross_encoder(self) -> None:
        model = {model.name: model for model in self.client.models()}[CROSS]
        self.assertEqual(model.kind, kith.ModelKind.CROSS_ENCODER)
        self.assertEqual((model.architecture, model.dimension, model.max_tokens), ("bert", 0, 64))

    def test_every_pair_scores_as_the_reference_says(self) -> None:
        by_query: dict[str, list[dict[str, Any]]] = {}
        for pair in golden_pairs():
            by_query.setdefault(pair["query"], []).append(pair)
        model = {model.name: model for model in self.client.models()}[CROSS]
        for query, pairs in by_query.items():
            for raw in (False, True):
                answer = self.client.rerank(query, [p["text"] for p in pairs], raw_scores=raw)
                self.assertEqual(answer.model, CROSS)
                self.assertEqual(sorted(r.index for r in answer.results), list(range(len(pairs))))
                scores = [result.score for result in answer.results]
                self.assertEqual(scores, sorted(scores, reverse=True))
                for result in answer.results:
                    golden = pairs[result.index]
                    expected = golden["logit" if raw else "score"]
                    self.assertAlmostEqual(result.score, expected, delta=tolerance(model))
                    self.assertEqual(result.token_count, len(golden["ids"]))
                    self.assertEqual(result.dropped_token_count > 0, golden["truncated"])
                self.assertEqual(
                    answer.usage.encoded_token_count, sum(len(p["ids"]) for p in pairs)
                )

    def test_the_limit_cuts_the_answer(self) -> None:
        texts = [pair["text"] for pair in golden_pairs()][:20]
        everything = self.client.rerank("who wrote the book", texts)
        best = self.client.rerank("who wrote the book", texts, limit=3)
        self.assertEqual(best.results, everything.results[:3])
        self.assertEqual(best.usage, everything.usage)
        self.assertEqual(len(self.client.rerank("x", texts, limit=99).results), 20)
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "limit"):
            self.client.rerank("x", texts, limit=-1)

    def test_equal_texts_come_in_the_order_of_the_request(self) -> None:
        answer = self.client.rerank("who wrote the book", ["same"] * 5)
        self.assertEqual([result.index for result in answer.results], [0, 1, 2, 3, 4])

    def test_what_cannot_be_judged(self) -> None:
        limits = self.client.server_info().limits
        most = limits.max_rerank_texts
        self.assertEqual(len(self.client.rerank("x", ["y"] * most).results), most)
        with self.refused(kith.InvalidArgument, "BATCH_TOO_LARGE", "texts", {"limit": str(most)}):
            self.client.rerank("x", ["y"] * (most + 1))
        with self.refused(kith.InvalidArgument, "EMPTY_BATCH", "texts"):
            self.client.rerank("x", [])
        with self.refused(kith.InvalidArgument, "EMPTY_TEXT", "query"):
            self.client.rerank(" ", ["y"])
        with self.refused(kith.InvalidArgument, "EMPTY_TEXT", "texts[1]"):
            self.client.rerank("x", ["y", "\n"])
        with self.refused(kith.InvalidArgument, "TEXT_TOO_LONG", "texts[1]"):
            self.client.rerank("x", ["y", "z" * (limits.max_text_bytes + 1)])
        with self.refused(kith.InvalidArgument, "TEXT_TOO_LONG", "query"):
            self.client.rerank("z" * (limits.max_text_bytes + 1), ["y"])
        with self.refused(kith.InvalidArgument, "TOO_MANY_TOKENS", "texts[1]") as caught:
            self.client.rerank("x", ["y", "cat " * 100], truncation="never")
        self.assertEqual(caught.exception.metadata["limit"], "64")
        with self.refused(kith.NotFound, "MODEL_NOT_FOUND", "model"):
            self.client.rerank("x", ["y"], model="absent")
        with self.refused(kith.InvalidArgument, "MODEL_KIND", "model"):
            self.client.rerank("x", ["y"], model="tiny-bert-mean")
        with self.refused(kith.InvalidArgument, "MODEL_KIND"):
            self.client.encode(["y"], model=CROSS)
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "truncation"):
            self.call_raw(truncation=7)

    def call_raw(self, **fields: Any) -> None:
        from kith.v1 import encoder_service_pb2_grpc

        stub = encoder_service_pb2_grpc.EncoderServiceStub(self.client.channel)
        try:
            stub.Rerank(pb.RerankRequest(query="x", texts=["y"], **fields), timeout=60)
        except grpc.RpcError as error:
            raise kith.errors.from_rpc_error(error) from None

    def test_a_search_is_judged_once_more(self) -> None:
        self.fill()
        question = "who wrote the book"
        plain = self.client.search(self.collection, text=question, limit=12)
        judged = self.client.rerank(question, [hit.text for hit in plain.hits])
        answer = self.client.search(
            self.collection, text=question, limit=5, rerank=kith.Rerank(CROSS, depth=12), explain=True
        )
        self.assertEqual(
            [hit.document_id for hit in answer.hits],
            [plain.hits[result.index].document_id for result in judged.results[:5]],
        )
        for hit, result in zip(answer.hits, judged.results):
            self.assertAlmostEqual(hit.rerank.score, result.score, places=4)
            self.assertEqual(hit.rerank.former_rank, result.index + 1)
            self.assertEqual(hit.score, plain.hits[result.index].score)
        self.assertEqual(answer.usage.rerank_passage_count, 12)
        self.assertEqual(answer.usage.rerank_tokens, judged.usage)
        self.assertEqual(answer.explanation.stages[-1].name, "rerank")
        self.assertIsNone(plain.hits[0].rerank)

    def test_pages_words_filters_and_groups_are_judged(self) -> None:
        self.fill()
        rerank = kith.Rerank(depth=15)
        question = "what is the capital of france"
        asked: list[dict[str, Any]] = [
            {"text": question},
            {"text": question, "filter": "n >= 10"},
            {"lexical": "the capital how"},
            {"hybrid": kith.Hybrid.of_text(question)},
            {"text": question, "group_by": "document"},
        ]
        for query in asked:
            with self.subTest(query=query):
                whole = self.client.search(self.collection, limit=9, rerank=rerank, **query)
                pages = [
                    hit.document_id
                    for offset in (0, 3, 6)
                    for hit in self.client.search(
                        self.collection, limit=3, offset=offset, rerank=rerank, **query
                    ).hits
                ]
                self.assertEqual([hit.document_id for hit in whole.hits], pages)
                scores = [hit.rerank.score for hit in whole.hits]
                self.assertEqual(scores, sorted(scores, reverse=True))
                if "filter" in query:
                    self.assertTrue(all(hit.metadata["n"] >= 10 for hit in whole.hits))
        batch = self.client.batch_search(
            self.collection,
            [kith.SearchQuery(limit=9, rerank=rerank, **query) for query in asked],
        )
        for query, answer in zip(asked, batch):
            alone = self.client.search(self.collection, limit=9, rerank=rerank, **query)
            self.assertEqual(
                [hit.document_id for hit in answer.hits], [hit.document_id for hit in alone.hits]
            )

    def test_searches_that_cannot_be_judged(self) -> None:
        self.fill()

        def search(**arguments: Any) -> None:
            self.client.search(self.collection, **{"text": "x", **arguments})

        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "rerank.depth"):
            search(limit=10, rerank=kith.Rerank(depth=9))
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "rerank.depth"):
            search(rerank=kith.Rerank(depth=1001))
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "rerank.depth"):
            search(rerank=kith.Rerank(depth=-1))
        with self.refused(kith.NotFound, "MODEL_NOT_FOUND", "rerank.model"):
            search(rerank=kith.Rerank("absent"))
        with self.refused(kith.InvalidArgument, "MODEL_KIND", "rerank.model"):
            search(rerank=kith.Rerank("tiny-bert-mean"))
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "rerank"):
            search(rerank=kith.Rerank(), diversify=kith.Diversify())
        with self.refused(kith.InvalidArgument, "EMPTY_TEXT", "rerank.query"):
            search(text=None, document_id="d1", rerank=kith.Rerank())
        with self.refused(kith.NotFound, "MODEL_NOT_FOUND", "searches[1].rerank.model"):
            self.client.batch_search(
                self.collection,
                [kith.SearchQuery("x"), kith.SearchQuery("x", rerank=kith.Rerank("absent"))],
            )

    def test_vectors_without_texts_cannot_be_judged(self) -> None:
        self.make_vectors()
        self.client.upsert(self.collection, [{"id": "v", "vector": [1.0, 0, 0, 0]}])
        with self.refused(kith.FailedPrecondition, "NO_TEXT", "rerank"):
            self.client.search(
                self.collection, vector=[1.0, 0, 0, 0], rerank=kith.Rerank(query="what is it?")
            )

    def fill(self) -> None:
        self.client.collections.create(self.collection, text_index=kith.TextIndexOptions())
        texts = list(dict.fromkeys(p["text"] for p in golden_pairs() if not p["truncated"]))[:40]
        texts += [f"how is the capital number {i}" for i in range(15)]
        self.client.upsert(
            self.collection,
            [{"id": f"d{i}", "text": text, "metadata": {"n": i}} for i, text in enumerate(texts)],
        )
