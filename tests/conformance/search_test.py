"""SearchService: what comes back and in which order, and what must be refused."""

import math
import random

import kith
from harness import ServerCase
from kith.v1 import search_service_pb2 as pb

TEXTS = {
    "attention": "Attention lets every token look at every other token of the sequence.",
    "hnsw": "HNSW is a layered proximity graph for approximate nearest neighbour search.",
    "bread": "Bread needs flour, water, salt, yeast and a hot oven.",
    "wal": "A write-ahead log makes changes durable before they are applied to the database.",
}


def score_of(metric: str, a: list[float], b: list[float]) -> float:
    """The definition, in double precision."""
    dot = sum(x * y for x, y in zip(a, b))
    if metric == "dot":
        return dot
    if metric == "l2":
        return -math.dist(a, b)
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(x * x for x in b))


class SearchTest(ServerCase):
    def fill_texts(self) -> None:
        self.make_texts()
        self.client.upsert(
            self.collection,
            [
                {"id": id, "text": text, "metadata": {"length": len(text)}}
                for id, text in TEXTS.items()
            ],
        )

    def fill_vectors(self, metric: str = "cosine", count: int = 200, dimension: int = 8) -> dict:
        seed = random.randrange(2**32)
        print(f"seed {seed}", end=" ", flush=True)
        generator = random.Random(seed)
        self.make_vectors(dimension, metric)
        vectors = {
            f"{i:04}": [generator.gauss(0, 1) for _ in range(dimension)] for i in range(count)
        }
        self.client.upsert(
            self.collection, [{"id": id, "vector": vector} for id, vector in vectors.items()]
        )
        return vectors

    def ids(self, **query: object) -> list[str]:
        return [hit.document_id for hit in self.client.search(self.collection, **query).hits]

    # --- What comes back ---

    def test_a_question_finds_its_text(self) -> None:
        self.fill_texts()
        for question, id in (
            ("every token looks at other tokens", "attention"),
            ("graph for nearest neighbour search", "hnsw"),
            ("flour, water and salt in the oven", "bread"),
            ("durable changes in a log of the database", "wal"),
        ):
            with self.subTest(question=question):
                answer = self.client.search(self.collection, text=question)
                hit = answer.hits[0]
                self.assertEqual(hit.document_id, id)
                self.assertEqual(hit.text, TEXTS[id])
                self.assertEqual(hit.metadata, {"length": len(TEXTS[id])})
                self.assertEqual(hit.passage.text_in(TEXTS[id]), TEXTS[id])
                self.assertIsNone(hit.vector)
                self.assertEqual(hit.passages, [])
                self.assertAlmostEqual(hit.distance, 1 - hit.score, places=5)
                self.assertEqual(
                    hit.etag, self.client.get(self.collection, [id]).documents[0].etag
                )
                self.assertGreater(answer.usage.encoded_token_count, 0)
                self.assertEqual(answer.metric, "cosine")
                self.assertEqual(len(answer.hits), len(TEXTS))
                self.assertTrue(answer.exhausted)

    def test_hits_are_those_of_the_definition_best_first(self) -> None:
        for metric in ("cosine", "dot", "l2"):
            self.collection += metric
            vectors = self.fill_vectors(metric)
            query = [0.3, -1.0, 0.5, 2.0, -0.1, 0.7, -0.9, 0.2]
            expected = sorted(
                ((score_of(metric, query, vector), id) for id, vector in vectors.items()),
                reverse=True,
            )
            for exact in (False, True):
                with self.subTest(metric=metric, exact=exact):
                    answer = self.client.search(
                        self.collection, vector=query, limit=20, exact=exact
                    )
                    self.assertEqual(
                        [hit.document_id for hit in answer.hits], [id for _, id in expected[:20]]
                    )
                    for hit, (score, _) in zip(answer.hits, expected):
                        self.assertAlmostEqual(hit.score, score, delta=1e-4 * max(1, abs(score)))
                    self.assertEqual(answer.strategy == "exact_scan", exact)
                    self.assertFalse(answer.exhausted)
                    self.assertEqual(answer.metric, metric)
                    self.assertEqual(
                        answer.usage.exact_distance_count > 0, True, answer.usage
                    )

    def test_scores_and_distances_keep_their_promise(self) -> None:
        for metric, distance in (
            ("cosine", lambda score: 1 - score),
            ("dot", lambda score: -score),
            ("l2", lambda score: -score),
        ):
            self.collection += metric
            self.fill_vectors(metric, count=30)
            hits = self.client.search(self.collection, vector=[1.0] * 8, limit=30).hits
            scores = [hit.score for hit in hits]
            self.assertEqual(scores, sorted(scores, reverse=True))
            for hit in hits:
                self.assertAlmostEqual(hit.distance, distance(hit.score), places=4)

    def test_equal_scores_come_in_the_order_of_writing(self) -> None:
        self.make_vectors()
        ids = ["z", "m", "a", "q"]
        for id in ids:
            self.client.upsert(self.collection, [{"id": id, "vector": [1, 2, 3, 4]}])
        self.assertEqual(self.ids(vector=[4, 3, 2, 1]), ids)

    def test_offset_skips_the_best_hits(self) -> None:
        self.fill_vectors()
        query = [1.0, 0, -1, 0.5, 0, 2, 0, 1]
        everything = self.ids(vector=query, limit=200)
        self.assertEqual(len(set(everything)), 200)
        pages = [
            id for offset in range(0, 200, 33) for id in self.ids(vector=query, limit=33, offset=offset)
        ]
        self.assertEqual(pages, everything)
        past = self.client.search(self.collection, vector=query, limit=5, offset=500)
        self.assertEqual(past.hits, [])
        self.assertTrue(past.exhausted)

    def test_fewer_hits_than_asked_are_all_there_are(self) -> None:
        self.fill_vectors(count=3)
        answer = self.client.search(self.collection, vector=[1.0] * 8, limit=10_000)
        self.assertEqual(len(answer.hits), 3)
        self.assertTrue(answer.exhausted)

    def test_an_empty_collection_has_no_hits(self) -> None:
        self.make_vectors()
        answer = self.client.search(self.collection, vector=[1, 1, 1, 1])
        self.assertEqual(answer.hits, [])
        self.assertTrue(answer.exhausted)

    def test_documents_like_a_document_leave_it_out(self) -> None:
        vectors = self.fill_vectors()
        asked = "0042"
        expected = sorted(
            (-score_of("cosine", vectors[asked], vector), id)
            for id, vector in vectors.items()
            if id != asked
        )
        answer = self.client.search(self.collection, document_id=asked, limit=7)
        self.assertEqual(
            [hit.document_id for hit in answer.hits], [id for _, id in expected[:7]]
        )
        self.fill_texts_aside()
        self.assertNotIn("hnsw", self.ids(document_id="hnsw"))
        self.assertEqual(len(self.ids(document_id="hnsw")), len(TEXTS) - 1)

    def fill_texts_aside(self) -> None:
        self.collection += "-texts"
        self.fill_texts()

    def test_deleted_and_replaced_documents_are_not_found_again(self) -> None:
        self.make_vectors()
        self.client.upsert(
            self.collection,
            [{"id": "a", "vector": [1, 0, 0, 0]}, {"id": "b", "vector": [0, 1, 0, 0]}],
        )
        self.client.upsert(self.collection, [{"id": "a", "vector": [0, 0, 1, 0]}])
        hits = self.client.search(self.collection, vector=[1, 0, 0, 0]).hits
        self.assertEqual(sorted(hit.document_id for hit in hits), ["a", "b"])
        self.assertTrue(all(abs(hit.score) < 1e-6 for hit in hits))
        self.client.delete(self.collection, ["a"])
        self.assertEqual(self.ids(vector=[0, 0, 1, 0]), ["b"])

    def test_grouping_counts_documents_and_brings_their_best_passages(self) -> None:
        self.make_texts(splitter=kith.SplitterOptions("sentences", max_tokens=24, overlap_tokens=0))
        sentence = "The cat of number {} sleeps on the warm stove all day long."
        long_text = " ".join(sentence.format(i) for i in range(12))
        self.client.upsert(
            self.collection,
            [
                {"id": "cats", "text": long_text},
                {"id": "bread", "text": TEXTS["bread"]},
                {"id": "log", "text": TEXTS["wal"]},
            ],
        )
        question = "a cat sleeps on a stove"
        flat = self.client.search(self.collection, text=question, limit=5).hits
        self.assertEqual([hit.document_id for hit in flat], ["cats"] * 5)
        grouped = self.client.search(
            self.collection, text=question, limit=2, group_by="document", passages_per_group=4
        )
        self.assertEqual(len(grouped.hits), 2)
        cats = grouped.hits[0]
        self.assertEqual(cats.document_id, "cats")
        self.assertEqual(len(cats.passages), 4)
        self.assertEqual(cats.passages[0].passage, cats.passage)
        self.assertEqual(
            [(p.passage, p.score) for p in cats.passages], [(h.passage, h.score) for h in flat[:4]]
        )
        for passage in cats.passages:
            self.assertEqual(passage.text, passage.passage.text_in(long_text))
        everything = self.client.search(self.collection, text=question, group_by="document")
        self.assertEqual(len({hit.document_id for hit in everything.hits}), 3)
        self.assertEqual(len(everything.hits), 3)
        self.assertTrue(everything.exhausted)
        skipped = self.client.search(
            self.collection, text=question, group_by="document", offset=1
        )
        self.assertEqual(
            [hit.document_id for hit in skipped.hits],
            [hit.document_id for hit in everything.hits][1:],
        )

    def test_only_what_is_selected_comes_back(self) -> None:
        self.fill_texts()
        for select, text, metadata, vector in (
            (kith.Select(), False, False, False),
            (kith.Select(text=True), True, False, False),
            (kith.Select(metadata=True), False, True, False),
            (kith.Select(vectors=True), False, False, True),
        ):
            with self.subTest(select=select):
                hit = self.client.search(self.collection, text="bread", select=select).hits[0]
                self.assertEqual(
                    (bool(hit.text), bool(hit.metadata), hit.vector is not None),
                    (text, metadata, vector),
                )
        select = kith.Select(vectors=True)
        found = self.client.search(self.collection, text="bread", select=select).hits[0]
        stored = self.client.get(self.collection, ["bread"], select=select).documents[0]
        self.assertEqual(found.vector, stored.vectors[0])

    def test_a_text_is_asked_as_its_embedding(self) -> None:
        self.fill_texts()
        vector = self.client.encode(["hot oven"], role="query").embeddings[0].vector
        by_text = self.client.search(self.collection, text="hot oven", exact=True).hits
        by_vector = self.client.search(self.collection, vector=vector, exact=True).hits
        self.assertEqual(
            [hit.document_id for hit in by_text], [hit.document_id for hit in by_vector]
        )
        for a, b in zip(by_text, by_vector):
            self.assertAlmostEqual(a.score, b.score, places=5)

    def test_searches_see_the_write_whose_token_they_carry(self) -> None:
        self.make_vectors()
        for i in range(20):
            token = self.client.upsert(
                self.collection, [{"id": str(i), "vector": [1, i, 0, 0]}]
            ).commit_token
            answer = self.client.search(
                self.collection, vector=[1, i, 0, 0], limit=1, at_least=token
            )
            self.assertEqual(answer.hits[0].document_id, str(i))
            self.assertGreaterEqual(answer.commit_token.sequence, token.sequence)

    def test_a_batch_of_searches_is_answered_as_each_alone(self) -> None:
        self.fill_texts()
        searches = [
            kith.SearchQuery(text="oven"),
            kith.SearchQuery(document_id="hnsw", limit=2),
            kith.SearchQuery(text="log", group_by="document", exact=True),
            kith.SearchQuery(text="token", offset=1, select=kith.Select()),
        ]
        answers = self.client.batch_search(self.collection, searches)
        self.assertEqual(len(answers), len(searches))
        for query, answer in zip(searches, answers):
            alone = self.client.search(self.collection, **vars(query))
            self.assertEqual(
                [hit.document_id for hit in answer.hits], [hit.document_id for hit in alone.hits]
            )
            for a, b in zip(answer.hits, alone.hits):
                self.assertAlmostEqual(a.score, b.score, places=5)
        self.assertEqual(len({answer.commit_token for answer in answers}), 1)

    # --- What must be refused ---

    def refuse(self, reason: str, field: str, **query: object) -> None:
        """Alone, and as one of a batch, which is then refused as a whole."""
        with self.subTest(**query):
            with self.refused(kith.InvalidArgument, reason, field):
                self.client.search(self.collection, **query)
            good = kith.SearchQuery(vector=[1, 1, 1, 1])
            with self.refused(kith.InvalidArgument, reason, f"searches[1].{field}"):
                self.client.batch_search(self.collection, [good, kith.SearchQuery(**query)])

    def test_limits_that_cannot_be(self) -> None:
        self.make_vectors()
        vector = [1, 1, 1, 1]
        most = self.client.server_info().limits.max_results
        self.assertEqual(self.ids(vector=vector, limit=most), [])
        self.assertEqual(self.ids(vector=vector, limit=1, offset=most - 1), [])
        for limit in (0, -1, most + 1, 10**9, 2**31 - 1, -(2**31)):
            self.refuse("LIMIT_OUT_OF_RANGE", "limit", vector=vector, limit=limit)
        for limit, offset in (
            (10, -1), (1, most), (most, 1), (1, 2**31 - 1), (most, 2**31 - 1), (1, -(2**31)),
        ):  # fmt: skip
            self.refuse("LIMIT_OUT_OF_RANGE", "offset", vector=vector, limit=limit, offset=offset)
        for passages in (-1, 101, 2**31 - 1):
            self.refuse(
                "LIMIT_OUT_OF_RANGE",
                "passages_per_group",
                vector=vector,
                group_by="document",
                passages_per_group=passages,
            )
        self.assertEqual(
            self.ids(vector=vector, group_by="document", passages_per_group=100), []
        )

    def test_vectors_that_cannot_ask(self) -> None:
        self.make_vectors()
        self.client.upsert(self.collection, [{"id": "a", "vector": [1, 2, 3, 4]}])
        for vector, reason, field in (
            ([1, 1, 1], "DIMENSION_MISMATCH", "query.vector"),
            ([1] * 5, "DIMENSION_MISMATCH", "query.vector"),
            ([1.0] * 4097, "DIMENSION_MISMATCH", "query.vector.f32_le"),
            ([], "DIMENSION_MISMATCH", "query.vector.f32_le"),
            ([1, float("nan"), 1, 1], "VECTOR_NOT_FINITE", "query.vector[1]"),
            ([1, 1, float("inf"), 1], "VECTOR_NOT_FINITE", "query.vector[2]"),
            ([float("-inf"), 1, 1, 1], "VECTOR_NOT_FINITE", "query.vector[0]"),
            ([0, 0, 0, 0], "ZERO_VECTOR", "query.vector"),
            ([3e38, 3e38, 0, 0], "VECTOR_NORM", "query.vector"),
            ([1e-30, 0, 0, 0], "VECTOR_NORM", "query.vector"),
        ):
            self.refuse(reason, field, vector=vector)
        self.assertEqual(self.ids(vector=[1, 2, 3, 4]), ["a"])

    def test_texts_that_cannot_ask(self) -> None:
        self.fill_texts()
        limit = self.client.server_info().limits.max_text_bytes
        for text, reason in (("", "EMPTY_TEXT"), (" \n\t\u3000", "EMPTY_TEXT")):
            with self.refused(kith.InvalidArgument, reason, "query.text"):
                self.client.search(self.collection, text=text)
        for size in (limit + 1, 5 << 20):
            with self.refused(kith.InvalidArgument, "TEXT_TOO_LONG", "query.text"):
                self.client.search(self.collection, text="x" * size)
        long_text = "bread " * 1000
        answer = self.client.search(self.collection, text=long_text)
        self.assertTrue(answer.usage.query_truncated)
        self.assertEqual(answer.hits[0].document_id, "bread")
        with self.refused(kith.InvalidArgument, "TOO_MANY_TOKENS", "query.text"):
            self.client.search(self.collection, text=long_text, truncation="never")

    def test_a_text_where_there_is_no_encoder(self) -> None:
        self.make_vectors()
        with self.refused(kith.FailedPrecondition, "NO_ENCODER"):
            self.client.search(self.collection, text="words")

    def test_a_document_that_is_not_there_cannot_ask(self) -> None:
        self.make_vectors()
        with self.refused(kith.NotFound, "DOCUMENT_NOT_FOUND"):
            self.client.search(self.collection, document_id="nobody")

    def test_a_collection_that_is_not_there(self) -> None:
        with self.refused(
            kith.NotFound, "COLLECTION_NOT_FOUND", metadata={"collection": "nowhere"}
        ):
            self.client.search("nowhere", vector=[1])
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
            self.client.batch_search("nowhere", [kith.SearchQuery(vector=[1])])

    def test_tokens_that_name_no_commit(self) -> None:
        self.make_vectors()
        vector = [1, 1, 1, 1]
        token = self.client.upsert(self.collection, [{"vector": vector}]).commit_token
        future = kith.CommitToken(token.shard, token.epoch, token.sequence + 5)
        with self.refused(kith.Unavailable, "NOT_YET_APPLIED"):
            self.client.search(self.collection, vector=vector, at_least=future, timeout=2)
        with self.refused(kith.InvalidArgument, "INVALID_COMMIT_TOKEN", "at_least"):
            self.client.search(
                self.collection, vector=vector, at_least=kith.CommitToken("x", 1, 1)
            )

    def test_requests_that_the_client_could_not_say(self) -> None:
        self.make_vectors()
        query = pb.Query(vector={"values": [1, 1, 1, 1]})
        for name, request, field in (
            ("no query", pb.SearchRequest(), "query"),
            ("group_by", pb.SearchRequest(query=query, group_by=9), "group_by"),
            ("truncation", pb.SearchRequest(query=query, truncation=9), "truncation"),
        ):
            with self.subTest(fault=name):
                request.collection = self.collection
                with self.refused(kith.InvalidArgument, "INVALID_REQUEST", field):
                    self.raw_call("SearchService/Search", request.SerializeToString())
        for field, search in (
            ("collection", pb.SearchRequest(query=query, collection=self.collection)),
            ("at_least", pb.SearchRequest(query=query, at_least={"shard": "x", "sequence": 1})),
        ):
            with self.subTest(inner=field):
                request = pb.BatchSearchRequest(collection=self.collection, searches=[search])
                with self.refused(
                    kith.InvalidArgument, "INVALID_REQUEST", f"searches[0].{field}"
                ):
                    self.raw_call("SearchService/BatchSearch", request.SerializeToString())

    def test_a_request_without_a_limit_means_ten(self) -> None:
        self.fill_vectors(count=12)
        request = pb.SearchRequest(
            collection=self.collection, query=pb.Query(vector={"values": [1.0] * 8})
        )
        raw = self.raw_call("SearchService/Search", request.SerializeToString())
        self.assertEqual(len(pb.SearchResponse.FromString(raw).hits), 10)

    def test_batches_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        limit = self.client.server_info().limits.max_batch_searches
        search = kith.SearchQuery(vector=[1, 1, 1, 1])
        self.assertEqual(len(self.client.batch_search(self.collection, [search] * limit)), limit)
        with self.refused(
            kith.InvalidArgument, "BATCH_TOO_LARGE", "searches", {"limit": str(limit)}
        ):
            self.client.batch_search(self.collection, [search] * (limit + 1))
        with self.refused(kith.InvalidArgument, "EMPTY_BATCH", "searches"):
            self.client.batch_search(self.collection, [])

    def test_the_client_refuses_two_questions_in_one(self) -> None:
        for query in ({}, {"text": "a", "document_id": "b"}):
            with self.assertRaises(ValueError):
                self.client.search(self.collection, **query)
