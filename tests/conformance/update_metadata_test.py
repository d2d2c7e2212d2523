"""UpdateMetadata: what changes, what stays, and what must be refused."""

import tempfile
import pathlib

import kith
from harness import DEADLINES, Kithd, ServerCase
from kith.v1 import document_service_pb2 as pb


class UpdateMetadataTest(ServerCase):
    def fill(self, **metadata: object) -> None:
        self.make_vectors(2)
        self.client.upsert(
            self.collection,
            [
                {"id": id, "vector": [1, i], "metadata": metadata}
                for i, id in enumerate(("a", "b", "c"))
            ],
        )

    def update(self, *updates: dict, **options: object) -> kith.UpdateMetadataResponse:
        return self.client.update_metadata(self.collection, updates, **options)

    def document(self, id: str = "a") -> kith.Document:
        return self.client.get(self.collection, [id]).documents[0]

    def test_keys_are_set_and_removed_and_others_stay(self) -> None:
        self.fill(year=2020, lang="en", tags=["x"])
        before = self.document()
        answer = self.update({"id": "a", "set": {"year": 2021, "new": 1.5}, "remove": ["lang"]})
        after = self.document()
        self.assertEqual(after.metadata, {"year": 2021, "new": 1.5, "tags": ["x"]})
        self.assertEqual([result.id for result in answer.results], ["a"])
        self.assertEqual(answer.results[0].etag, after.etag)
        self.assertNotEqual(after.etag, before.etag)
        self.assertEqual(after.create_time, before.create_time)
        self.assertGreaterEqual(after.update_time, before.update_time)
        self.assertEqual(self.document("b").metadata, {"year": 2020, "lang": "en", "tags": ["x"]})

    def test_replacing_leaves_only_what_is_set(self) -> None:
        self.fill(year=2020, lang="en")
        self.update({"id": "a", "set": {"x": True}, "mode": "replace"})
        self.assertEqual(self.document().metadata, {"x": True})
        self.update({"id": "a", "mode": "replace"})
        self.assertEqual(self.document().metadata, {})

    def test_texts_passages_and_vectors_stay(self) -> None:
        self.make_texts()
        text = "# One\n\nThe first part of it.\n\n# Two\n\nThe second part of it."
        self.client.upsert(self.collection, [{"id": "a", "text": text}])
        everything = kith.Select(text=True, metadata=True, passages=True, vectors=True)
        get = lambda: self.client.get(self.collection, ["a"], select=everything).documents[0]
        before = get()
        self.update({"id": "a", "set": {"k": "v"}})
        after = get()
        self.assertEqual(after.text, before.text)
        self.assertEqual(after.passages, before.passages)
        self.assertEqual([list(v) for v in after.vectors], [list(v) for v in before.vectors])
        self.assertEqual(after.metadata, {"k": "v"})
        hits = self.client.search(self.collection, "the second part", filter="k = v").hits
        self.assertEqual(len(hits), 2)
        self.assertEqual([hit.metadata for hit in hits], [{"k": "v"}] * 2)
        self.assertEqual([hit.etag for hit in hits], [after.etag] * 2)

    def test_filters_see_an_update_when_it_is_acknowledged(self) -> None:
        self.fill(n=0)
        for n in range(1, 30):
            token = self.update({"id": "b", "set": {"n": n}}).commit_token
            find = lambda filter: sorted(
                hit.document_id
                for hit in self.client.search(
                    self.collection, vector=[1, 1], filter=filter, at_least=token
                ).hits
            )
            self.assertEqual(find(f"n = {n}"), ["b"])
            self.assertEqual(find(f"n = {n - 1}"), ["a", "c"] if n == 1 else [])

    def test_updates_survive_a_seal_and_a_restart(self) -> None:
        with tempfile.TemporaryDirectory(prefix="kith-update-") as folder:
            data = pathlib.Path(folder) / "data"
            server = Kithd(data).wait_until_serving()
            client = kith.connect(server.address, deadlines=DEADLINES)
            client.collections.create("c", dimension=2)
            client.upsert(
                "c",
                [{"id": f"{i}", "vector": [1, i], "metadata": {"n": i}} for i in range(50)],
            )
            client.update_metadata("c", [{"id": "7", "set": {"n": 100}}])
            operation = client.index.seal("c")
            client.operations.wait(operation.id)
            client.update_metadata("c", [{"id": "8", "set": {"n": 101}}])
            for _ in range(2):
                self.assertEqual(
                    [item.id for item in client.list("c", filter="n >= 100", order_by="n")],
                    ["7", "8"],
                )
                self.assertEqual(client.count("c", filter="n IN (7, 8)"), 0)
                self.assertEqual(client.count("c"), 50)
                client.close()
                server.kill()
                server = Kithd(data).wait_until_serving()
                client = kith.connect(server.address, deadlines=DEADLINES)
            client.close()
            self.assertEqual(server.stop(), 0)

    def test_unknown_ids_are_counted(self) -> None:
        self.fill(n=0)
        answer = self.update({"id": "nobody", "set": {"n": 1}}, {"id": "b", "set": {"n": 1}})
        self.assertEqual(answer.missing_count, 1)
        self.assertEqual([(r.id, bool(r.etag)) for r in answer.results], [("nobody", False), ("b", True)])
        self.assertEqual(self.document("b").metadata, {"n": 1})
        self.assertEqual(self.client.count(self.collection), 3)

    # --- Conditions and repeats ---

    def test_an_etag_guards_an_update(self) -> None:
        self.fill(n=0)
        etag = self.document().etag
        self.update({"id": "a", "set": {"n": 1}, "if_match": etag})
        with self.refused(kith.Aborted, "ETAG_MISMATCH", "updates[1].if_match"):
            self.update(
                {"id": "b", "set": {"n": 5}}, {"id": "a", "set": {"n": 2}, "if_match": etag}
            )
        self.assertEqual(self.document("a").metadata, {"n": 1})
        self.assertEqual(self.document("b").metadata, {"n": 0})

    def test_a_repeated_request_writes_once(self) -> None:
        self.fill(n=0)
        first = self.update({"id": "a", "set": {"n": 1}}, request_id="r1")
        self.update({"id": "a", "set": {"n": 2}})
        again = self.update({"id": "a", "set": {"n": 1}}, request_id="r1")
        self.assertEqual(again.results, first.results)
        self.assertEqual(again.commit_token, first.commit_token)
        self.assertEqual(self.document().metadata, {"n": 2})
        with self.refused(kith.InvalidArgument, "REQUEST_ID_REUSED"):
            self.update({"id": "a", "set": {"n": 3}}, request_id="r1")

    # --- What must be refused, whole ---

    def test_updates_that_cannot_be(self) -> None:
        self.fill(year=2020)
        for updates, kind, reason, field in (
            ([], kith.InvalidArgument, "EMPTY_BATCH", "updates"),
            ([{"id": "a", "set": {"x": 1}}] * 1001, kith.InvalidArgument, "BATCH_TOO_LARGE",
             "updates"),
            ([{"id": "a", "set": {"x": 1}}] * 2, kith.InvalidArgument, "DUPLICATE_ID", None),
            ([{"id": "", "set": {"x": 1}}], kith.InvalidArgument, "INVALID_ID", None),
            ([{"id": "a", "set": {"year": "old"}}], kith.InvalidArgument, "FIELD_TYPE_CONFLICT",
             None),
            ([{"id": "a", "set": {"k" * 129: 1}}], kith.InvalidArgument, "INVALID_METADATA", None),
            ([{"id": "a", "set": {"x": "y" * 70_000}}], kith.InvalidArgument, "INVALID_METADATA",
             None),
            ([{"id": "a", "set": {"x": 1}, "remove": ["x"]}], kith.InvalidArgument,
             "INVALID_METADATA", None),
            ([{"id": "a"}], kith.InvalidArgument, "INVALID_METADATA", None),
            ([{"id": "b", "set": {"x": 1}}, {"id": "a", "set": {"x": float("nan")}}],
             kith.InvalidArgument, "INVALID_METADATA", None),
        ):  # fmt: skip
            with self.subTest(updates=str(updates)[:100]):
                with self.refused(kind, reason, field):
                    self.update(*updates)
        for id in "abc":
            self.assertEqual(self.document(id).metadata, {"year": 2020})

    def test_keys_count_together_with_those_that_stay(self) -> None:
        self.fill(**{f"k{i}": i for i in range(200)})
        self.update({"id": "a", "set": {f"n{i}": i for i in range(56)}})
        self.assertEqual(len(self.document().metadata), 256)
        with self.refused(kith.InvalidArgument, "INVALID_METADATA"):
            self.update({"id": "a", "set": {"one_more": 1}})
        self.update({"id": "a", "set": {"one_more": 1}, "remove": ["k0"]})
        self.assertEqual(len(self.document().metadata), 256)

    def test_requests_that_the_client_could_not_say(self) -> None:
        self.fill()
        bad_mode = pb.UpdateMetadataRequest(updates=[{"id": "a", "mode": 9}])
        no_value = pb.UpdateMetadataRequest(updates=[{"id": "a"}])
        no_value.updates[0].set["x"].Clear()
        bad_durability = pb.UpdateMetadataRequest(updates=[{"id": "a"}], durability=9)
        for request, reason, field in (
            (bad_mode, "INVALID_REQUEST", "updates[0].mode"),
            (no_value, "INVALID_METADATA", "updates[0].set[\"x\"]"),
            (bad_durability, "INVALID_REQUEST", "durability"),
        ):
            request.collection = self.collection
            with self.subTest(request=str(request)):
                with self.refused(kith.InvalidArgument, reason, field):
                    self.raw_call("DocumentService/UpdateMetadata", request.SerializeToString())
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
            self.client.update_metadata("nowhere", [{"id": "a", "set": {"x": 1}}])
