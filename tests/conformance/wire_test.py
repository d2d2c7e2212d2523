"""Bytes that no client would send: what the server makes of them, and that it is there afterwards."""

import random

import grpc
import kith
from harness import DEADLINES, ServerCase, length_delimited, varint
from kith.v1 import document_service_pb2 as pb

BAD_UTF8 = (b"\xff", b"abc\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")
METHODS = (
    "CollectionService/CreateCollection",
    "CollectionService/ListCollections",
    "DocumentService/UpsertDocuments",
    "DocumentService/DeleteDocuments",
    "DocumentService/ListDocuments",
    "SearchService/Search",
    "SearchService/BatchSearch",
    "EncoderService/Encode",
    "EncoderService/SplitText",
    "AdminService/WaitOperation",
)


class WireTest(ServerCase):
    def test_text_that_is_not_utf8(self) -> None:
        self.make_texts()
        collection = length_delimited(1, self.collection.encode())
        for bad in BAD_UTF8:
            for part, number in (("id", 1), ("text", 2), ("if_match", 6)):
                with self.subTest(bytes=bad, part=part):
                    document = length_delimited(1, b"a") + length_delimited(2, b"words")
                    document += length_delimited(number, bad)
                    with self.refused(
                        kith.InvalidArgument, "INVALID_UTF8", f"kith.v1.DocumentInput.{part}"
                    ):
                        self.raw_call(
                            "DocumentService/UpsertDocuments",
                            collection + length_delimited(2, document),
                        )
        self.assertEqual(self.client.count(self.collection), 0)

    def test_questions_and_names_that_are_not_utf8(self) -> None:
        self.make_texts()
        for bad in BAD_UTF8:
            with self.subTest(bytes=bad):
                query = length_delimited(2, length_delimited(1, bad))
                request = length_delimited(1, self.collection.encode()) + query
                with self.refused(kith.InvalidArgument, "INVALID_UTF8", "kith.v1.Query.text"):
                    self.raw_call("SearchService/Search", request)
                with self.refused(
                    kith.InvalidArgument, "INVALID_UTF8", "kith.v1.GetCollectionRequest.name"
                ):
                    self.raw_call("CollectionService/GetCollection", length_delimited(1, bad))
                with self.refused(
                    kith.InvalidArgument, "INVALID_UTF8", "kith.v1.EncodeRequest.texts"
                ):
                    self.raw_call("EncoderService/Encode", length_delimited(2, bad))

    def test_metadata_that_is_not_utf8(self) -> None:
        self.make_vectors()
        vector = length_delimited(3, length_delimited(1, b"\0\0\x80\x3f" * 4))
        for name, entry in (
            ("key", length_delimited(1, b"\xff") + length_delimited(2, b"")),
            ("value", length_delimited(1, b"k") + length_delimited(2, length_delimited(1, b"\xff"))),
        ):
            with self.subTest(part=name):
                request = length_delimited(1, self.collection.encode())
                request += length_delimited(2, vector + length_delimited(5, entry))
                with self.refused(kith.InvalidArgument, "INVALID_UTF8"):
                    self.raw_call("DocumentService/UpsertDocuments", request)

    def test_a_stream_hears_of_bad_bytes_too(self) -> None:
        self.make_texts()
        start = length_delimited(1, length_delimited(1, self.collection.encode()))
        document = length_delimited(1, b"a") + length_delimited(2, b"\xff\xfe")
        batch = length_delimited(2, b"\x08\x01" + length_delimited(2, document))
        call = self.client.channel.stream_stream(
            "/kith.v1.DocumentService/IngestDocuments",
            request_serializer=lambda raw: raw,
            response_deserializer=pb.IngestDocumentsResponse.FromString,
        )
        with self.assertRaises(grpc.RpcError) as caught:
            list(call(iter([start, batch]), timeout=DEADLINES.write))
        error = kith.errors.from_rpc_error(caught.exception)
        self.check_error(
            error, kith.InvalidArgument, "INVALID_UTF8", "kith.v1.DocumentInput.text"
        )
        self.assert_alive()

    def test_bytes_that_are_no_message(self) -> None:
        for name, raw in (
            ("cut short", b"\x0a\x7fabc"),
            ("field 0", b"\x00\x01"),
            ("wire type 7", b"\x0f"),
            ("an endless varint", b"\x08" + b"\xff" * 11),
            ("a length over the end", b"\x0a" + varint(2**31)),
            ("an open group", b"\x0b"),
        ):
            for method in METHODS:
                with self.subTest(bytes=name, method=method):
                    with self.refused(kith.InvalidArgument, "INVALID_REQUEST"):
                        self.raw_call(method, raw)

    def test_random_bytes_are_answered_and_never_fatal(self) -> None:
        seed = random.randrange(2**32)
        print(f"seed {seed}", end=" ", flush=True)
        generator = random.Random(seed)
        good = pb.UpsertDocumentsRequest(
            collection=self.make_vectors(),
            documents=[pb.DocumentInput(id="a", text="x", vector={"values": [1, 1, 1, 1]})],
        ).SerializeToString()
        for _ in range(300):
            if generator.random() < 0.5:
                raw = generator.randbytes(generator.randrange(200))
            else:  # a valid request with some bytes changed
                changed = bytearray(good)
                for _ in range(generator.randrange(1, 4)):
                    changed[generator.randrange(len(changed))] = generator.randrange(256)
                raw = bytes(changed)
            method = generator.choice(METHODS)
            try:
                self.raw_call(method, raw)
            except kith.Error as error:
                # Whatever it says, it is the request's fault and has a reason.
                self.assertNotIn(
                    error.code,
                    (
                        grpc.StatusCode.INTERNAL,
                        grpc.StatusCode.UNKNOWN,
                        grpc.StatusCode.DATA_LOSS,
                        grpc.StatusCode.UNAVAILABLE,
                    ),
                    (method, raw, error),
                )
                self.assertNotEqual(error.reason, "", (method, raw, error))
        self.assert_alive()

    def test_a_message_at_the_limit_and_past_it(self) -> None:
        self.make_vectors()
        limit = self.client.server_info().limits.max_message_bytes
        body = length_delimited(1, self.collection.encode())
        padding_head = b"\x9a\x3f"  # field 1011, length-delimited: unknown, and skipped
        for over in (0, 1, 1 << 20):
            with self.subTest(over=over):
                size = limit + over - len(body) - len(padding_head) - 4
                raw = body + padding_head + varint(size) + b"\0" * size
                self.assertEqual(len(raw), limit + over)
                if over == 0:
                    self.raw_call("DocumentService/CountDocuments", raw)
                    continue
                # gRPC's transport answers before Kith, in its own words.
                with self.assertRaises(kith.ResourceExhausted):
                    self.raw_call("DocumentService/CountDocuments", raw)
                self.assert_alive()

    def test_compressed_messages_are_refused_unread(self) -> None:
        # gRPC would unpack them before it looks at their size.
        self.make_vectors()
        call = self.client.channel.unary_unary(
            "/kith.v1.DocumentService/CountDocuments",
            request_serializer=lambda raw: raw,
            response_deserializer=lambda raw: raw,
        )
        raw = length_delimited(1, self.collection.encode()) + b"\x9a\x3f" + varint(64 << 20)
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with self.subTest(compression=compression):
                with self.assertRaises(grpc.RpcError) as caught:
                    call(raw + b"\0" * (64 << 20), timeout=DEADLINES.write, compression=compression)
                self.assertIs(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
                self.assert_alive()

    def test_a_call_without_time_is_over_and_harms_nobody(self) -> None:
        self.make_texts()
        for _ in range(20):
            with self.assertRaises(kith.DeadlineExceeded):
                self.client.upsert(
                    self.collection, [{"id": "a", "text": "word " * 20_000}], timeout=0.001
                )
        self.assert_alive()
        self.client.upsert(self.collection, [{"id": "b", "text": "word"}])

    def test_a_cancelled_call_harms_nobody(self) -> None:
        self.make_texts()
        call = self.client.channel.unary_unary(
            "/kith.v1.DocumentService/UpsertDocuments",
            request_serializer=pb.UpsertDocumentsRequest.SerializeToString,
            response_deserializer=pb.UpsertDocumentsResponse.FromString,
        )
        documents = [pb.DocumentInput(id=str(i), text="word " * 2000) for i in range(20)]
        request = pb.UpsertDocumentsRequest(collection=self.collection, documents=documents)
        for _ in range(10):
            call.future(request, timeout=DEADLINES.write).cancel()
        self.assert_alive()
        # Whole or absent.
        self.client.upsert(self.collection, [{"id": "end", "text": "word"}])
        self.assertIn(self.client.count(self.collection), (1, 21))
