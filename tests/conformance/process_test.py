"""kithd as a program: what stops it from starting, what it answers while it starts, is full and stops."""

import json
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
from typing import Callable

import grpc
import kith
from harness import DEADLINES, MODEL, PATIENCE, Kithd, as_event, run_until_exit
from kith.v1 import document_service_pb2 as pb

STOPPED, FAILED, WRONG_OPTIONS, DATA_FOLDER = 0, 1, 2, 3


class ProcessCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="kith-conformance-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data_dir = self.folder / "data"

    def begin(self, *options: str) -> Kithd:
        server = Kithd(self.data_dir, *options)
        self.addCleanup(lambda: server.is_running() and server.kill())
        return server

    def serve(self, *options: str) -> Kithd:
        return self.begin(*options).wait_until_serving()

    def connect(self, server: Kithd, attempts: int = 1) -> kith.Client:
        retry = kith.RetryOptions(max_attempts=attempts)
        client = kith.connect(server.address, deadlines=DEADLINES, retry=retry)
        self.addCleanup(client.close)
        return client

    def assert_exits(
        self, ended: subprocess.CompletedProcess, code: int, *words: str
    ) -> str:
        """With this code and one sentence which has these words: a line of the log, or, before there
        is a log, a plain one."""
        self.assertEqual(ended.returncode, code, ended.stderr)
        lines = ended.stderr.splitlines()
        sentences = [line for line in lines if line.startswith("kithd: ")]
        events = [as_event(line) for line in lines]
        sentences += [event["message"] for event in events if event.get("level") == "error"]
        self.assertEqual(len(sentences), 1, ended.stderr)
        for word in words:
            self.assertIn(word, sentences[0])
        return sentences[0]

    def assert_error(self, kind: type[kith.Error], reason: str, call: Callable) -> kith.Error:
        with self.assertRaises(kind) as caught:
            call()
        self.assertEqual(caught.exception.reason, reason, caught.exception)
        return caught.exception


class StartTest(ProcessCase):
    def test_a_port_in_use(self) -> None:
        server = self.serve()
        port = int(server.address.rpartition(":")[2])
        ended = run_until_exit(self.folder / "other", port=port)
        self.assert_exits(ended, FAILED, server.address, "in use", "--grpc-address")
        self.connect(server).server_info()  # the first one did not notice
        with socket.socket() as other:  # in use by anything else
            other.bind(("127.0.0.1", 0))
            other.listen()
            ended = run_until_exit(self.folder / "other", port=other.getsockname()[1])
            self.assert_exits(ended, FAILED, "in use")

    def test_a_data_folder_in_use(self) -> None:
        server = self.serve()
        self.assert_exits(run_until_exit(self.data_dir), DATA_FOLDER, str(self.data_dir))
        self.connect(server).server_info()
        server.kill()
        self.serve()  # the lock died with its owner

    def test_data_folders_that_cannot_be_made(self) -> None:
        a_file = self.folder / "file"
        a_file.write_text("not a folder")
        # The last one nobody may write to, root neither.
        for path in (a_file, a_file / "data", pathlib.Path("/proc/kith-data")):
            with self.subTest(path=path):
                self.assert_exits(run_until_exit(path), DATA_FOLDER, str(path))
        self.assertEqual(a_file.read_text(), "not a folder")

    def test_a_folder_of_somebody_else(self) -> None:
        self.data_dir.mkdir()
        (self.data_dir / "diary.txt").write_text("dear diary")
        self.assert_exits(run_until_exit(self.data_dir), DATA_FOLDER, "diary.txt")
        self.assertEqual((self.data_dir / "diary.txt").read_text(), "dear diary")

    def test_a_data_folder_whose_format_is_damaged(self) -> None:
        self.assertEqual(self.serve().stop(), STOPPED)
        path = self.data_dir / "FORMAT"
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[len(changed) // 2] ^= 1
        for name, damaged in (("empty", b""), ("cut", whole[:-1]), ("changed", bytes(changed))):
            with self.subTest(format=name):
                path.write_bytes(damaged)
                self.assert_exits(run_until_exit(self.data_dir), DATA_FOLDER, "FORMAT")
        path.write_bytes(whole)
        self.serve()

    def test_options_that_make_no_sense(self) -> None:
        for options, word in (
            (("--no-such-option",), "--help"),
            (("--grpc-address=127.0.0.1",), "grpc-address"),
            (("--grpc-address=127.0.0.1:65536",), "grpc-address"),
            (("--grpc-address=0.0.0.0:0",), "--insecure"),
            (("--max-message=1B",), "max-message"),
            (("--max-text=17MiB",), "max-text"),
            (("--memory-budget=96%",), "memory-budget"),
            (("--memory-budget=255MiB",), "memory-budget"),
            (("--threads=many",), "threads"),
            (("--log-level=loud",), "log-level"),
            (("--config=/nowhere/kith.yaml",), "/nowhere/kith.yaml"),
        ):
            with self.subTest(options=options):
                ended = run_until_exit(self.data_dir, *options)
                self.assert_exits(ended, WRONG_OPTIONS, word)
        ended = run_until_exit(self.data_dir, environment={"KITH_SLOW_LOG": "never"})
        self.assert_exits(ended, WRONG_OPTIONS, "KITH_SLOW_LOG")
        self.assertFalse(self.data_dir.exists())

    def test_the_configuration_can_be_checked_and_printed(self) -> None:
        for option, words in (
            ("--check-config", ["valid"]),
            ("--print-config", [f"data-dir: {self.data_dir}", "max-text: 4MiB"]),
        ):
            ended = run_until_exit(self.data_dir, option)
            self.assertEqual(ended.returncode, STOPPED, ended.stderr)
            for word in words:
                self.assertIn(word, ended.stdout.replace('"', ""))
        self.assertFalse(self.data_dir.exists())


class ModelTest(ProcessCase):
    """Models that are damaged, or lie: kithd ends with a sentence that names the file."""

    def setUp(self) -> None:
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(MODEL, self.model)

    def assert_refused(self, *words: str) -> None:
        ended = run_until_exit(self.data_dir, f"--model-dir={self.model}")
        self.assert_exits(ended, FAILED, str(self.model), *words)

    def change(self, name: str, **values: object) -> None:
        path = self.model / name
        content = json.loads(path.read_text())
        content.update(values)
        path.write_text(json.dumps(content))

    def test_a_folder_that_is_no_model(self) -> None:
        for name, model in (("missing", self.folder / "none"), ("empty", self.folder / "empty")):
            with self.subTest(folder=name):
                (self.folder / "empty").mkdir(exist_ok=True)
                ended = run_until_exit(self.data_dir, f"--model-dir={model}")
                self.assert_exits(ended, FAILED, str(model))

    def test_weights_that_are_cut_short(self) -> None:
        path = self.model / "model.safetensors"
        whole = path.read_bytes()
        header = struct.unpack("<Q", whole[:8])[0]
        for size in (0, 7, 8, 8 + header // 2, 8 + header, len(whole) // 2, len(whole) - 1):
            with self.subTest(bytes=size):
                path.write_bytes(whole[:size])
                self.assert_refused("model.safetensors")
        path.unlink()
        self.assert_refused("model.safetensors")

    def test_weights_whose_header_lies(self) -> None:
        path = self.model / "model.safetensors"
        whole = path.read_bytes()
        (size,) = struct.unpack("<Q", whole[:8])
        header = json.loads(whole[8 : 8 + size])
        name = next(key for key in header if key != "__metadata__")
        data = whole[8 + size :]

        def write(changed: dict) -> None:
            raw = json.dumps(changed).encode()
            path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)

        for length in (2**63, 2**64 - 1, len(whole)):
            with self.subTest(header_bytes=length):
                path.write_bytes(struct.pack("<Q", length) + whole[8:])
                self.assert_refused("model.safetensors")
        begin, end = header[name]["data_offsets"]
        for lie in (
            {"data_offsets": [begin, end + 4]},
            {"data_offsets": [end, begin]},
            {"data_offsets": [2**62, 2**62 + (end - begin)]},
            {"shape": [2**32, 2**32]},
            {"shape": [-1]},
            {"dtype": "F99"},
        ):
            with self.subTest(lie=lie):
                write({**header, name: {**header[name], **lie}})
                self.assert_refused("model.safetensors")
        with self.subTest(lie="a tensor is missing"):
            write({key: value for key, value in header.items() if key != name})
            self.assert_refused("model.safetensors")

    def test_a_configuration_that_lies_about_the_shapes(self) -> None:
        config = json.loads((self.model / "config.json").read_text())
        for key in (
            "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "max_position_embeddings", "vocab_size", "type_vocab_size",
        ):  # fmt: skip
            lies = [0, config[key] + 1, 2**31 - 1]
            if key == "hidden_size":
                lies += [-1, 2**40, 2**63, 1.5, "many", None]
            for lie in lies:
                with self.subTest(key=key, lie=lie):
                    self.change("config.json", **{key: lie})
                    self.assert_refused()
            self.change("config.json", **{key: config[key]})

    def test_a_model_of_a_kind_that_is_not_supported(self) -> None:
        self.change("config.json", model_type="gpt2", architectures=["GPT2Model"])
        self.assert_refused("gpt2")

    def test_files_that_are_no_json(self) -> None:
        for name in ("config.json", "tokenizer.json", "modules.json"):
            with self.subTest(file=name):
                path = self.model / name
                whole = path.read_bytes()
                path.write_bytes(whole[: len(whole) // 2])
                self.assert_refused(name)
                path.write_bytes(whole)


class RunningTest(ProcessCase):
    def test_a_server_without_an_encoder_takes_vectors_alone(self) -> None:
        client = self.connect(self.serve("--no-encoder"))
        self.assertEqual(client.models(), [])
        self.assertEqual(client.server_info().default_encoder, "")
        for call in (
            lambda: client.encode(["x"]),
            lambda: client.tokenize(["x"]),
            lambda: client.split("x"),
            lambda: client.collections.create("texts"),
        ):
            self.assert_error(kith.FailedPrecondition, "NO_ENCODER", call)
        client.collections.create("vectors", dimension=2)
        client.upsert("vectors", [{"id": "a", "vector": [1, 0]}])
        self.assertEqual(client.search("vectors", vector=[1, 0]).hits[0].document_id, "a")

    def test_a_collection_keeps_its_model_when_the_server_has_none(self) -> None:
        server = self.serve()
        client = self.connect(server)
        client.collections.create("texts")
        client.upsert("texts", [{"id": "a", "text": "bread and butter"}])
        before = client.search("texts", text="bread").hits
        self.assertEqual(server.stop(), STOPPED)
        client = self.connect(self.serve("--no-encoder"))
        self.assertEqual(client.search("texts", text="bread").hits, before)

    def test_a_collection_whose_model_is_damaged_still_gives_its_documents(self) -> None:
        server = self.serve()
        client = self.connect(server)
        client.collections.create("texts")
        client.upsert("texts", [{"id": "a", "text": "bread and butter"}])
        vector = client.encode(["bread"], role="query").embeddings[0].vector
        self.assertEqual(server.stop(), STOPPED)
        (weights,) = self.data_dir.rglob("model.safetensors")
        weights.chmod(0o600)
        with weights.open("r+b") as file:
            file.seek(-1, 2)
            last = file.read(1)[0]
            file.seek(-1, 2)
            file.write(bytes([last ^ 0xFF]))
        client = self.connect(self.serve("--no-encoder"))
        for call in (
            lambda: client.search("texts", text="bread"),
            lambda: client.upsert("texts", [{"id": "b", "text": "more"}]),
        ):
            self.assert_error(kith.FailedPrecondition, "ENCODER_UNAVAILABLE", call)
        self.assertEqual(client.get("texts", ["a"]).documents[0].text, "bread and butter")
        self.assertEqual(client.search("texts", vector=vector).hits[0].document_id, "a")

    def test_while_it_starts_it_says_so(self) -> None:
        server = self.begin()
        client = self.connect(server)
        seen = set()
        while True:  # the port is open; the folder may not be yet
            try:
                client.server_info()
                break
            except kith.Unavailable as error:
                seen.add(error.reason)
                self.assertIsNotNone(error.retry_after)
        self.assertLessEqual(seen, {"COLLECTION_LOADING"})
        # A client that may try again does not see any of it.
        self.assertEqual(server.stop(), STOPPED)
        patient = self.connect(self.begin(), attempts=100)
        self.assertEqual(patient.server_info().collection_count, 0)

    def test_more_calls_than_it_handles_are_sent_away_with_advice(self) -> None:
        server = self.serve("--max-concurrent-calls=1", "--no-encoder")
        client = self.connect(server)
        # A call is over for the server a moment after its answer: a client that may try again gets
        # through.
        patient = self.connect(server, attempts=1000)
        patient.collections.create("c", dimension=2)
        token = patient.upsert("c", [{"id": "a", "vector": [1, 0]}]).commit_token
        call = client.channel.unary_unary(
            "/kith.v1.DocumentService/CountDocuments",
            request_serializer=pb.CountDocumentsRequest.SerializeToString,
            response_deserializer=pb.CountDocumentsResponse.FromString,
        )
        request = pb.CountDocumentsRequest(collection="c")
        request.at_least.shard, request.at_least.epoch = token.shard, token.epoch
        request.at_least.sequence = token.sequence + 1
        waiting = call.future(request, timeout=PATIENCE)  # for a write that does not come
        self.addCleanup(waiting.cancel)
        refused = None
        while refused is None:  # until the call above has arrived
            try:
                client.count("c")
            except kith.ResourceExhausted as error:
                refused = error
        self.assertEqual(refused.reason, "QUEUE_FULL")
        self.assertIsNotNone(refused.retry_after)
        waiting.cancel()
        self.assertEqual(patient.count("c"), 1)

    def test_a_full_memory_refuses_writes_and_takes_reads_and_deletes(self) -> None:
        client = self.connect(self.serve("--no-encoder", "--memory-budget=256MiB"))
        client.collections.create("c", dimension=4096, default_durability="applied")
        row = [1.0] * 4096
        written = 0
        with self.assertRaises(kith.ResourceExhausted) as caught:
            while written < 40_000:  # 640 MiB
                batch = [{"id": str(written + i), "vector": row} for i in range(100)]
                client.upsert("c", batch)
                written += 100
        self.assertEqual(caught.exception.reason, "MEMORY_BUDGET", caught.exception)
        self.assertIsNotNone(caught.exception.retry_after)
        self.assertGreater(written, 0)
        self.assertEqual(client.count("c"), written)
        self.assertEqual(len(client.search("c", vector=row, limit=3).hits), 3)
        self.assertEqual(client.delete("c", ["0"]).deleted_count, 1)
        info = client.server_info()
        self.assertLessEqual(info.memory_used_bytes, info.memory_budget_bytes)

    def test_configured_limits_hold_at_the_limit_and_past_it(self) -> None:
        client = self.connect(
            self.serve(
                "--no-encoder", "--max-text=1KiB", "--max-message=64KiB",
                "--max-batch-documents=3",
            )  # fmt: skip
        )
        limits = client.server_info().limits
        self.assertEqual(
            (limits.max_text_bytes, limits.max_message_bytes, limits.max_batch_documents),
            (1024, 64 << 10, 3),
        )
        client.collections.create("c", dimension=2)
        write = lambda count, size: client.upsert(
            "c", [{"id": str(i), "vector": [1, 1], "text": "x" * size} for i in range(count)]
        )
        write(3, 1024)
        self.assert_error(kith.InvalidArgument, "BATCH_TOO_LARGE", lambda: write(4, 1))
        self.assert_error(kith.InvalidArgument, "TEXT_TOO_LONG", lambda: write(1, 1025))
        with self.assertRaises(kith.ResourceExhausted):
            write(1, 65 << 10)
        self.assertEqual(client.count("c"), 3)

    def test_a_stop_answers_what_it_took_and_tells_streams(self) -> None:
        server = self.serve("--no-encoder")
        client = self.connect(server)
        client.collections.create("c", dimension=2)

        def endless():
            number = 0
            while True:
                number += 1
                yield {"id": str(number), "vector": [1, number]}

        acknowledged = 0
        acks = client.ingest("c", endless(), batch_documents=10)
        with self.assertRaises(kith.Unavailable) as caught:
            for ack in acks:
                self.assertIsNone(ack.error)
                acknowledged += len(ack.results)
                if ack.batch_number == 5:
                    server.process.terminate()
        # Told so, or, when it tried again at once, met by a closed port.
        self.assertIn(caught.exception.reason, ("DRAINING", ""))
        self.assertEqual(server.wait(), STOPPED, server.log_tail())
        self.assertGreaterEqual(acknowledged, 50)
        client = self.connect(self.serve("--no-encoder"))
        self.assertGreaterEqual(client.count("c"), acknowledged)

    def test_a_stop_of_an_idle_server_is_in_order(self) -> None:
        server = self.serve()
        client = self.connect(server)
        client.server_info()
        self.assertEqual(server.stop(), STOPPED, server.log_tail())
        with self.assertRaises(kith.Unavailable):
            client.server_info()

    def test_log_lines_are_json_and_name_the_request(self) -> None:
        server = self.serve("--log-level=debug", "--no-encoder")
        client = self.connect(server)
        error = self.assert_error(
            kith.NotFound, "COLLECTION_NOT_FOUND", lambda: client.count("nowhere")
        )
        self.assertEqual(server.stop(), STOPPED)
        lines = [json.loads(line) for line in server.log]
        mentioned = [
            line for line in lines if line.get("request_id") == error.metadata["request_id"]
        ]
        self.assertNotEqual(mentioned, [])
        for line in lines:
            self.assertLessEqual({"time", "level", "message"}, set(line))

    def test_a_request_id_of_the_clients_own_is_used(self) -> None:
        client = self.connect(self.serve("--no-encoder"))
        call = client.channel.unary_unary(
            "/kith.v1.DocumentService/CountDocuments",
            request_serializer=pb.CountDocumentsRequest.SerializeToString,
            response_deserializer=pb.CountDocumentsResponse.FromString,
        )
        with self.assertRaises(grpc.RpcError) as caught:
            call(
                pb.CountDocumentsRequest(collection="nowhere"),
                timeout=PATIENCE,
                metadata=[("x-request-id", "mine-42")],
            )
        error = kith.errors.from_rpc_error(caught.exception)
        self.assertEqual(error.metadata["request_id"], "mine-42")
