"""CollectionService: create, get, list, update, delete, stats."""

import kith
from google.protobuf.field_mask_pb2 import FieldMask
from harness import ServerCase
from kith.v1 import collection_service_pb2 as pb
from kith.v1 import collection_service_pb2_grpc


class CollectionsTest(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.collections = self.client.collections

    def raw(self) -> collection_service_pb2_grpc.CollectionServiceStub:
        return collection_service_pb2_grpc.CollectionServiceStub(self.client.channel)

    def test_a_collection_without_a_schema_takes_the_servers_encoder(self) -> None:
        made = self.collections.create(self.collection, description="of text")
        model = self.client.models()[0]
        space = made.vector_space
        self.assertEqual(made.name, self.collection)
        self.assertEqual(made.description, "of text")
        self.assertEqual(space.name, "default")
        self.assertEqual(space.encoder, model.name)
        self.assertEqual(space.dimension, model.dimension)
        self.assertEqual(space.encoder_fingerprint, model.fingerprint)
        self.assertIs(space.metric, kith.Metric.COSINE)
        self.assertEqual(made.splitter, kith.SplitterOptions(kith.SplitterKind.MARKDOWN, 256, 32))
        self.assertIs(made.default_durability, kith.Durability.SYNCED)
        self.assertIs(made.state, kith.CollectionState.READY)
        self.assertNotEqual(made.etag, "")
        self.assertEqual(self.collections.get(self.collection), made)

    def test_a_request_without_vector_spaces_takes_the_servers_encoder(self) -> None:
        request = pb.CreateCollectionRequest(collection=pb.Collection(name=self.collection))
        made = self.raw().CreateCollection(request).collection
        self.assertEqual(made.vector_spaces[0].encoder, self.client.models()[0].name)

    def test_a_collection_of_vectors_keeps_dimension_and_metric(self) -> None:
        for metric in ("cosine", "dot", "l2"):
            with self.subTest(metric=metric):
                name = f"{self.collection}-{metric}"
                made = self.collections.create(name, dimension=7, metric=metric)
                self.assertEqual(made.vector_space.encoder, "")
                self.assertEqual(made.vector_space.dimension, 7)
                self.assertEqual(made.vector_space.metric, metric)
                self.assertEqual(made.vector_space.encoder_fingerprint, "")

    def test_options_are_kept(self) -> None:
        splitter = kith.SplitterOptions("sentences", max_tokens=64, overlap_tokens=0)
        made = self.collections.create(
            self.collection, splitter=splitter, default_durability="applied"
        )
        self.assertEqual(made.splitter, splitter)
        self.assertEqual(made.default_durability, "applied")

    def test_the_longest_name_and_the_largest_dimension_are_taken(self) -> None:
        name = "n" * 128
        made = self.collections.create(name, dimension=4096)
        self.assertEqual(made.vector_space.dimension, 4096)
        self.collections.delete(name)

    def test_names_that_are_none(self) -> None:
        for name in ("", "n" * 129, "A", ".hidden", "..", "a/b", "a b", "-a", "_a", "é", "a\x00"):
            with self.subTest(name=name):
                with self.refused(kith.InvalidArgument, "INVALID_NAME", "collection.name"):
                    self.collections.create(name)

    def test_dimensions_that_are_none(self) -> None:
        for dimension in (4097, 2**32 - 1):
            with self.subTest(dimension=dimension):
                with self.refused(
                    kith.InvalidArgument,
                    "DIMENSION_MISMATCH",
                    "collection.vector_spaces[0].dimension",
                ):
                    self.collections.create(self.collection, dimension=dimension)

    def test_a_dimension_that_is_not_the_encoders(self) -> None:
        with self.refused(
            kith.InvalidArgument, "DIMENSION_MISMATCH", "collection.vector_spaces[0].dimension"
        ):
            self.collections.create(
                self.collection, encoder=self.client.models()[0].name, dimension=3
            )

    def test_an_encoder_that_is_not_there(self) -> None:
        with self.refused(kith.NotFound, "ENCODER_NOT_FOUND", metadata={"encoder": "nobody"}):
            self.collections.create(self.collection, encoder="nobody")

    def test_a_name_that_is_taken(self) -> None:
        self.collections.create(self.collection, dimension=4)
        for dimension, same in ((4, "true"), (5, "false")):
            with self.refused(
                kith.AlreadyExists,
                "COLLECTION_EXISTS",
                metadata={"collection": self.collection, "same_schema": same},
            ):
                self.collections.create(self.collection, dimension=dimension)

    def test_a_schema_that_this_version_does_not_have(self) -> None:
        two = pb.Collection(name=self.collection, vector_spaces=[pb.VectorSpace()] * 2)
        named = pb.Collection(name=self.collection, vector_spaces=[pb.VectorSpace(name="title")])
        metric = pb.Collection(name=self.collection, vector_spaces=[pb.VectorSpace(metric=77)])
        for collection, reason, field in (
            (two, "INVALID_REQUEST", "collection.vector_spaces"),
            (named, "INVALID_NAME", "collection.vector_spaces[0].name"),
            (metric, "INVALID_REQUEST", "collection.vector_spaces[0].metric"),
        ):
            with self.subTest(field=field):
                request = pb.CreateCollectionRequest(collection=collection)
                with self.refused(kith.InvalidArgument, reason, field):
                    self.raw_call("CollectionService/CreateCollection", request.SerializeToString())

    def test_splitters_that_make_no_sense(self) -> None:
        for splitter, reason, field in (
            (kith.SplitterOptions(max_tokens=64, overlap_tokens=32), "LIMIT_OUT_OF_RANGE", "overlap_tokens"),
            (kith.SplitterOptions(max_tokens=15), "INVALID_REQUEST", "max_tokens"),
        ):
            with self.subTest(splitter=splitter):
                with self.refused(
                    kith.InvalidArgument, reason, f"collection.options.splitter.{field}"
                ):
                    self.collections.create(self.collection, splitter=splitter)

    def test_a_description_at_the_limit_and_past_it(self) -> None:
        made = self.collections.create(self.collection, dimension=2, description="d" * 4096)
        self.assertEqual(len(made.description), 4096)
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "collection.description"):
            self.collections.create(f"{self.collection}-2", dimension=2, description="d" * 4097)

    def test_a_collection_that_is_not_there(self) -> None:
        for name, call in (
            ("get", lambda: self.collections.get("nowhere")),
            ("stats", lambda: self.collections.stats("nowhere")),
            ("update", lambda: self.collections.update("nowhere", description="x")),
            ("delete", lambda: self.collections.delete("nowhere")),
        ):
            with self.subTest(call=name):
                with self.refused(
                    kith.NotFound, "COLLECTION_NOT_FOUND", metadata={"collection": "nowhere"}
                ):
                    call()

    def test_lists_come_by_name_in_pages(self) -> None:
        names = [f"{self.collection}-{i}" for i in range(5)]
        for name in reversed(names):
            self.collections.create(name, dimension=2)
        everything = [collection.name for collection in self.collections.list()]
        self.assertEqual(everything, sorted(everything))
        self.assertLessEqual(set(names), set(everything))
        self.assertEqual([item.name for item in self.collections.list(page_size=2)], everything)
        # More than a page may hold is not refused.
        self.assertEqual(
            [item.name for item in self.collections.list(page_size=1_000_000)], everything
        )

    def test_pages_that_cannot_be(self) -> None:
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "page_size"):
            next(self.collections.list(page_size=-1))
        with self.refused(kith.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"):
            request = pb.ListCollectionsRequest(page_token="made up")
            self.raw_call("CollectionService/ListCollections", request.SerializeToString())

    def test_an_update_changes_what_its_mask_names(self) -> None:
        splitter = kith.SplitterOptions("none", max_tokens=100, overlap_tokens=10)
        first = self.collections.create(
            self.collection, description="first", splitter=splitter, default_durability="applied"
        )
        second = self.collections.update(self.collection, description="second")
        self.assertEqual(second.description, "second")
        self.assertEqual(second.splitter, splitter)
        self.assertEqual(second.default_durability, "applied")
        self.assertNotEqual(second.etag, first.etag)
        third = self.collections.update(
            self.collection, splitter=kith.SplitterOptions("sentences", 50, 5)
        )
        self.assertEqual(third.splitter, kith.SplitterOptions("sentences", 50, 5))
        self.assertEqual(third.description, "second")
        fourth = self.collections.update(self.collection, default_durability="synced")
        self.assertEqual(fourth.default_durability, "synced")
        self.assertEqual(fourth.splitter, third.splitter)
        self.assertEqual(fourth.create_time, first.create_time)
        self.assertGreaterEqual(fourth.update_time, third.update_time)
        self.assertEqual(self.collections.get(self.collection), fourth)

    def test_a_field_in_the_mask_alone_is_reset(self) -> None:
        self.collections.create(self.collection, dimension=2, description="to go")
        request = pb.UpdateCollectionRequest(
            collection=pb.Collection(name=self.collection),
            update_mask=FieldMask(paths=["description"]),
        )
        self.assertEqual(self.raw().UpdateCollection(request).collection.description, "")

    def test_masks_that_name_what_cannot_change(self) -> None:
        self.collections.create(self.collection, dimension=2)
        for paths in (["name"], ["vector_spaces"], ["nonsense"], ["description", "etag"], []):
            with self.subTest(paths=paths):
                request = pb.UpdateCollectionRequest(
                    collection=pb.Collection(name=self.collection),
                    update_mask=FieldMask(paths=paths),
                )
                with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "update_mask"):
                    self.raw_call("CollectionService/UpdateCollection", request.SerializeToString())

    def test_an_update_of_an_older_state_is_refused(self) -> None:
        first = self.collections.create(self.collection, dimension=2)
        second = self.collections.update(self.collection, description="x", if_match=first.etag)
        with self.refused(
            kith.Aborted, "ETAG_MISMATCH", "collection.etag", {"current_etag": second.etag}
        ):
            self.collections.update(self.collection, description="y", if_match=first.etag)
        self.assertEqual(self.collections.get(self.collection).description, "x")

    def test_a_deletion_is_seen_at_once_and_gives_the_disk_back(self) -> None:
        self.make_vectors()
        self.client.upsert(self.collection, [{"id": "a", "vector": [1, 0, 0, 0]}])
        operation = self.collections.delete(self.collection)
        self.assertIs(operation.kind, kith.OperationKind.RECLAIM_COLLECTION)
        self.assertEqual(operation.target, self.collection)
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
            self.client.count(self.collection)
        self.assertNotIn(self.collection, [item.name for item in self.collections.list()])
        ended = self.client.operations.wait(operation, timeout=60)
        self.assertIs(ended.state, kith.OperationState.SUCCEEDED, ended)
        # The name is free again, and nothing of the old documents comes with it.
        self.make_vectors()
        self.assertEqual(self.client.count(self.collection), 0)

    def test_a_deletion_of_an_older_state_is_refused(self) -> None:
        first = self.collections.create(self.collection, dimension=2)
        second = self.collections.update(self.collection, description="x")
        with self.refused(
            kith.Aborted, "ETAG_MISMATCH", "if_match", {"current_etag": second.etag}
        ):
            self.collections.delete(self.collection, if_match=first.etag)
        self.collections.delete(self.collection, if_match=second.etag)

    def test_statistics_count_what_is_there(self) -> None:
        self.make_texts()
        empty = self.collections.stats(self.collection)
        self.assertEqual((empty.document_count, empty.passage_count, empty.text_bytes), (0, 0, 0))
        self.assertIsNone(empty.commit_token)
        text = "Küche und Bad."
        written = self.client.upsert(
            self.collection,
            [
                {"id": "a", "text": text, "metadata": {"year": 1, "draft": True}},
                {"id": "b", "text": "One. Two.", "metadata": {"year": 1.5, "tags": ["x"]}},
            ],
        )
        stats = self.collections.stats(self.collection)
        self.assertEqual(stats.document_count, 2)
        self.assertEqual(stats.passage_count, sum(r.passage_count for r in written.results))
        self.assertEqual(stats.text_bytes, len(text.encode()) + len("One. Two."))
        self.assertGreaterEqual(stats.segment_count, 1)
        self.assertGreater(stats.index_memory_bytes, 0)
        self.assertEqual(stats.commit_token, written.commit_token)
        self.assertNotEqual(stats.history_hash, empty.history_hash)
        # The integer field has widened to double.
        self.assertEqual(
            stats.fields, {"year": "double", "draft": "bool", "tags": "keyword_list"}
        )
        self.client.delete(self.collection, ["a"])
        after = self.collections.stats(self.collection)
        self.assertEqual(after.document_count, 1)
        self.assertEqual(after.text_bytes, len("One. Two."))
        self.assertEqual(after.deleted_row_count, written.results[0].passage_count)
