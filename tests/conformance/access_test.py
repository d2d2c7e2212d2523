"""Who may call what: every RPC with every kind of key, from the descriptors, and what a key does not
get to see. An RPC without a rule fails here."""

import importlib
import pathlib
import re
from typing import Any, Iterator, NamedTuple

import grpc
import kith
from google.protobuf.descriptor import MethodDescriptor
from harness import ROOT
from kith.v1 import access_pb2 as access
from security_harness import SecureCase

MODULES = sorted(
    path.stem
    for path in (pathlib.Path(access.__file__).parent).glob("*_service_pb2.py")
)
ROLES = {"reader": access.ROLE_READER, "writer": access.ROLE_WRITER, "admin": access.ROLE_ADMIN}
NO_KEY = "UNAUTHENTICATED KEY_INVALID"
DENIED = "PERMISSION_DENIED SCOPE_DENIED"


class Method(NamedTuple):
    name: str  # "SearchService/Search"
    request: type
    descriptor: MethodDescriptor
    rule: access.AccessRule

    def request_for(self, collection: str) -> Any:
        """A request that names the collection where the rule says, and nothing else."""
        request = self.request()
        for path in self.rule.collection:
            *outer, last = path.split(".")
            message = request
            for part in outer:
                message = getattr(message, part)
            setattr(message, last, collection)
        return request


def all_methods() -> Iterator[Method]:
    for module_name in MODULES:
        module = importlib.import_module(f"kith.v1.{module_name}")
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield Method(
                    f"{service.name}/{method.name}",
                    getattr(module, method.input_type.name),
                    method,
                    method.GetOptions().Extensions[access.access],
                )


def outcome(error: kith.Error) -> str:
    return f"{error.code.name} {error.reason}"


class AccessTest(SecureCase):
    def call(self, client: kith.Client, method: Method, collection: str) -> str:
        """What became of it: OK, or code and reason."""
        path = f"/kith.v1.{method.name}"
        codec = dict(
            request_serializer=method.request.SerializeToString,
            response_deserializer=lambda raw: raw,
        )
        request = method.request_for(collection)
        try:
            if method.name == "DocumentService/IngestDocuments":
                list(client.channel.stream_stream(path, **codec)(iter([request]), timeout=60))
            else:
                client.channel.unary_unary(path, **codec)(request, timeout=60)
        except grpc.RpcError as error:
            return outcome(kith.errors.from_rpc_error(error))
        return "OK"

    def expected(self, key: str, rule: access.AccessRule) -> str:
        """A refusal, or "" for anything else."""
        if key in ("none", "bad"):
            return NO_KEY
        role, _, scope = key.partition(" of ")
        if ROLES[role] < rule.role:
            return DENIED
        if scope and (rule.reach == access.REACH_SERVER or (rule.collection and scope != "mine")):
            return DENIED
        return ""

    def test_every_rpc_has_a_rule_that_makes_sense(self) -> None:
        methods = list(all_methods())
        self.assertGreater(len(methods), 25)
        for method in methods:
            with self.subTest(method=method.name):
                self.assertIn(method.rule.role, ROLES.values(), "option (access) is missing")
                self.assertNotEqual(bool(method.rule.collection), bool(method.rule.reach))
                for path in method.rule.collection:
                    message, field = method.descriptor.input_type, None
                    for part in path.split("."):
                        field = message.fields_by_name[part]
                        message = field.message_type
                    self.assertEqual(field.type, field.TYPE_STRING)

    def test_every_rpc_that_names_a_collection_says_so(self) -> None:
        """A rule that forgot the collection would let keys for some collections into all."""
        for method in all_methods():
            fields = method.descriptor.input_type.fields_by_name
            named = [name for name in ("collection", "start") if name in fields]
            with self.subTest(method=method.name):
                if named:
                    self.assertNotEqual(len(method.rule.collection), 0)

    def test_every_rpc_with_every_kind_of_key(self) -> None:
        keys = {"none": None, "bad": "kith_" + "A" * 43, **self.keys}
        tried = 0
        for name, key in keys.items():
            client = self.client(key)
            for method in all_methods():
                with self.subTest(key=name, method=method.name):
                    got = self.call(client, method, "mine")
                    expected = self.expected(name, method.rule)
                    if expected:
                        self.assertEqual(got, expected)
                    else:
                        self.assertNotIn(got, (NO_KEY, DENIED))
                    tried += 1
        self.assertGreaterEqual(tried, 8 * 25)
        self.assertTrue(self.server.is_running())

    def test_a_refusal_does_not_tell_whether_the_target_exists(self) -> None:
        admin = self.client(self.keys["admin"])
        admin.collections.create("there", dimension=2)
        self.addCleanup(admin.collections.delete, "there")
        for key in ("none", "reader", "reader of other", "admin of other"):
            client = self.client(self.keys.get(key))
            for method in all_methods():
                if not self.expected(key, method.rule):
                    continue
                answers = []
                for collection in ("there", "nowhere"):
                    try:
                        self.raise_for(client, method, collection)
                    except kith.Error as error:
                        said = error.message.replace(collection, "X")
                        answers.append((outcome(error), said, sorted(error.metadata)))
                with self.subTest(key=key, method=method.name):
                    self.assertEqual(len(answers), 2)
                    self.assertEqual(answers[0], answers[1])

    def raise_for(self, client: kith.Client, method: Method, collection: str) -> None:
        codec = dict(
            request_serializer=method.request.SerializeToString,
            response_deserializer=lambda raw: raw,
        )
        request = method.request_for(collection)
        path = f"/kith.v1.{method.name}"
        try:
            if method.name == "DocumentService/IngestDocuments":
                list(client.channel.stream_stream(path, **codec)(iter([request]), timeout=60))
            else:
                client.channel.unary_unary(path, **codec)(request, timeout=60)
        except grpc.RpcError as error:
            raise kith.errors.from_rpc_error(error) from None

    def test_a_key_sees_its_own_collections_and_operations(self) -> None:
        admin = self.client(self.keys["admin"])
        for name in ("another", "mine", "other", "zoo"):
            admin.collections.create(name, dimension=2)
        self.addCleanup(lambda: [admin.collections.delete(item.name) for item in admin.collections.list()])
        own = self.client(self.keys["admin of other"])
        self.assertEqual([c.name for c in admin.collections.list()], ["another", "mine", "other", "zoo"])
        self.assertEqual([c.name for c in own.collections.list()], ["another", "other"])
        self.assertEqual([c.name for c in own.collections.list(page_size=1)], ["another", "other"])
        self.assertEqual(own.server_info().collection_count, 2)
        self.assertEqual(admin.server_info().collection_count, 4)

        theirs = admin.index.seal("mine")
        ours = own.index.seal("other")
        self.assertEqual({o.target for o in own.operations.list()}, {"other"})
        self.assertLessEqual({"mine", "other"}, {o.target for o in admin.operations.list()})
        self.assertEqual(own.operations.get(ours.id).id, ours.id)
        for call in (own.operations.get, own.operations.cancel, own.operations.wait):
            answers = []
            for operation in (theirs.id, "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
                with self.assertRaises(kith.NotFound) as caught:
                    call(operation)
                self.assertEqual(caught.exception.reason, "OPERATION_NOT_FOUND")
                answers.append(caught.exception.message.replace(operation, "X"))
            self.assertEqual(answers[0], answers[1])

    def test_a_key_works_in_its_collection(self) -> None:
        client = self.client(self.keys["admin of mine"])
        client.collections.create("mine", dimension=2)
        self.addCleanup(client.collections.delete, "mine")
        client.upsert("mine", [{"id": "a", "vector": [1, 0]}])
        acks = list(client.ingest("mine", [{"id": "b", "vector": [0, 1]}]))
        self.assertIsNone(acks[0].error)
        self.assertEqual(self.client(self.keys["reader"]).count("mine"), 2)
        with self.assertRaises(kith.PermissionDenied) as caught:
            list(client.ingest("other", [{"id": "b", "vector": [0, 1]}]))
        self.assertEqual(caught.exception.reason, "SCOPE_DENIED")

    def test_headers_that_are_no_key(self) -> None:
        client = self.client(None)
        method = next(m for m in all_methods() if m.name == "AdminService/GetServerInfo")
        good = self.keys["reader"]
        for name, metadata in (
            ("another scheme", [("authorization", f"Basic {good}")]),
            ("no scheme", [("authorization", good)]),
            ("nothing behind the scheme", [("authorization", "Bearer ")]),
            ("a part of the key", [("authorization", f"Bearer {good[:-1]}")]),
            ("more than the key", [("authorization", f"Bearer {good}x")]),
            ("two keys", [("authorization", f"Bearer {good}")] * 2),
            ("a long one", [("authorization", "Bearer " + "k" * 7000)]),
            ("another header", [("x-api-key", good)]),
        ):
            with self.subTest(header=name):
                call = client.channel.unary_unary(
                    f"/kith.v1.{method.name}",
                    request_serializer=method.request.SerializeToString,
                    response_deserializer=lambda raw: raw,
                )
                with self.assertRaises(grpc.RpcError) as caught:
                    call(method.request(), timeout=60, metadata=metadata)
                self.assertEqual(outcome(kith.errors.from_rpc_error(caught.exception)), NO_KEY)
                call(method.request(), timeout=60, metadata=[("authorization", f"bearer {good}")])

    def test_health_needs_no_key(self) -> None:
        call = self.client(None).channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=lambda raw: raw,
            response_deserializer=lambda raw: raw,
        )
        self.assertEqual(call(b"", timeout=60), b"\x08\x01")

    def test_no_key_and_no_digest_is_ever_logged(self) -> None:
        server = self.start("--log-level=debug", f"--data-dir={self.folder / 'debug'}")
        bad = "kith_" + "B" * 43
        for key in (self.keys["admin"], self.keys["reader of other"], bad):
            client = self.client(key, server)
            for method in all_methods():
                self.call(client, method, "mine")
        self.assertEqual(server.stop(), 0)
        log = self.log_of(server)
        self.assertIn('"key":"admin"', log.replace('": "', '":"'))
        self.assertIn("a call was not allowed", log)
        for secret in (*self.keys.values(), bad):
            self.assertNotIn(secret, log)
            self.assertNotIn(secret[5:25], log)
        for line in self.keys_file.read_text().splitlines():
            (digest,) = re.findall(r"[0-9a-f]{64}", line)
            self.assertNotIn(digest[:16], log)

    def test_the_page_on_security_lists_every_rpc_under_its_role(self) -> None:
        page = (ROOT / "docs" / "security.md").read_text()
        for role, number in ROLES.items():
            (row,) = re.findall(rf"^\| `{role}` \|(.*)$", page, re.M)
            listed = sorted(re.findall(r"`(\w+)`", row.split("|")[-2]))
            expected = sorted(m.descriptor.name for m in all_methods() if m.rule.role == number)
            self.assertEqual(listed, expected, role)
