"""Filters over the wire: which documents pass, on searches, counts, listings, deletions and facets, and what is
refused. The truth is a plain evaluation in Python."""

import datetime
import random

import kith
from harness import ServerCase
from kith.v1 import document_service_pb2
from kith.v1 import filter_pb2 as pb
from kith.v1 import search_service_pb2

UTC = datetime.timezone.utc

DOCUMENTS = {
    "a": {"year": 2019, "lang": "en", "tags": ["draft", "x"], "score": 1.5, "ok": True},
    "b": {"year": 2020, "lang": "de", "tags": ["x"], "score": 2.0, "ok": False},
    "c": {"year": 2021, "lang": "en", "tags": [], "at": datetime.datetime(2024, 5, 1, tzinfo=UTC)},
    "d": {"year": 2022, "tags": ["y", "draft"], "at": datetime.datetime(2025, 1, 1, tzinfo=UTC)},
    "e": {"lang": "fr", "größe": 7, "odd name": "o'k"},
    "f": {},
}

FILTERS = {
    "": "abcdef",
    "year = 2020": "b",
    "year != 2020": "acd",
    "NOT year = 2020": "acdef",
    "year >= 2020 AND lang = \"en\"": "c",
    "year >= 2020 and not tags:draft": "bc",
    "year < 2020 OR lang = fr": "ae",
    "(year < 2021 OR lang = en) AND tags:x": "ab",
    "lang IN (en, 'de')": "abc",
    "lang NOT IN (en, 'de')": "def",
    "EXISTS lang": "abce",
    "NOT EXISTS lang": "df",
    "tags:draft": "ad",
    "tags = draft": "ad",
    "tags != draft": "bc",
    "EXISTS tags": "abcd",
    "year > 2019.5 AND year <= 2021.0": "bc",
    "score = 2": "b",
    "score >= 1.5": "ab",
    "ok = true": "a",
    "ok != true": "b",
    "lang > \"en\"": "e",
    "at >= 2024-05-01T00:00:00Z": "cd",
    "at > \"2024-05-01T02:00:00+02:00\"": "d",
    "größe = 7": "e",
    "\"odd name\" = \"o'k\"": "e",
    "nobody = 1": "",
    "NOT nobody = 1": "abcdef",
    "EXISTS nobody": "",
}


def tree(condition: str, **parts: object) -> pb.Filter:
    return pb.Filter(**{condition: parts})


class FilterTest(ServerCase):
    def fill(self) -> None:
        self.make_vectors(2)
        self.client.upsert(
            self.collection,
            [
                {"id": id, "vector": [1, i + 1], "metadata": metadata}
                for i, (id, metadata) in enumerate(DOCUMENTS.items())
            ],
        )

    def found(self, filter: str, **options: object) -> str:
        hits = self.client.search(
            self.collection, vector=[1, 1], filter=filter, limit=50, **options
        ).hits
        return "".join(sorted(hit.document_id for hit in hits))

    def test_a_filter_means_the_same_everywhere(self) -> None:
        self.fill()
        for filter, ids in FILTERS.items():
            with self.subTest(filter=filter):
                self.assertEqual(self.found(filter), ids)
                self.assertEqual(self.found(filter, exact=True), ids)
                self.assertEqual(self.client.count(self.collection, filter=filter), len(ids))
                listed = [item.id for item in self.client.list(self.collection, filter=filter)]
                self.assertEqual("".join(listed), ids)
                if filter:
                    answer = self.client.delete_where(self.collection, filter, dry_run=True)
                    self.assertEqual(answer.deleted_count, len(ids))
        self.assertEqual(self.client.count(self.collection), len(DOCUMENTS))

    def test_the_tree_says_what_the_text_says(self) -> None:
        self.fill()
        year = {"field": "year", "value": {"int_value": 2020}}
        for filter, expected in (
            (tree("comparison", operator="FILTER_OPERATOR_EQUAL", **year), "b"),
            (tree("comparison", operator="FILTER_OPERATOR_NOT_EQUAL", **year), "acd"),
            (tree("comparison", operator="FILTER_OPERATOR_LESS", **year), "a"),
            (tree("comparison", operator="FILTER_OPERATOR_LESS_OR_EQUAL", **year), "ab"),
            (tree("comparison", operator="FILTER_OPERATOR_GREATER", **year), "cd"),
            (tree("comparison", operator="FILTER_OPERATOR_GREATER_OR_EQUAL", **year), "bcd"),
            (
                tree(
                    "comparison",
                    field="tags",
                    operator="FILTER_OPERATOR_HAS",
                    value={"string_value": "draft"},
                ),
                "ad",
            ),
            (
                tree(
                    "comparison",
                    field="at",
                    operator="FILTER_OPERATOR_EQUAL",
                    value={"timestamp_value": {"seconds": 1714521600}},
                ),
                "c",
            ),
            (
                tree(
                    "membership",
                    field="lang",
                    values=[{"string_value": "en"}, {"string_value": "fr"}],
                ),
                "ace",
            ),
            (pb.Filter(exists="lang"), "abce"),
            (pb.Filter(negated=pb.Filter(exists="lang")), "df"),
            (
                pb.Filter(
                    all_of={"filters": [pb.Filter(exists="lang"), pb.Filter(exists="tags")]}
                ),
                "abc",
            ),
            (
                pb.Filter(
                    any_of={"filters": [pb.Filter(exists="größe"), pb.Filter(exists="ok")]}
                ),
                "abe",
            ),
        ):
            with self.subTest(filter=str(filter)):
                self.assertEqual(self.count_tree(filter), len(expected))
                request = search_service_pb2.SearchRequest(
                    collection=self.collection,
                    query={"vector": {"values": [1, 1]}},
                    filter_tree=filter,
                )
                raw = self.raw_call("SearchService/Search", request.SerializeToString())
                hits = search_service_pb2.SearchResponse.FromString(raw).hits
                self.assertEqual("".join(sorted(hit.document_id for hit in hits)), expected)

    def count_tree(self, filter: pb.Filter) -> int:
        request = document_service_pb2.CountDocumentsRequest(
            collection=self.collection, filter_tree=filter
        )
        raw = self.raw_call("DocumentService/CountDocuments", request.SerializeToString())
        return document_service_pb2.CountDocumentsResponse.FromString(raw).count

    def test_a_filtered_search_never_returns_too_few_or_the_wrong_ones(self) -> None:
        seed = random.randrange(2**32)
        print(f"seed {seed}", end=" ", flush=True)
        generator = random.Random(seed)
        self.make_vectors(8)
        numbers = {}
        for start in range(0, 3000, 500):
            documents = []
            for i in range(start, start + 500):
                numbers[f"{i:04}"] = generator.randrange(1000)
                documents.append(
                    {
                        "id": f"{i:04}",
                        "vector": [generator.gauss(0, 1) for _ in range(8)],
                        "metadata": {"n": numbers[f"{i:04}"]},
                    }
                )
            self.client.upsert(self.collection, documents)
        for below in (0, 1, 5, 50, 500, 1000):
            right = {id for id, n in numbers.items() if n < below}
            for _ in range(5):
                query = [generator.gauss(0, 1) for _ in range(8)]
                hits = self.client.search(
                    self.collection, vector=query, filter=f"n < {below}", limit=10
                ).hits
                ids = [hit.document_id for hit in hits]
                self.assertLessEqual(set(ids), right)
                self.assertEqual(len(set(ids)), min(10, len(right)), below)
                self.assertEqual(
                    [hit.score for hit in hits], sorted((h.score for h in hits), reverse=True)
                )

    def test_every_search_of_a_batch_has_its_own_filter(self) -> None:
        self.fill()
        answers = self.client.batch_search(
            self.collection,
            [kith.SearchQuery(vector=[1, 1], filter=filter) for filter in FILTERS],
        )
        for (filter, ids), answer in zip(FILTERS.items(), answers):
            self.assertEqual("".join(sorted(h.document_id for h in answer.hits)), ids, filter)

    # --- Listings, deletions, facets ---

    def test_documents_in_the_order_of_a_field(self) -> None:
        self.fill()
        listed = lambda **options: "".join(
            item.id for item in self.client.list(self.collection, **options)
        )
        for page_size in (0, 1, 2, 5):
            self.assertEqual(listed(order_by="year", page_size=page_size), "abcdef")
            self.assertEqual(listed(order_by="year desc", page_size=page_size), "dcbaef")
            self.assertEqual(listed(order_by="lang", page_size=page_size), "bacedf")
            self.assertEqual(
                listed(order_by="year desc", filter="EXISTS lang", page_size=page_size), "cbae"
            )

    def test_a_page_token_belongs_to_its_listing(self) -> None:
        self.fill()
        call = lambda **request: document_service_pb2.ListDocumentsResponse.FromString(
            self.raw_call(
                "DocumentService/ListDocuments",
                document_service_pb2.ListDocumentsRequest(
                    collection=self.collection, page_size=1, **request
                ).SerializeToString(),
            )
        )
        plain = call().next_page_token
        ordered = call(order_by="year").next_page_token
        filtered = call(filter="EXISTS year").next_page_token
        for token, other in (
            (plain, {"order_by": "year"}),
            (plain, {"filter": "EXISTS year"}),
            (ordered, {}),
            (ordered, {"order_by": "year desc"}),
            (ordered, {"order_by": "lang"}),
            (filtered, {}),
            (filtered, {"filter": "EXISTS lang"}),
        ):
            with self.refused(kith.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"):
                call(page_token=token, **other)

    def test_deleting_by_filter(self) -> None:
        self.fill()
        answer = self.client.delete_where(self.collection, "tags:draft")
        self.assertEqual((answer.deleted_count, answer.missing_count), (2, 0))
        self.assertEqual(self.found(""), "bcef")
        self.assertEqual(
            self.client.delete_where(self.collection, "tags:draft").deleted_count, 0
        )
        self.assertEqual(
            self.client.delete_where(self.collection, "NOT EXISTS nobody").deleted_count, 4
        )
        self.assertEqual(self.client.count(self.collection), 0)

    def test_facets_count_documents_by_their_values(self) -> None:
        self.fill()
        facets = self.client.facets(self.collection, ["lang", "tags", "ok", "nobody"])
        self.assertEqual(facets.document_count, 6)
        self.assertEqual([facet.field for facet in facets.facets], ["lang", "tags", "ok", "nobody"])
        values = [
            [(value.value, value.document_count) for value in facet.values]
            for facet in facets.facets
        ]
        self.assertEqual(values[0], [("en", 2), ("de", 1), ("fr", 1)])
        self.assertEqual(values[1], [("draft", 2), ("x", 2), ("y", 1)])
        self.assertEqual(sorted(values[2]), [(False, 1), (True, 1)])
        self.assertEqual(values[3], [])
        facets = self.client.facets(
            self.collection, ["lang"], filter="EXISTS lang AND NOT tags:draft", limit=2
        )
        self.assertEqual(facets.document_count, 3)
        self.assertEqual([value.value for value in facets.facets[0].values], ["de", "en"])
        self.assertEqual(facets.facets[0].value_count, 3)

    # --- What must be refused ---

    def refuse(self, filter: str, reason: str, **metadata: str) -> None:
        for call in (
            lambda: self.client.search(self.collection, vector=[1, 1], filter=filter),
            lambda: self.client.count(self.collection, filter=filter),
            lambda: list(self.client.list(self.collection, filter=filter)),
            lambda: self.client.delete_where(self.collection, filter),
            lambda: self.client.facets(self.collection, ["lang"], filter=filter),
        ):
            with self.subTest(filter=filter[:80], call=call):
                with self.refused(kith.InvalidArgument, reason, "filter", metadata):
                    call()

    def test_texts_that_are_no_filter(self) -> None:
        self.fill()
        for filter, position in (
            ("year >=", "7"),
            ("year >= AND lang = en", "8"),
            ("year == 2020", "6"),
            ("(year = 2020", "12"),
            ("year = 2020 lang = en", "12"),
            ("year = \"2020", "12"),
            ("\0", "0"),
            ("größe =", "9"),
        ):
            self.refuse(filter, "FILTER_SYNTAX", position=position)

    def test_filters_that_are_too_large(self) -> None:
        self.fill()
        self.refuse(" OR ".join(["year = 1"] * 257), "FILTER_TOO_LARGE", limit="256")
        self.refuse("(" * 40 + "year = 1" + ")" * 40, "FILTER_TOO_LARGE", limit="32")
        many = ", ".join(map(str, range(10_000)))
        self.assertEqual(self.client.count(self.collection, filter=f"year IN ({many})"), 4)
        self.refuse(f"year IN ({many}, 7)", "FILTER_TOO_LARGE", limit="10000")

    def test_values_of_another_type_than_the_field(self) -> None:
        self.fill()
        for filter in (
            "year = \"2020\"",
            "year IN (2020, old)",
            "lang = 3",
            "tags:7",
            "ok = 1",
            "ok = yes",
            "at = 2024",
            "at = soon",
            "score = true",
        ):
            self.refuse(filter, "FILTER_TYPE")
        with self.refused(kith.InvalidArgument, "FILTER_TYPE", "filter") as caught:
            self.client.count(self.collection, filter="year = \"2020\"")
        self.assertIn('field "year" holds int64, compared with a string', str(caught.exception))

    def test_a_filter_of_one_search_of_a_batch(self) -> None:
        self.fill()
        good = kith.SearchQuery(vector=[1, 1], filter="year = 2020")
        for filter, reason in (("year =", "FILTER_SYNTAX"), ("year = old", "FILTER_TYPE")):
            with self.refused(kith.InvalidArgument, reason, "searches[1].filter"):
                self.client.batch_search(
                    self.collection, [good, kith.SearchQuery(vector=[1, 1], filter=filter)]
                )

    def test_a_field_that_is_left_out_of_the_index(self) -> None:
        self.make_vectors(2, unindexed_fields=["body", "raw"])
        self.assertEqual(
            self.client.collections.get(self.collection).unindexed_fields, ["body", "raw"]
        )
        self.client.upsert(
            self.collection, [{"id": "a", "vector": [1, 1], "metadata": {"body": "b", "x": 1}}]
        )
        self.assertEqual(self.found("x = 1"), "a")
        self.assertEqual(
            self.client.get(self.collection, ["a"]).documents[0].metadata, {"body": "b", "x": 1}
        )
        for filter in ("body = b", "EXISTS body", "x = 1 OR body IN (b)"):
            self.refuse(filter, "FIELD_NOT_INDEXED")
        with self.refused(kith.InvalidArgument, "FIELD_NOT_INDEXED"):
            self.client.facets(self.collection, ["body"])
        with self.refused(kith.InvalidArgument, "FIELD_NOT_INDEXED"):
            list(self.client.list(self.collection, order_by="body"))

    def test_trees_that_are_none(self) -> None:
        self.fill()
        deep = pb.Filter(exists="x")
        for _ in range(32):
            deep = pb.Filter(negated=deep)
        value = {"int_value": 1}
        for filter, reason, field in (
            (pb.Filter(), "INVALID_REQUEST", "filter_tree"),
            (pb.Filter(all_of={}), "INVALID_REQUEST", "filter_tree.all_of"),
            (pb.Filter(any_of={"filters": [pb.Filter()]}), "INVALID_REQUEST",
             "filter_tree.any_of.filters[0]"),
            (pb.Filter(negated={}), "INVALID_REQUEST", "filter_tree.negated"),
            (tree("comparison", field="x", value=value), "INVALID_REQUEST",
             "filter_tree.comparison.operator"),
            (tree("comparison", field="x", operator=99, value=value), "INVALID_REQUEST",
             "filter_tree.comparison.operator"),
            (tree("comparison", field="x", operator=1), "INVALID_REQUEST",
             "filter_tree.comparison.value"),
            (tree("comparison", field="x", operator=1, value={"string_list": {}}),
             "INVALID_REQUEST", "filter_tree.comparison.value"),
            (tree("comparison", field="x", operator=1, value={"double_value": float("nan")}),
             "INVALID_REQUEST", "filter_tree.comparison.value"),
            (tree("membership", field="x"), "INVALID_REQUEST", "filter_tree.membership.values"),
            (tree("membership", field="x", values=[value, {}]), "INVALID_REQUEST",
             "filter_tree.membership.values[1]"),
            (tree("membership", field="x", values=[value] * 10_001), "FILTER_TOO_LARGE",
             "filter_tree.membership.values"),
            (pb.Filter(any_of={"filters": [pb.Filter(exists="x")] * 256}), "FILTER_TOO_LARGE",
             None),
            (deep, "FILTER_TOO_LARGE", None),
        ):  # fmt: skip
            with self.subTest(filter=str(filter)[:200]):
                with self.refused(kith.InvalidArgument, reason, field):
                    self.count_tree(filter)
        self.assertEqual(
            self.count_tree(pb.Filter(any_of={"filters": [pb.Filter(exists="year")] * 255})), 4
        )

    def test_deletions_that_say_too_little_or_too_much(self) -> None:
        self.fill()
        request = document_service_pb2.DeleteDocumentsRequest
        delete = {"id": "a"}
        for fault in (
            request(filter=""),
            request(filter="  "),
            request(filter="year = 2020", deletes=[delete]),
            request(filter="year = 2020", request_id="r"),
            request(deletes=[delete], dry_run=True),
        ):
            fault.collection = self.collection
            with self.subTest(request=str(fault)):
                with self.refused(kith.InvalidArgument, "INVALID_REQUEST"):
                    self.raw_call("DocumentService/DeleteDocuments", fault.SerializeToString())
        self.assertEqual(self.client.count(self.collection), len(DOCUMENTS))

    def test_facets_and_orders_that_cannot_be(self) -> None:
        self.fill()
        for fields in ([], ["lang"] * 17):
            with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "fields"):
                self.client.facets(self.collection, fields)
        for limit in (-1, 1001):
            with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "limit"):
                self.client.facets(self.collection, ["lang"], limit=limit)
        for order_by in ("year up", "year desc desc", "desc year x", " ", "year,lang"):
            with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "order_by"):
                list(self.client.list(self.collection, order_by=order_by))
