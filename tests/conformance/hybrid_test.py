"""Searches by words, by meaning and words together, and by examples; groups, diversity and explanations."""

import kith
from harness import ServerCase
from kith.v1 import search_service_pb2 as pb

TEXTS = {
    "attention": "Attention lets every token look at every other token of the sequence.",
    "hnsw": "HNSW is a layered proximity graph for approximate nearest neighbour search.",
    "ivf": "An inverted file index visits the nearest clusters only.",
    "bread": "Bread needs flour, water, salt, yeast and a hot oven.",
    "cake": "A cake needs flour, sugar, eggs and an oven that is not too hot.",
    "wal": "A write-ahead log makes changes durable before they are applied to the database.",
    "code": "The part number is XK-4711.",
}
AUTHORS = {"attention": "ann", "hnsw": "ann", "ivf": "bob", "bread": "eve", "cake": "eve"}


class HybridTest(ServerCase):
    def fill(self, **options: object) -> None:
        self.make_texts(**options)
        self.client.upsert(
            self.collection,
            [
                {
                    "id": id,
                    "text": text,
                    "metadata": {"author": AUTHORS[id]} if id in AUTHORS else {},
                }
                for id, text in TEXTS.items()
            ],
        )

    def search(self, text: str | None = None, **query: object) -> kith.SearchResponse:
        return self.client.search(self.collection, text, **query)

    def ids(self, text: str | None = None, **query: object) -> list[str]:
        return [hit.document_id for hit in self.search(text, **query).hits]

    # --- By words ---

    def test_words_find_what_has_them(self) -> None:
        self.fill()
        self.assertEqual(self.ids(lexical="XK-4711"), ["code"])
        self.assertEqual(set(self.ids(lexical="flour")), {"bread", "cake"})
        self.assertEqual(self.ids(lexical="TOKENS"), ["attention"])
        self.assertEqual(self.ids(lexical="flour sugar")[0], "cake")
        self.assertEqual(self.ids(lexical="xylophone"), [])
        answer = self.search(lexical="flour oven hot", limit=1)
        self.assertEqual(len(answer.hits), 1)
        self.assertGreater(answer.hits[0].score, 0)
        self.assertFalse(answer.exhausted)
        self.assertTrue(self.search(lexical="flour", limit=5).exhausted)

    def test_words_stay_with_a_filter_and_in_pages(self) -> None:
        self.fill()
        self.assertEqual(set(self.ids(lexical="a the", filter="author = eve")), {"bread", "cake"})
        everything = self.ids(lexical="a an the of is", limit=50)
        pages = sum(
            (self.ids(lexical="a an the of is", limit=2, offset=o) for o in range(0, 50, 2)), []
        )
        self.assertEqual(pages, everything)

    def test_a_collection_without_a_text_index(self) -> None:
        self.fill(text_index=kith.TextIndexOptions(enabled=False))
        self.assertFalse(self.client.collections.get(self.collection).text_index.enabled)
        self.assertEqual(self.ids("bread and flour")[0], "bread")
        for query in ({"lexical": "flour"}, {"hybrid": kith.Hybrid.of_text("flour")}):
            with self.refused(kith.InvalidArgument, "FIELD_NOT_INDEXED"):
                self.search(**query)

    def test_the_language_decides_which_words_are_the_same(self) -> None:
        for language, found in (("none", []), ("english", ["a"]), ("", ["a"])):
            name = f"{self.collection}-{language or 'default'}"
            self.client.collections.create(
                name, text_index=kith.TextIndexOptions(language=language)
            )
            self.client.upsert(name, [{"id": "a", "text": "The runners were running."}])
            hits = self.client.search(name, lexical="runs").hits
            self.assertEqual([hit.document_id for hit in hits], found, language)
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST"):
            self.make_texts(text_index=kith.TextIndexOptions(language="klingon"))

    # --- By both ---

    def test_contributions_add_up_to_the_score(self) -> None:
        self.fill()
        for fusion in (
            None,
            kith.Rrf(),
            kith.Rrf(k=10, weights=[0.5, 2]),
            kith.Weighted(),
            kith.Weighted([1, 3], "none"),
            kith.Weighted([2, 1], "z_score"),
        ):
            for fill_in in (False, True):
                with self.subTest(fusion=fusion, fill_in=fill_in):
                    question = "flour for the oven"
                    hybrid = kith.Hybrid([question, kith.Lexical(question)], fusion, 0, fill_in)
                    answer = self.search(hybrid=hybrid, limit=7)
                    self.assertEqual(set(self.ids(question)), {h.document_id for h in answer.hits})
                    scores = [hit.score for hit in answer.hits]
                    self.assertEqual(scores, sorted(scores, reverse=True))
                    dense = {h.document_id: h.score for h in self.search(question, limit=7).hits}
                    words = {h.document_id: h.score for h in self.search(lexical=question).hits}
                    for hit in answer.hits:
                        self.assertEqual(len(hit.parts), 2)
                        self.assertAlmostEqual(
                            hit.score, sum(part.contribution for part in hit.parts), places=5
                        )
                        self.assertAlmostEqual(
                            hit.parts[0].score, dense[hit.document_id], places=5
                        )
                        if hit.document_id in words:
                            self.assertAlmostEqual(
                                hit.parts[1].score, words[hit.document_id], places=4
                            )
                            self.assertFalse(hit.parts[1].filled_in)
                    if isinstance(fusion, kith.Rrf):
                        weights = fusion.weights or [1, 1]
                        for hit in answer.hits:
                            for part, weight in zip(hit.parts, weights):
                                if part.rank:
                                    self.assertAlmostEqual(
                                        part.contribution, weight / (fusion.k + part.rank), places=5
                                    )

    def test_hybrid_finds_what_only_one_side_knows(self) -> None:
        self.fill()
        self.assertEqual(self.ids(hybrid=kith.Hybrid.of_text("XK-4711"))[0], "code")
        self.assertIn("hnsw", self.ids(hybrid=kith.Hybrid.of_text("graphs of neighbours"))[:2])
        both = kith.Hybrid([kith.DocumentId("bread"), kith.Lexical("sugar")])
        self.assertEqual(self.ids(hybrid=both)[0], "cake")

    def test_the_servers_own_fusion_fills_in_unless_it_is_told_not_to(self) -> None:
        self.fill()
        parts = ["graphs of neighbours", kith.Lexical("XK-4711")]
        for fusion, fill_in, filled in (
            (None, None, True),
            (None, False, False),
            (kith.Weighted([0.4, 1]), None, False),
            (kith.Weighted([0.4, 1]), True, True),
        ):
            with self.subTest(fusion=fusion, fill_in=fill_in):
                # One candidate each: meaning finds another document than the word does.
                hybrid = kith.Hybrid(parts, fusion, 1, fill_in)
                [hit] = self.search(hybrid=hybrid, limit=1).hits
                self.assertEqual(hit.document_id, "code")
                self.assertEqual(hit.parts[0].filled_in, filled)

    # --- By examples ---

    def test_examples_ask_and_are_left_out(self) -> None:
        self.fill()
        for method in ("average", "best_score"):
            with self.subTest(method=method):
                ids = self.ids(
                    recommend=kith.Recommend(
                        [kith.DocumentId("bread"), "flour and sugar"], method=method
                    )
                )
                self.assertEqual(ids[0], "cake")
                self.assertNotIn("bread", ids)
                ids = self.ids(
                    recommend=kith.Recommend(
                        [kith.DocumentId("hnsw")], [kith.DocumentId("bread")], method
                    )
                )
                self.assertEqual(ids[0], "ivf")
                self.assertNotIn("hnsw", ids)
                self.assertNotIn("bread", ids)

    # --- Shape ---

    def test_hits_are_values_of_a_field(self) -> None:
        self.fill()
        for query in (
            {"text": "flour in the oven"},
            {"lexical": "flour oven graph token clusters"},
            {"hybrid": kith.Hybrid.of_text("flour in the oven and graphs of tokens")},
        ):
            with self.subTest(query=query):
                answer = self.search(
                    group_by="field", group_field="author", passages_per_group=2, limit=10, **query
                )
                values = [hit.group_value for hit in answer.hits]
                self.assertEqual(sorted(values), ["ann", "bob", "eve"])
                for hit in answer.hits:
                    self.assertEqual(hit.metadata["author"], hit.group_value)
                    self.assertEqual(len(hit.passages), 1 if hit.group_value == "bob" else 2)
                    self.assertEqual(hit.score, hit.passages[0].score)
        self.assertEqual(
            len(self.search("oven", group_by="field", group_field="author", limit=1).hits), 1
        )

    def test_diversity_takes_hits_that_differ(self) -> None:
        self.make_vectors(2)
        vectors = {
            "near": [1.0, 0.0],
            "twin": [1.0, 0.01],
            "other": [0.8, 0.6],
            "far": [-1.0, 0.0],
        }
        self.client.upsert(
            self.collection, [{"id": id, "vector": vector} for id, vector in vectors.items()]
        )
        ask = lambda diversify: self.ids(vector=[1, 0], limit=2, diversify=diversify)
        self.assertEqual(ask(None), ["near", "twin"])
        self.assertEqual(ask(kith.Diversify(1.0)), ["near", "twin"])
        self.assertEqual(ask(kith.Diversify(0.5)), ["near", "other"])

    def test_a_least_score(self) -> None:
        self.fill()
        scores = [hit.score for hit in self.search("bread with flour", limit=7).hits]
        answer = self.search("bread with flour", limit=7, score_min=scores[2])
        self.assertEqual([hit.score for hit in answer.hits], scores[:3])
        self.assertTrue(answer.exhausted)
        self.assertEqual(self.ids("bread", score_min=2.0), [])

    def test_only_the_selected_keys_of_the_metadata(self) -> None:
        self.make_vectors(2)
        metadata = {"a": 1, "b": "x", "c": ["y"]}
        self.client.upsert(
            self.collection, [{"id": "d", "vector": [1, 1], "metadata": metadata}]
        )
        for select, expected in (
            (None, metadata),
            (kith.Select(metadata=True), metadata),
            (kith.Select(fields=["a", "c"]), {"a": 1, "c": ["y"]}),
            (kith.Select(fields=["b", "nobody"]), {"b": "x"}),
            (kith.Select(), {}),
        ):
            hit = self.search(vector=[1, 1], select=select).hits[0]
            self.assertEqual(hit.metadata, expected, select)

    def test_an_explanation_adds_up(self) -> None:
        self.fill()
        self.assertIsNone(self.search("flour").explanation)
        for query in (
            {"text": "flour"},
            {"text": "flour", "filter": "author = eve", "group_by": "document"},
            {"lexical": "flour"},
            {"hybrid": kith.Hybrid.of_text("flour"), "filter": "NOT author = bob"},
            {"text": "flour", "diversify": kith.Diversify()},
        ):
            with self.subTest(query=query):
                answer = self.search(explain=True, **query)
                explanation = answer.explanation
                self.assertTrue(explanation.stages)
                self.assertGreater(explanation.total_microseconds, 0)
                self.assertAlmostEqual(
                    sum(stage.microseconds for stage in explanation.stages),
                    explanation.total_microseconds,
                    delta=0.01 * explanation.total_microseconds + 1,
                )

    # --- What must be refused ---

    def test_queries_that_cannot_be(self) -> None:
        self.fill()
        part = "words"
        for query, reason, field in (
            ({"lexical": ""}, "EMPTY_TEXT", "query.lexical.text"),
            ({"lexical": " \n"}, "EMPTY_TEXT", "query.lexical.text"),
            ({"hybrid": kith.Hybrid([])}, "LIMIT_OUT_OF_RANGE", "query.hybrid.parts"),
            ({"hybrid": kith.Hybrid([part] * 9)}, "LIMIT_OUT_OF_RANGE", "query.hybrid.parts"),
            ({"hybrid": kith.Hybrid([part, " "])}, "EMPTY_TEXT", "query.hybrid.parts[1].text"),
            ({"hybrid": kith.Hybrid([part, kith.Lexical("")])}, "EMPTY_TEXT",
             "query.hybrid.parts[1].lexical.text"),
            ({"hybrid": kith.Hybrid([part, [1.0]])}, "DIMENSION_MISMATCH",
             "query.hybrid.parts[1].vector"),
            ({"hybrid": kith.Hybrid([part], kith.Rrf(k=0))}, "LIMIT_OUT_OF_RANGE",
             "query.hybrid.rrf.k"),
            ({"hybrid": kith.Hybrid([part], kith.Rrf(k=float("nan")))}, "LIMIT_OUT_OF_RANGE",
             "query.hybrid.rrf.k"),
            ({"hybrid": kith.Hybrid([part], kith.Rrf(weights=[1, 2]))}, "INVALID_REQUEST",
             "query.hybrid.rrf.weights"),
            ({"hybrid": kith.Hybrid([part], kith.Weighted([-1]))}, "LIMIT_OUT_OF_RANGE",
             "query.hybrid.weighted.weights[0]"),
            ({"hybrid": kith.Hybrid([part], None, 5), "limit": 10}, "LIMIT_OUT_OF_RANGE",
             "query.hybrid.candidates"),
            ({"hybrid": kith.Hybrid([part], None, 10_001)}, "LIMIT_OUT_OF_RANGE",
             "query.hybrid.candidates"),
            ({"recommend": kith.Recommend([])}, "INVALID_REQUEST", "query.recommend.positive"),
            ({"recommend": kith.Recommend(["x"] * 65)}, "LIMIT_OUT_OF_RANGE",
             "query.recommend"),
            ({"recommend": kith.Recommend(["x"], [" "])}, "EMPTY_TEXT",
             "query.recommend.negative[0].text"),
            ({"text": "x", "group_by": "field"}, "INVALID_REQUEST", "group_field"),
            ({"text": "x", "group_field": "author"}, "INVALID_REQUEST", "group_field"),
            ({"text": "x", "diversify": kith.Diversify(1.1)}, "LIMIT_OUT_OF_RANGE",
             "diversify.lambda"),
            ({"text": "x", "diversify": kith.Diversify(float("nan"))}, "LIMIT_OUT_OF_RANGE",
             "diversify.lambda"),
            ({"text": "x", "diversify": kith.Diversify(0.5, 5)}, "LIMIT_OUT_OF_RANGE",
             "diversify.pool"),
            ({"text": "x", "score_min": float("nan")}, "INVALID_REQUEST", "score_min"),
        ):  # fmt: skip
            with self.subTest(query=str(query)[:120]):
                with self.refused(kith.InvalidArgument, reason, field):
                    self.search(**query)
        for query in (
            {"hybrid": kith.Hybrid([part, kith.DocumentId("nobody")])},
            {"recommend": kith.Recommend([kith.DocumentId("nobody")])},
        ):
            with self.refused(kith.NotFound, "DOCUMENT_NOT_FOUND"):
                self.search(**query)

    def test_fields_that_are_no_keywords_are_no_groups(self) -> None:
        self.make_vectors(2)
        self.client.upsert(
            self.collection, [{"id": "a", "vector": [1, 1], "metadata": {"n": 1, "t": ["x"]}}]
        )
        with self.refused(kith.InvalidArgument, "FILTER_TYPE", "group_field"):
            self.search(vector=[1, 1], group_by="field", group_field="n")
        self.assertEqual(self.ids(vector=[1, 1], group_by="field", group_field="nobody"), [])

    def test_requests_that_the_client_could_not_say(self) -> None:
        self.fill()
        for query, field in (
            (pb.Query(hybrid={"parts": [{}]}), "query.hybrid.parts[0]"),
            (pb.Query(recommend={"positive": [{}]}), "query.recommend.positive[0]"),
            (pb.Query(recommend={"positive": [{"text": "x"}], "method": 9}),
             "query.recommend.method"),
            (pb.Query(hybrid={"parts": [{"text": "x"}], "weighted": {"normalisation": 9}}),
             "query.hybrid.weighted.normalisation"),
        ):  # fmt: skip
            request = pb.SearchRequest(collection=self.collection, query=query)
            with self.subTest(query=str(query)):
                with self.refused(kith.InvalidArgument, "INVALID_REQUEST", field):
                    self.raw_call("SearchService/Search", request.SerializeToString())
