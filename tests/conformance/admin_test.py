"""AdminService, and what gRPC itself offers: health and reflection."""

import datetime

import kith
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from harness import ROOT, ServerCase, length_delimited, raw_call
from kith.v1 import admin_service_pb2 as pb

SERVICES = [
    f"kith.v1.{name}Service" for name in ("Admin", "Collection", "Document", "Encoder", "Search")
]
SERVING = b"\x08\x01"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class AdminTest(ServerCase):
    def test_the_server_says_what_it_is(self) -> None:
        info = self.client.server_info()
        self.assertRegex(info.version, r"^\d+\.\d+\.\d+$")
        self.assertNotEqual(info.data_folder_id, "")
        self.assertGreater(info.format_version, 0)
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(info.start_time, now)
        self.assertEqual(info.collection_count, len(list(self.client.collections.list())))
        self.assertEqual(info.loading_collection_count, 0)
        self.assertGreater(info.memory_budget_bytes, info.memory_used_bytes)
        self.assertGreater(info.memory_used_bytes, 0)
        self.assertTrue(info.index_kernels and info.encoder_kernels)
        # docs/api.md promises these defaults.
        self.assertEqual(
            info.limits,
            kith.Limits(
                max_message_bytes=16 << 20,
                max_text_bytes=4 << 20,
                max_batch_documents=1000,
                max_batch_passages=2048,
                max_id_bytes=512,
                max_results=10_000,
                max_dimension=4096,
                max_metadata_bytes=64 << 10,
                max_metadata_keys=256,
                max_collection_fields=1000,
                max_batch_searches=256,
                max_encode_texts=256,
                max_recall_queries=1000,
                max_rerank_texts=1000,
            ),
        )

    # --- Operations ---

    def begin_operation(self) -> kith.Operation:
        self.make_vectors()
        return self.client.collections.delete(self.collection)

    def test_operations_can_be_waited_for_listed_and_asked_again(self) -> None:
        first = self.client.operations.wait(self.begin_operation())
        self.collection += "-2"
        second = self.client.operations.wait(self.begin_operation().id, timeout=60)
        for operation in (first, second):
            self.assertIs(operation.state, kith.OperationState.SUCCEEDED)
            self.assertIsNone(operation.error)
            self.assertTrue(operation.ended)
            self.assertEqual(self.client.operations.get(operation.id), operation)
            self.assertGreaterEqual(operation.update_time, operation.create_time)
        listed = [operation.id for operation in self.client.operations.list(page_size=1)]
        self.assertLess(listed.index(second.id), listed.index(first.id))  # newest first
        self.assertEqual(listed, [operation.id for operation in self.client.operations.list()])

    def test_an_ended_operation_stays_as_it_is_when_cancelled(self) -> None:
        operation = self.client.operations.wait(self.begin_operation())
        self.assertEqual(self.client.operations.cancel(operation), operation)

    def test_a_cancelled_operation_ends(self) -> None:
        operation = self.client.operations.cancel(self.begin_operation())
        ended = self.client.operations.wait(operation)
        self.assertIn(ended.state, (kith.OperationState.CANCELLED, kith.OperationState.SUCCEEDED))
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
            self.client.collections.get(self.collection)

    def test_a_wait_of_no_time_returns_at_once(self) -> None:
        operation = self.begin_operation()
        request = pb.WaitOperationRequest(id=operation.id)
        request.timeout.SetInParent()
        answer = pb.WaitOperationResponse.FromString(
            self.raw_call("AdminService/WaitOperation", request.SerializeToString())
        )
        self.assertEqual(answer.operation.id, operation.id)

    def test_operations_that_are_not_there(self) -> None:
        operations = self.client.operations
        for name, call in (("get", operations.get), ("cancel", operations.cancel), ("wait", operations.wait)):
            for id in ("", "nobody", "x" * 1000):
                with self.subTest(call=name, id=id[:8]):
                    with self.refused(kith.NotFound, "OPERATION_NOT_FOUND"):
                        call(id)

    def test_requests_that_cannot_be(self) -> None:
        operation = self.begin_operation()
        for seconds, nanos in ((-1, 0), (0, -1), (0, 10**9)):
            request = pb.WaitOperationRequest(id=operation.id)
            request.timeout.seconds, request.timeout.nanos = seconds, nanos
            with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "timeout"):
                self.raw_call("AdminService/WaitOperation", request.SerializeToString())
        with self.refused(kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "page_size"):
            next(self.client.operations.list(page_size=-1))
        request = pb.ListOperationsRequest(page_token="made up")
        with self.refused(kith.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"):
            self.raw_call("AdminService/ListOperations", request.SerializeToString())

    # --- Health ---

    def test_every_service_says_that_it_serves(self) -> None:
        for service in ["", *SERVICES]:
            with self.subTest(service=service):
                request = length_delimited(1, service.encode()) if service else b""
                self.assertEqual(self.raw_call("grpc.health.v1.Health/Check", request), SERVING)

    def test_health_knows_no_other_service(self) -> None:
        with self.assertRaises(kith.NotFound):
            self.raw_call("grpc.health.v1.Health/Check", length_delimited(1, b"kith.v1.None"))

    # --- Reflection ---

    def reflect(self, request: bytes) -> bytes:
        call = self.client.channel.stream_stream(
            f"/{REFLECTION}",
            request_serializer=lambda raw: raw,
            response_deserializer=lambda raw: raw,
        )
        return next(call(iter([request]), timeout=60))

    def test_reflection_lists_the_services(self) -> None:
        answer = self.reflect(length_delimited(7, b"*"))
        for service in [*SERVICES, "grpc.health.v1.Health"]:
            self.assertIn(length_delimited(1, service.encode()), answer)

    def test_reflection_knows_every_proto(self) -> None:
        files = sorted(path.name for path in (ROOT / "proto/kith/v1").glob("*_service.proto"))
        self.assertGreater(len(files), 4)
        for name in files:
            path = f"kith/v1/{name}"
            with self.subTest(file=path):
                answer = self.reflect(length_delimited(3, path.encode()))
                # The descriptor is in there as it would be serialised; its name comes first.
                self.assertIn(length_delimited(1, path.encode()), answer)
                self.assertIn(FileDescriptorProto(package="kith.v1").SerializeToString(), answer)

    def test_a_method_that_is_not_there_is_unimplemented(self) -> None:
        for method in ("SearchService/Nothing", "NoService/Search", "kith.v2.SearchService/Search"):
            with self.assertRaises(kith.Unimplemented):
                raw_call(self.client, method, b"")
        self.assert_alive()
