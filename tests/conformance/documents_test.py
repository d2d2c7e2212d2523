"""DocumentService, its unary calls: what is written is read, and what must be refused is."""

import array
import datetime
import uuid

import kith
from harness import ServerCase
from kith.v1 import common_pb2
from kith.v1 import document_service_pb2 as pb

UTC = datetime.timezone.utc


class DocumentsTest(ServerCase):
    def put(self, *documents: dict, **options: object) -> kith.UpsertResponse:
        return self.client.upsert(self.collection, documents, **options)

    def put_vector(self, id: str = "a", **parts: object) -> kith.UpsertResult:
        return self.put({"id": id, "vector": [1, 2, 3, 4], **parts}).results[0]

    def ids(self) -> list[str]:
        return [document.id for document in self.client.list(self.collection)]

    # --- Writing and reading ---

    def test_a_text_comes_back_with_its_passages_and_vectors(self) -> None:
        self.make_texts()
        text = "# Küche\n\nDer Herd ist heiß. 🔥 Das Wasser kocht.\n\n# Bad\n\nDie Wanne ist voll."
        written = self.put({"id": "haus", "text": text}).results[0]
        self.assertTrue(written.created)
        everything = kith.Select(text=True, metadata=True, passages=True, vectors=True)
        document = self.client.get(self.collection, ["haus"], select=everything).documents[0]
        self.assertEqual(document.text, text)
        self.assertEqual(document.etag, written.etag)
        self.assertEqual(document.text_bytes, len(text.encode()))
        self.assertEqual(document.passage_count, written.passage_count)
        self.assertEqual(len(document.passages), written.passage_count)
        self.assertEqual(len(document.vectors), written.passage_count)
        self.assertEqual([p.heading_path for p in document.passages], ["Küche", "Bad"])
        self.assertIn("🔥", document.passages[0].text_in(text))
        self.assertIn("Wanne", document.passages[1].text_in(text))
        for vector in document.vectors:
            self.assertEqual(len(vector), self.client.models()[0].dimension)
            self.assertAlmostEqual(sum(x * x for x in vector), 1.0, places=4)
        self.assertLessEqual(
            abs(datetime.datetime.now(UTC) - document.create_time), datetime.timedelta(hours=1)
        )

    def test_only_what_is_selected_comes_back(self) -> None:
        self.make_texts()
        self.put({"id": "a", "text": "words", "metadata": {"k": "v"}})
        get = lambda select: self.client.get(self.collection, ["a"], select=select).documents[0]
        for select, parts in (
            (None, {"text", "metadata"}),
            (kith.Select(), set()),
            (kith.Select(text=True), {"text"}),
            (kith.Select(metadata=True), {"metadata"}),
            (kith.Select(passages=True), {"passages"}),
            (kith.Select(vectors=True), {"vectors"}),
        ):
            with self.subTest(select=select):
                document = get(select)
                found = {
                    part
                    for part in ("text", "metadata", "passages", "vectors")
                    if getattr(document, part)
                }
                self.assertEqual(found, parts)
        self.assertEqual(next(self.client.list(self.collection)).metadata, {"k": "v"})
        self.assertEqual(next(self.client.list(self.collection)).text, "")

    def test_vectors_come_back_as_given_whatever_their_form(self) -> None:
        self.make_vectors(metric="dot")
        values = [0.5, -2.0, 3.0, 1.0]
        half = bytes.fromhex("0038 00c0 0042 003c".replace(" ", ""))  # float16 of the same
        forms = {
            "list": [0.5, -2.0, 3.0, 1.0],
            "array": array.array("f", values),
            "tuple": tuple(values),
        }
        for name, vector in forms.items():
            self.put({"id": name, "vector": vector})
        for name, vector in (
            ("f16", {"f16_le": half}),
            ("plain", {"values": values}),
            ("counted", {"f32_le": array.array("f", values).tobytes(), "dimension": 4}),
        ):
            request = pb.UpsertDocumentsRequest(
                collection=self.collection, documents=[pb.DocumentInput(id=name, vector=vector)]
            )
            self.raw_call("DocumentService/UpsertDocuments", request.SerializeToString())
        select = kith.Select(vectors=True)
        for document in self.client.list(self.collection, select=select):
            with self.subTest(form=document.id):
                self.assertEqual(list(document.vectors[0]), values)
        request = pb.UpsertDocumentsRequest(
            collection=self.collection,
            documents=[pb.DocumentInput(id="i8", vector={"i8": bytes([1, 0x80, 0x7F, 0xFF])})],
        )
        self.raw_call("DocumentService/UpsertDocuments", request.SerializeToString())
        document = self.client.get(self.collection, ["i8"], select=select).documents[0]
        self.assertEqual(list(document.vectors[0]), [1, -128, 127, -1])

    def test_denormals_and_zeros_are_stored_as_given_where_the_metric_allows(self) -> None:
        for metric in ("dot", "l2"):
            self.collection += metric
            self.make_vectors(metric=metric)
            tiny = [1e-45, 0.0, -1e-40, 0.0]
            self.put({"id": "tiny", "vector": tiny}, {"id": "zero", "vector": [0.0] * 4})
            stored = self.client.get(
                self.collection, ["tiny", "zero"], select=kith.Select(vectors=True)
            ).documents
            self.assertEqual(stored[0].vectors[0], array.array("f", tiny))
            self.assertEqual(list(stored[1].vectors[0]), [0.0] * 4)

    def test_metadata_comes_back_as_given(self) -> None:
        self.make_vectors()
        moment = datetime.datetime(1931, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
        metadata = {
            "word": "größe",
            "empty": "",
            "words": ["a", "b", ""],
            "none": [],
            "int": -(2**63),
            "large": 2**63 - 1,
            "double": 0.1,
            "bool": False,
            "moment": moment,
            "first": datetime.datetime(1, 1, 1, tzinfo=UTC),
            "last": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        }
        self.put_vector(metadata=metadata)
        stored = self.client.get(self.collection, ["a"]).documents[0].metadata
        self.assertEqual(stored, metadata)
        self.assertIs(stored["bool"], False)

    def test_a_document_under_the_same_id_is_replaced_as_a_whole(self) -> None:
        self.make_vectors()
        first = self.put_vector(text="first", metadata={"k": "v"})
        second = self.put_vector(text="second")
        self.assertTrue(first.created)
        self.assertFalse(second.created)
        self.assertNotEqual(second.etag, first.etag)
        document = self.client.get(self.collection, ["a"]).documents[0]
        self.assertEqual((document.text, document.metadata), ("second", {}))
        self.assertEqual(document.etag, second.etag)
        self.assertLess(document.create_time, document.update_time)
        self.assertEqual(self.client.count(self.collection), 1)

    def test_the_server_makes_ids_where_none_are_given(self) -> None:
        self.make_vectors()
        written = self.put({"vector": [1, 0, 0, 0]}, {"vector": [0, 1, 0, 0]})
        made = [result.id for result in written.results]
        self.assertEqual(len(set(made)), 2)
        for id in made:
            self.assertRegex(id, "^[0-9A-HJKMNP-TV-Z]{26}$")  # a ULID
        self.assertEqual(sorted(self.ids()), sorted(made))

    def test_ids_are_compared_bytewise(self) -> None:
        self.make_vectors()
        composed, decomposed = "\u00e9", "e\u0301"
        ids = ["b", "a", "B", "é/..", "日本", composed, decomposed, "a" * 512, "ab", " a "]
        self.put(*({"id": id, "vector": [1, 1, 1, 1]} for id in ids))
        self.assertEqual(self.ids(), sorted(ids, key=str.encode))

    def test_documents_come_in_the_order_asked_and_missing_ones_are_named(self) -> None:
        self.make_vectors()
        self.put(*({"id": id, "vector": [1, 1, 1, 1]} for id in "abc"))
        answer = self.client.get(self.collection, ["c", "x", "a", "y"])
        self.assertEqual([document.id for document in answer.documents], ["c", "a"])
        self.assertEqual(answer.missing_ids, ["x", "y"])

    def test_pages_hold_every_document_once(self) -> None:
        self.make_vectors()
        ids = [f"{i:03}" for i in range(25)]
        self.put(*({"id": id, "vector": [1, 1, 1, 1]} for id in ids))
        for page_size in (1, 7, 25, 26, 0, 10**6):
            with self.subTest(page_size=page_size):
                pages = self.client.list(self.collection, page_size=page_size)
                self.assertEqual([document.id for document in pages], ids)

    def test_large_documents_come_in_smaller_pages(self) -> None:
        self.make_vectors()
        text = "x" * (3 << 20)
        for i in range(8):
            self.put({"id": str(i), "vector": [1, 1, 1, 1], "text": text})
        request = pb.ListDocumentsRequest(
            collection=self.collection, select=pb.DocumentSelector(text=True)
        )
        page = pb.ListDocumentsResponse.FromString(
            self.raw_call("DocumentService/ListDocuments", request.SerializeToString())
        )
        self.assertLess(len(page.documents), 8)
        self.assertNotEqual(page.next_page_token, "")
        everything = self.client.list(self.collection, select=kith.Select(text=True))
        self.assertEqual([len(document.text) for document in everything], [len(text)] * 8)

    def test_more_text_than_an_answer_holds_is_refused_with_the_numbers(self) -> None:
        self.make_vectors()
        text = "x" * (4 << 20)
        ids = [str(i) for i in range(5)]
        for id in ids:
            self.put({"id": id, "vector": [1, 1, 1, 1], "text": text})
        with self.refused(kith.ResourceExhausted, "MESSAGE_TOO_LARGE") as caught:
            self.client.get(self.collection, ids)
        self.assertIn("limit", caught.exception.metadata)
        self.assertEqual(len(self.client.get(self.collection, ids[:3]).documents), 3)

    def test_deleting_counts_what_was_there_and_what_was_not(self) -> None:
        self.make_vectors()
        self.put(*({"id": id, "vector": [1, 1, 1, 1]} for id in "abc"))
        answer = self.client.delete(self.collection, ["a", "x", "c"])
        self.assertEqual((answer.deleted_count, answer.missing_count), (2, 1))
        self.assertEqual(self.ids(), ["b"])
        self.assertEqual(self.client.count(self.collection, at_least=answer.commit_token), 1)
        again = self.client.delete(self.collection, ["a"])
        self.assertEqual((again.deleted_count, again.missing_count), (0, 1))

    def test_the_answer_says_which_durability_it_stands_for(self) -> None:
        self.make_vectors(default_durability="applied")
        vector = {"vector": [1, 1, 1, 1]}
        self.assertIn(self.put(vector).durability, ("applied", "synced"))
        self.assertEqual(self.put(vector, durability="synced").durability, "synced")
        deleted = self.client.delete(self.collection, ["x"], durability="synced")
        self.assertEqual(deleted.durability, "synced")

    # --- Conditions ---

    def test_if_match_writes_over_the_etag_it_names_only(self) -> None:
        self.make_vectors()
        first = self.put_vector()
        second = self.put_vector(if_match=first.etag)
        self.assertNotEqual(second.etag, first.etag)
        with self.refused(
            kith.Aborted, "ETAG_MISMATCH", "documents[0].if_match", {"current_etag": second.etag}
        ):
            self.put_vector(if_match=first.etag)
        with self.refused(kith.Aborted, "ETAG_MISMATCH", "documents[0].if_match"):
            self.put_vector("never-written", if_match=first.etag)
        self.assertEqual(self.client.get(self.collection, ["a"]).documents[0].etag, second.etag)

    def test_if_none_match_writes_what_is_not_there_only(self) -> None:
        self.make_vectors()
        first = self.put_vector(if_none_match="*")
        with self.refused(kith.Aborted, "ETAG_MISMATCH", "documents[0].if_none_match"):
            self.put_vector(if_none_match="*")
        with self.refused(kith.Aborted, "ETAG_MISMATCH", "documents[0].if_none_match"):
            self.put_vector(if_none_match=first.etag)
        second = self.put_vector(if_none_match="another")
        self.assertFalse(second.created)

    def test_a_condition_that_fails_leaves_the_whole_batch_unwritten(self) -> None:
        self.make_vectors()
        self.put_vector("a")
        with self.refused(kith.Aborted, "ETAG_MISMATCH", "documents[1].if_none_match"):
            self.put(
                {"id": "b", "vector": [1, 1, 1, 1]},
                {"id": "a", "vector": [1, 1, 1, 1], "if_none_match": "*"},
            )
        self.assertEqual(self.ids(), ["a"])

    def test_deletes_have_conditions_too(self) -> None:
        self.make_vectors()
        first = self.put_vector()
        second = self.put_vector()
        with self.refused(
            kith.Aborted, "ETAG_MISMATCH", "deletes[0].if_match", {"current_etag": second.etag}
        ):
            self.client.delete(self.collection, [kith.DocumentDelete("a", first.etag)])
        deleted = self.client.delete(self.collection, [kith.DocumentDelete("a", second.etag)])
        self.assertEqual(deleted.deleted_count, 1)

    # --- Request ids ---

    def test_a_repeated_write_gets_the_first_answer_and_writes_nothing(self) -> None:
        self.make_vectors()
        first = self.put({"vector": [1, 1, 1, 1]}, request_id="once")
        again = self.put({"vector": [1, 1, 1, 1]}, request_id="once")
        self.assertEqual(again.results, first.results)  # the id that the server made, too
        self.assertEqual(again.commit_token, first.commit_token)
        self.assertEqual(self.client.count(self.collection), 1)

    def test_a_repeated_delete_gets_the_first_answer(self) -> None:
        self.make_vectors()
        self.put_vector()
        first = self.client.delete(self.collection, ["a", "b"], request_id="gone")
        self.put_vector()
        again = self.client.delete(self.collection, ["a", "b"], request_id="gone")
        self.assertEqual(again, first)
        self.assertEqual(self.ids(), ["a"])

    def test_other_content_under_a_request_id_is_refused(self) -> None:
        self.make_vectors()
        self.put({"id": "a", "vector": [1, 1, 1, 1]}, request_id="once")
        for name, write in (
            ("vector", lambda: self.put({"id": "a", "vector": [1, 1, 1, 2]}, request_id="once")),
            ("id", lambda: self.put({"id": "b", "vector": [1, 1, 1, 1]}, request_id="once")),
            ("delete", lambda: self.client.delete(self.collection, ["a"], request_id="once")),
        ):
            with self.subTest(other=name):
                with self.refused(kith.InvalidArgument, "REQUEST_ID_REUSED", "request_id"):
                    write()
        self.assertEqual(self.ids(), ["a"])

    def test_request_ids_belong_to_their_collection(self) -> None:
        first = self.make_vectors()
        self.put({"id": "a", "vector": [1, 1, 1, 1]}, request_id="once")
        self.collection += "-2"
        self.make_vectors()
        self.put({"id": "b", "vector": [2, 1, 1, 1]}, request_id="once")
        self.assertEqual(self.ids(), ["b"])
        self.assertEqual(self.client.count(first), 1)

    def test_a_request_id_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        self.put({"vector": [1, 1, 1, 1]}, request_id="r" * 128)
        for request_id in ("r" * 129, "line\nbreak"):
            with self.subTest(request_id=request_id):
                with self.refused(kith.InvalidArgument, "INVALID_ID", "request_id"):
                    self.put({"vector": [1, 1, 1, 1]}, request_id=request_id)

    # --- Commit tokens ---

    def test_reads_see_the_write_whose_token_they_carry(self) -> None:
        self.make_vectors()
        token = self.put({"id": "a", "vector": [1, 1, 1, 1]}).commit_token
        self.assertEqual(self.client.count(self.collection, at_least=token), 1)
        self.assertEqual(len(self.client.get(self.collection, ["a"], at_least=token).documents), 1)
        self.assertEqual(len(list(self.client.list(self.collection, at_least=token))), 1)

    def test_a_token_of_the_future_is_waited_for_until_the_deadline(self) -> None:
        self.make_vectors()
        token = self.put_vector_token()
        future = kith.CommitToken(token.shard, token.epoch, token.sequence + 1)
        with self.refused(
            kith.Unavailable, "NOT_YET_APPLIED", metadata={"asked": str(future.sequence)}
        ) as caught:
            self.client.count(self.collection, at_least=future, timeout=2)
        self.assertIsNotNone(caught.exception.retry_after)

    def put_vector_token(self) -> kith.CommitToken:
        return self.put({"id": "a", "vector": [1, 1, 1, 1]}).commit_token

    def test_a_read_waits_for_the_write_that_it_asks_for(self) -> None:
        self.make_vectors()
        token = self.put_vector_token()
        future = kith.CommitToken(token.shard, token.epoch, token.sequence + 1)
        request = pb.CountDocumentsRequest(collection=self.collection)
        request.at_least.shard, request.at_least.epoch = future.shard, future.epoch
        request.at_least.sequence = future.sequence
        call = self.client.channel.unary_unary(
            "/kith.v1.DocumentService/CountDocuments",
            request_serializer=pb.CountDocumentsRequest.SerializeToString,
            response_deserializer=pb.CountDocumentsResponse.FromString,
        )
        waiting = call.future(request, timeout=60)
        self.put({"id": "b", "vector": [1, 1, 1, 1]})
        self.assertEqual(waiting.result().count, 2)

    def test_tokens_that_name_no_commit_of_this_collection(self) -> None:
        other = self.make_vectors()
        foreign = self.put_vector_token()
        self.collection += "-2"
        self.make_vectors()
        own = self.put_vector_token()
        for name, token in (
            ("of another collection", foreign),
            ("of another epoch", kith.CommitToken(own.shard, own.epoch + 1, own.sequence)),
            ("without a shard", kith.CommitToken("", own.epoch, own.sequence)),
            ("without a sequence", kith.CommitToken(own.shard, own.epoch, 0)),
        ):
            with self.subTest(token=name):
                with self.refused(kith.InvalidArgument, "INVALID_COMMIT_TOKEN", "at_least"):
                    self.client.count(self.collection, at_least=token)
        self.assertEqual(self.client.count(other, at_least=foreign), 1)

    # --- Bad vectors ---

    def refuse_vector(self, reason: str, field: str, **document: object) -> None:
        good = {"id": "good", "vector": [1, 1, 1, 1]}
        with self.refused(kith.InvalidArgument, reason, f"documents[1].{field}"):
            self.put(good, {"id": "bad", **document})
        self.assertEqual(self.ids(), [])  # all or none

    def test_vectors_of_another_dimension(self) -> None:
        self.make_vectors()
        for vector in ([1, 1, 1], [1, 1, 1, 1, 1]):
            self.refuse_vector("DIMENSION_MISMATCH", "vector", vector=vector)

    def test_vectors_of_no_or_too_many_values(self) -> None:
        self.make_vectors()
        self.refuse_vector("DIMENSION_MISMATCH", "vector.f32_le", vector=[])
        self.refuse_vector("DIMENSION_MISMATCH", "vector.f32_le", vector=[1.0] * 4097)

    def test_vectors_that_are_not_finite(self) -> None:
        self.make_vectors(metric="l2")
        for value in (float("nan"), float("inf"), float("-inf")):
            self.refuse_vector("VECTOR_NOT_FINITE", "vector[2]", vector=[1, 1, value, 1])

    def test_zero_vectors_have_no_direction(self) -> None:
        self.make_vectors()
        for zero in ([0.0] * 4, [0.0, -0.0, 0.0, 0.0]):
            self.refuse_vector("ZERO_VECTOR", "vector", vector=zero)

    def test_norms_whose_squares_overflow_or_vanish(self) -> None:
        self.make_vectors()
        self.refuse_vector("VECTOR_NORM", "vector", vector=[3e38, 3e38, 0, 0])
        self.refuse_vector("VECTOR_NORM", "vector", vector=[1e-30, 0, 0, 0])

    def test_packed_vectors_that_do_not_add_up(self) -> None:
        self.make_vectors()
        for vector, reason, field in (
            ({"f32_le": b"\0" * 15}, "INVALID_REQUEST", "vector.f32_le"),
            ({"f16_le": b"\0" * 7}, "INVALID_REQUEST", "vector.f16_le"),
            ({"f32_le": b"\0" * 16, "dimension": 3}, "DIMENSION_MISMATCH", "vector.dimension"),
            ({"f32_le": b"\0" * 16, "values": [1.0]}, "INVALID_REQUEST", "vector.values"),
        ):
            with self.subTest(vector=vector):
                request = pb.UpsertDocumentsRequest(
                    collection=self.collection, documents=[pb.DocumentInput(id="a", vector=vector)]
                )
                with self.refused(kith.InvalidArgument, reason, f"documents[0].{field}"):
                    self.raw_call("DocumentService/UpsertDocuments", request.SerializeToString())

    def test_vectors_that_another_encoder_made(self) -> None:
        self.make_texts()
        model = self.client.models()[0]
        vector = [1.0] + [0.0] * (model.dimension - 1)
        for fingerprint in ("", "another"):
            with self.refused(
                kith.FailedPrecondition,
                "ENCODER_MISMATCH",
                "documents[0].vector_fingerprint",
                {"expected_fingerprint": model.fingerprint, "given_fingerprint": fingerprint},
            ):
                self.put({"id": "a", "vector": vector, "vector_fingerprint": fingerprint})
        self.put({"id": "a", "vector": vector, "vector_fingerprint": model.fingerprint})

    def test_a_fingerprint_where_there_is_no_encoder_or_no_vector(self) -> None:
        self.make_vectors()
        with self.refused(
            kith.FailedPrecondition, "ENCODER_MISMATCH", "documents[0].vector_fingerprint"
        ):
            self.put_vector(vector_fingerprint="somebody")
        with self.refused(
            kith.InvalidArgument, "INVALID_REQUEST", "documents[0].vector_fingerprint"
        ):
            self.put({"id": "a", "text": "x", "vector_fingerprint": "somebody"})

    # --- Bad texts ---

    def test_text_where_there_is_no_encoder(self) -> None:
        self.make_vectors()
        with self.refused(kith.FailedPrecondition, "NO_ENCODER"):
            self.put({"id": "a", "text": "words"})

    def test_texts_with_nothing_to_embed(self) -> None:
        self.make_texts()
        for text in ("", " ", "\n\t \u00a0\u2003\u3000"):
            with self.subTest(text=text):
                with self.refused(kith.InvalidArgument, "EMPTY_TEXT", "documents[0].text"):
                    self.put({"id": "a", "text": text})
        self.assertEqual(self.ids(), [])

    def test_a_text_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        limit = self.client.server_info().limits.max_text_bytes
        vector = [1, 1, 1, 1]
        self.put({"id": "most", "vector": vector, "text": "x" * limit})
        for size in (limit + 1, 5 << 20):
            with self.refused(
                kith.InvalidArgument, "TEXT_TOO_LONG", "documents[0].text", {"limit": str(limit)}
            ):
                self.put({"id": "more", "vector": vector, "text": "x" * size})
        self.make_texts_aside()
        with self.refused(kith.InvalidArgument, "TEXT_TOO_LONG", "documents[0].text"):
            self.put({"id": "more", "text": "word " * (1 << 20)})

    def make_texts_aside(self) -> None:
        self.collection += "-texts"
        self.make_texts()

    def test_a_text_with_more_tokens_than_the_encoder_takes(self) -> None:
        self.make_texts(splitter=kith.SplitterOptions("none"))
        text = "word " * 1000
        result = self.put({"id": "a", "text": text}).results[0]
        self.assertTrue(result.truncated)
        self.assertEqual(result.passage_count, 1)
        with self.refused(kith.InvalidArgument, "TOO_MANY_TOKENS", "documents[0].text") as caught:
            self.put({"id": "b", "text": text}, truncation="never")
        limit = self.client.models()[0].max_tokens
        self.assertEqual(caught.exception.metadata["limit"], str(limit))
        self.put({"id": "b", "text": "few words"}, truncation="never")
        self.assertEqual(self.ids(), ["a", "b"])

    def test_strange_texts_are_texts(self) -> None:
        self.make_texts()
        strange = {
            "combining": "a" + "\u0301" * 10_000,
            "zero-width": "x" + "\u200b" * 10_000,
            "right-to-left": "\u202eabc\u202c \u05e9\u05dc\u05d5\u05dd",
            "noncharacters": "a\ufdd0\uffffb\U0010ffff",
            "nul": "a\x00b",
            "one-word": "x" * 100_000,
        }
        self.put(*({"id": id, "text": text} for id, text in strange.items()))
        for document in self.client.list(self.collection, select=kith.Select(text=True)):
            self.assertEqual(document.text, strange[document.id])

    # --- Bad ids ---

    def test_ids_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        self.put_vector("i" * 512)
        for id in ("i" * 513, "é" * 257, "a\x00", "a\nb", "\x7f", "a\u0085"):
            with self.subTest(id=id):
                with self.refused(kith.InvalidArgument, "INVALID_ID", "documents[0].id"):
                    self.put_vector(id)
                with self.refused(kith.InvalidArgument, "INVALID_ID", "deletes[0].id"):
                    self.client.delete(self.collection, [id])
        with self.refused(kith.InvalidArgument, "INVALID_ID", "deletes[0].id"):
            self.client.delete(self.collection, [""])

    def test_an_id_twice_in_a_batch(self) -> None:
        self.make_vectors()
        vector = [1, 1, 1, 1]
        with self.refused(kith.InvalidArgument, "DUPLICATE_ID", "documents[2].id"):
            self.put(*({"id": id, "vector": vector} for id in ("x", "y", "x")))
        with self.refused(kith.InvalidArgument, "DUPLICATE_ID", "deletes[1].id"):
            self.client.delete(self.collection, ["x", "x"])
        self.assertEqual(self.ids(), [])

    # --- Batches ---

    def test_batches_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        limit = self.client.server_info().limits.max_batch_documents
        many = [{"id": str(i), "vector": [1, 1, 1, 1]} for i in range(limit + 1)]
        ids = [document["id"] for document in many]
        for name, call in (
            ("documents", lambda items: self.put(*items)),
            ("deletes", lambda items: self.client.delete(self.collection, [d["id"] for d in items])),
            ("ids", lambda items: self.client.get(self.collection, [d["id"] for d in items])),
        ):
            with self.subTest(call=name):
                call(many[:limit])
                with self.refused(
                    kith.InvalidArgument, "BATCH_TOO_LARGE", name, {"limit": str(limit)}
                ):
                    call(many)
                with self.refused(kith.InvalidArgument, "EMPTY_BATCH", name):
                    call([])
        self.assertEqual(len(ids), limit + 1)

    def test_more_passages_than_a_batch_may_make(self) -> None:
        self.make_texts(splitter=kith.SplitterOptions("sentences", max_tokens=16, overlap_tokens=0))
        limit = self.client.server_info().limits.max_batch_passages
        sentence = "One two three four five six seven eight. "  # two of them are over 16 tokens
        per_document = 250
        documents = [
            {"id": str(i), "text": sentence * per_document} for i in range(limit // per_document + 2)
        ]
        with self.refused(
            kith.InvalidArgument, "BATCH_TOO_LARGE", "documents", {"limit": str(limit)}
        ):
            self.put(*documents)
        self.assertEqual(self.ids(), [])
        # A document alone may make as many as its text needs.
        alone = self.put({"id": "alone", "text": sentence * (limit + 10)})
        self.assertGreater(alone.results[0].passage_count, limit)

    # --- Metadata ---

    def refuse_metadata(self, metadata: dict, field: str) -> None:
        with self.refused(kith.InvalidArgument, "INVALID_METADATA", f"documents[0].{field}"):
            self.put_vector(metadata=metadata)

    def test_metadata_keys_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        self.put_vector(metadata={f"k{i}": i for i in range(256)})
        self.refuse_metadata({f"k{i}": i for i in range(257)}, "metadata")
        self.put_vector("b", metadata={"k" * 128: 1})
        for key in ("k" * 129, "", "a\nb"):
            with self.subTest(key=key):
                self.refuse_metadata({key: 1}, f"metadata[{quoted(key)}]")

    def test_metadata_bytes_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        limit = self.client.server_info().limits.max_metadata_bytes
        self.put_vector(metadata={"k": "v" * (limit - 1)})
        self.refuse_metadata({"k": "v" * limit}, "metadata")

    def test_metadata_values_that_are_none(self) -> None:
        self.make_vectors()
        for value in (float("nan"), float("inf"), ["x"] * 1001):
            self.refuse_metadata({"k": value}, 'metadata["k"]')
        self.put_vector(metadata={"k": ["x"] * 1000})

    def test_metadata_that_the_client_could_not_say(self) -> None:
        self.make_vectors()
        for name, value in (
            ("nothing", {}),
            ("before the year 1", {"timestamp_value": {"seconds": -62135596801}}),
            ("after the year 9999", {"timestamp_value": {"seconds": 253402300800}}),
            ("negative nanoseconds", {"timestamp_value": {"nanos": -1}}),
            ("too many nanoseconds", {"timestamp_value": {"nanos": 10**9}}),
        ):
            with self.subTest(value=name):
                document = pb.DocumentInput(id="a", vector={"values": [1, 1, 1, 1]})
                document.metadata["k"].CopyFrom(common_pb2.Value(**value))
                request = pb.UpsertDocumentsRequest(
                    collection=self.collection, documents=[document]
                )
                with self.refused(
                    kith.InvalidArgument, "INVALID_METADATA", 'documents[0].metadata["k"]'
                ):
                    self.raw_call("DocumentService/UpsertDocuments", request.SerializeToString())

    def test_a_field_keeps_the_type_of_its_first_use(self) -> None:
        self.make_vectors()
        moment = datetime.datetime(2020, 1, 1, tzinfo=UTC)
        first = {"word": "x", "words": ["x"], "n": 1, "x": 1.5, "flag": True, "when": moment}
        self.put_vector(metadata=first)
        self.put_vector(metadata={"x": 2})  # an integer into a double
        for key, value in (
            ("word", 1), ("word", ["x"]), ("words", "x"), ("n", "1"), ("n", True),
            ("flag", 1), ("flag", "true"), ("when", "2020-01-01"), ("when", 1577836800),
        ):  # fmt: skip
            with self.subTest(key=key, value=value):
                with self.refused(
                    kith.InvalidArgument,
                    "FIELD_TYPE_CONFLICT",
                    f'documents[0].metadata["{key}"]',
                ):
                    self.put_vector(metadata={key: value})
        self.put_vector(metadata={"n": 1.5})  # widens the integer field
        self.put_vector(metadata={"n": 3})

    def test_fields_of_a_collection_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        limit = self.client.server_info().limits.max_collection_fields
        for begin in range(0, limit, 200):
            self.put_vector(metadata={f"f{i}": 1 for i in range(begin, min(begin + 200, limit))})
        with self.refused(
            kith.InvalidArgument, "INVALID_METADATA", "documents[0].metadata", {"limit": str(limit)}
        ):
            self.put_vector(metadata={"one-too-many": 1})
        self.put_vector(metadata={"f0": 2})

    # --- Everything else ---

    def test_a_collection_that_is_not_there(self) -> None:
        for name, call in (
            ("upsert", lambda: self.client.upsert("nowhere", [{"id": "a", "vector": [1]}])),
            ("delete", lambda: self.client.delete("nowhere", ["a"])),
            ("get", lambda: self.client.get("nowhere", ["a"])),
            ("list", lambda: next(self.client.list("nowhere"))),
            ("count", lambda: self.client.count("nowhere")),
        ):
            with self.subTest(call=name):
                with self.refused(
                    kith.NotFound, "COLLECTION_NOT_FOUND", metadata={"collection": "nowhere"}
                ):
                    call()

    def test_pages_that_cannot_be(self) -> None:
        self.make_vectors()
        self.put_vector("a")
        self.put_vector("b")
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "page_size"):
            next(self.client.list(self.collection, page_size=-1))
        request = pb.ListDocumentsRequest(collection=self.collection, page_size=1)
        page = pb.ListDocumentsResponse.FromString(
            self.raw_call("DocumentService/ListDocuments", request.SerializeToString())
        )
        other = self.collection + "-2"
        self.client.collections.create(other, dimension=4)
        token = page.next_page_token
        for name, collection, page_token in (
            ("of another collection", other, token),
            ("cut short", self.collection, token[:-2]),
            ("changed", self.collection, token[:-1] + ("A" if token[-1] != "A" else "B")),
            ("made up", self.collection, "~" * 20),
        ):
            with self.subTest(token=name):
                request = pb.ListDocumentsRequest(collection=collection, page_token=page_token)
                with self.refused(kith.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"):
                    self.raw_call("DocumentService/ListDocuments", request.SerializeToString())

    def test_enum_values_that_the_server_does_not_know(self) -> None:
        self.make_vectors()
        document = pb.DocumentInput(id="a", vector={"values": [1, 1, 1, 1]})
        for field in ("durability", "truncation"):
            with self.subTest(field=field):
                request = pb.UpsertDocumentsRequest(
                    collection=self.collection, documents=[document], **{field: 99}
                )
                with self.refused(kith.InvalidArgument, "INVALID_REQUEST", field):
                    self.raw_call("DocumentService/UpsertDocuments", request.SerializeToString())

    def test_errors_carry_the_request_id_of_the_log(self) -> None:
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND") as caught:
            self.client.count(f"nowhere-{uuid.uuid4().hex}")
        self.assertNotEqual(caught.exception.metadata["request_id"], "")


def quoted(text: str) -> str:
    """As the server shows a user's bytes: at most 64, control characters escaped."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:64])
    return f'"{shown}"' + ("..." if len(text) > 64 else "")
