"""TLS: who is let into the handshake, new certificates under load, keys that come and go, and files that
are refused with their line."""

import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading

import harness
import kith
from certificates import Authority, Pair
from harness import PATIENCE, Kithd, run_until_exit
from security_harness import PATIENT, SecureCase, line_of, make_key

WRONG_OPTIONS, FAILED = 2, 1


def hangs_up(connection: socket.socket) -> bool:
    """True if the server closes the connection, whatever it says before."""
    connection.settimeout(PATIENCE)
    try:
        while connection.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    return True


class TlsTest(SecureCase):
    def endpoint(self) -> tuple[str, int]:
        host, _, port = self.server.address.rpartition(":")
        return host, int(port)

    def handshake(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        connection = socket.create_connection(self.endpoint(), timeout=PATIENCE)
        self.addCleanup(connection.close)
        return context.wrap_socket(connection, server_hostname="localhost")

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.cert))
        context.set_alpn_protocols(["h2"])
        return context

    def test_plaintext_is_hung_up_on(self) -> None:
        for name, words in (
            ("HTTP/2 in clear", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"),
            ("HTTP/1.1", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("noise", bytes(range(256)) * 4),
        ):
            with self.subTest(words=name), socket.create_connection(self.endpoint()) as connection:
                connection.sendall(words)
                self.assertTrue(hangs_up(connection))
        with self.assertRaises(kith.Unavailable):
            client = kith.connect(
                self.server.address, key=self.keys["admin"],
                deadlines=harness.DEADLINES, retry=kith.RetryOptions(max_attempts=1),
            )  # fmt: skip
            self.addCleanup(client.close)
            client.server_info()
        self.client(self.keys["admin"]).server_info()

    def test_only_new_protocols_and_aead_ciphers(self) -> None:
        for version, expected in (
            (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
            (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        ):
            context = self.context()
            context.minimum_version = context.maximum_version = version
            with self.handshake(context) as connection:
                self.assertEqual(connection.version(), expected)
                self.assertRegex(connection.cipher()[0], "GCM|CHACHA20")
                self.assertEqual(connection.selected_alpn_protocol(), "h2")
        for name, refused in (
            ("TLS 1.1", lambda c: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_1)),
            ("CBC", lambda c: self.only_cbc(c)),
        ):
            with self.subTest(client=name):
                context = self.context()
                context.minimum_version = ssl.TLSVersion.TLSv1
                refused(context)
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    self.handshake(context)

    def only_cbc(self, context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0")

    def test_a_client_refuses_a_server_that_it_does_not_trust(self) -> None:
        stranger = Authority(self.folder, "stranger")
        with self.assertRaises(kith.Unavailable):
            self.client(self.keys["admin"], tls=kith.Tls(ca=stranger.cert)).server_info()

    def test_the_real_command_works_through_tls_with_a_key(self) -> None:
        key_file = self.folder / "admin.key"
        key_file.write_text(self.keys["admin"] + "\n")

        def run(
            *arguments: object, key: str = "", server: str = self.server.address
        ) -> subprocess.CompletedProcess[str]:
            command = [str(harness.KITHD.parent / "kith"), "--server", server]
            return subprocess.run(
                [*command, *map(str, arguments)], capture_output=True, text=True,
                stdin=subprocess.DEVNULL, timeout=PATIENCE,
                env={**os.environ, **({"KITH_KEY": key} if key else {})},
            )  # fmt: skip

        tls = ("--tls-ca", self.authority.cert)
        good = run(*tls, "--key-file", key_file, "collections", "create", "shelf", "--dimension", 2)
        self.assertEqual(good.returncode, 0, good.stderr)
        listed = run("collections", "list", *tls, key=self.keys["reader"])
        self.assertIn("shelf", listed.stdout, listed.stderr)
        documents = self.folder / "shelf.jsonl"
        documents.write_text('{"id": "a", "vector": [1, 0]}\n')
        written = run("ingest", "shelf", documents, *tls, "--key-file", key_file)
        self.assertEqual(written.returncode, 0, written.stderr)
        for name, words, arguments, key in (
            ("no key", "KEY_INVALID", tls, ""),
            ("bad key", "KEY_INVALID", tls, "kith_wrong"),
            ("reader", "SCOPE_DENIED", tls, self.keys["reader"]),
            ("no TLS", "kith:", (), self.keys["admin"]),
        ):
            with self.subTest(client=name):
                refused = run("collections", "delete", "shelf", *arguments, key=key)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(words, refused.stderr)
        elsewhere = run("info", key=self.keys["admin"], server="192.0.2.1:7600")
        self.assertEqual(elsewhere.returncode, 2)
        self.assertIn("in clear", elsewhere.stderr)
        gone = run("collections", "delete", "shelf", *tls, "--key-file", key_file)
        self.assertEqual(gone.returncode, 0, gone.stderr)


class MutualTlsTest(SecureCase):
    @classmethod
    def start(cls, *options: str) -> Kithd:
        cls.clients = Authority(cls.folder, "clients")
        return super().start(f"--tls-client-ca={cls.clients.cert}", *options)

    def tls(self, pair: Pair) -> kith.Tls:
        return kith.Tls(ca=self.authority.cert, cert=pair.cert, key=pair.key)

    def test_clients_must_show_a_certificate_and_a_key(self) -> None:
        good = self.tls(self.clients.issue("client"))
        self.client(self.keys["admin"], tls=good).server_info()
        with self.assertRaises(kith.Unauthenticated):
            self.client(None, tls=good).server_info()
        stranger = Authority(self.folder, "stranger")
        for name, tls in (
            ("none", kith.Tls(ca=self.authority.cert)),
            ("of another authority", self.tls(stranger.issue("client"))),
            ("of the server's authority", self.tls(self.authority.issue("client"))),
            ("expired", self.tls(self.clients.issue("client", days=-1))),
        ):
            with self.subTest(certificate=name), self.assertRaises(kith.Unavailable):
                self.client(self.keys["admin"], tls=tls).server_info()


class RotationTest(SecureCase):
    """Certificates and keys change while calls are made: none fails."""

    def wait_for_reload(self, what: str, times: int) -> None:
        message = f"{what} were reloaded"
        with self.server._changed:
            reached = self.server._changed.wait_for(
                lambda: sum(message in line for line in self.server.log) >= times, PATIENCE
            )
        self.assertTrue(reached, self.server.log_tail())

    def serial(self) -> int:
        host, _, port = self.server.address.rpartition(":")
        context = ssl.create_default_context(cafile=str(self.authority.cert))
        context.set_alpn_protocols(["h2"])
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            with context.wrap_socket(connection, server_hostname="localhost") as tls:
                return int(tls.getpeercert()["serialNumber"], 16)

    def replace(self, path: pathlib.Path, content: bytes) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)

    def test_certificates_change_under_load(self) -> None:
        stop = threading.Event()
        failures: list[Exception] = []
        calls = [0]

        def load() -> None:
            while not stop.is_set():
                # A new connection each time: every call has a handshake of its own.
                client = kith.connect(
                    self.server.address, key=self.keys["admin"],
                    tls=kith.Tls(ca=self.authority.cert), deadlines=harness.DEADLINES,
                    retry=kith.RetryOptions(max_attempts=1),
                )  # fmt: skip
                try:
                    client.server_info()
                    calls[0] += 1
                except kith.Error as error:
                    failures.append(error)
                finally:
                    client.close()

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        serials = {self.serial()}
        for turn in range(3):
            fresh = self.authority.issue("server")
            self.replace(self.certificate.key, fresh.key.read_bytes())
            self.replace(self.certificate.cert, fresh.cert.read_bytes())
            if turn == 0:  # noticed by itself; and when told to
                self.wait_for_reload("certificates", 1)
            else:
                self.server.process.send_signal(signal.SIGHUP)
                self.wait_for_reload("certificates", turn + 1)
            serials.add(self.serial())
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(calls[0], 10)
        self.assertEqual(len(serials), 4)

        # What does not fit changes nothing.
        before = self.serial()
        foreign = self.authority.issue("server")
        expired = self.authority.issue("server", days=-1)
        good = self.certificate.key.read_bytes(), self.certificate.cert.read_bytes()
        for name, key, cert, words in (
            ("another's key", foreign.key.read_bytes(), good[1], "not the key"),
            ("half a certificate", good[0], good[1][: len(good[1]) // 2], "certificate"),
            ("no PEM", good[0], b"\x30\x82\x01", "certificate"),
            ("expired", expired.key.read_bytes(), expired.cert.read_bytes(), "expired"),
            ("empty", b"", b"", "certificate"),
        ):
            with self.subTest(files=name):
                seen = len(self.server.log)
                self.replace(self.certificate.key, key)
                self.replace(self.certificate.cert, cert)
                self.server.process.send_signal(signal.SIGHUP)
                with self.server._changed:
                    self.server._changed.wait_for(
                        lambda: any(
                            "certificates were not reloaded" in line and words in line
                            for line in self.server.log[seen:]
                        ),
                        PATIENCE,
                    )
                self.assertTrue(any(words in line for line in self.server.log[seen:]))
                self.assertEqual(self.serial(), before)
        self.replace(self.certificate.key, good[0])
        self.replace(self.certificate.cert, good[1])

    def test_keys_come_and_go_without_losing_a_call(self) -> None:
        admin = self.client(self.keys["admin"])
        admin.collections.create("kept", dimension=2)
        self.addCleanup(admin.collections.delete, "kept")

        def documents():
            yield {"id": "0", "vector": [1, 0]}
            released.wait(PATIENCE)
            yield {"id": "1", "vector": [1, 0]}

        released = threading.Event()
        leaver = self.new_key("leaver", "writer")
        self.server.process.send_signal(signal.SIGHUP)
        self.wait_for_key(leaver)
        acks = self.client(leaver).ingest("kept", documents(), batch_documents=1)
        first = next(acks)
        self.assertIsNone(first.error)

        lines = self.keys_file.read_text().splitlines()
        kept = "\n".join(line for line in lines if '"leaver"' not in line) + "\n"
        self.replace(self.keys_file, kept.encode())
        gone = self.client(leaver, retry=PATIENT)
        self.wait_until_refused(gone)
        released.set()  # the stream was let in before
        self.assertEqual([ack.error for ack in acks], [None])
        self.assertEqual(admin.count("kept"), 2)

        for name, bad, words in (
            ("no JSON", "{", ":1: the line is not one JSON object"),
            ("unknown field", line_of("a", "reader", collection=["x"]), ":1: there is no field"),
        ):
            with self.subTest(file=name):
                seen = len(self.server.log)
                self.replace(self.keys_file, bad.encode())
                self.server.process.send_signal(signal.SIGHUP)
                with self.server._changed:
                    self.server._changed.wait_for(
                        lambda: any("keys were not" in line for line in self.server.log[seen:]),
                        PATIENCE,
                    )
                told = [line for line in self.server.log[seen:] if "keys were not" in line]
                self.assertIn(words.replace('"', '\\"'), told[0])
                admin.server_info()
        self.replace(self.keys_file, kept.encode())

    def wait_for_key(self, key: str) -> None:
        client = self.client(key)
        for _ in range(10_000):
            try:
                client.server_info()
                return
            except kith.Unauthenticated:
                pass
        self.fail("the new key was never taken over")

    def wait_until_refused(self, client: kith.Client) -> None:
        deadline = threading.Event()
        timer = threading.Timer(PATIENCE, deadline.set)
        timer.start()
        self.addCleanup(timer.cancel)
        while not deadline.is_set():
            try:
                client.server_info()
            except kith.Unauthenticated:
                return
        self.fail("the removed key is still let in")


class StartTest(SecureCase):
    """What kithd does not start with, and where it says why."""

    @classmethod
    def start(cls, *options: str) -> None:
        return None

    def refused(self, word: str, *options: str) -> None:
        ended = run_until_exit(self.folder / "none", "--no-encoder", "--check-config", *options)
        self.assertEqual(ended.returncode, WRONG_OPTIONS, ended.stderr)
        self.assertIn(word, ended.stderr)

    def test_it_does_not_start_with_files_that_cannot_be_used(self) -> None:
        pair = self.certificate
        for options in (
            (f"--keys-file={self.folder / 'nowhere'}",),
            (f"--tls-cert={pair.key}", f"--tls-key={pair.key}"),
        ):
            ended = run_until_exit(self.folder / "none", "--no-encoder", *options)
            self.assertEqual(ended.returncode, FAILED, ended.stderr)
            self.assertIn(str(self.folder), ended.stderr)

    def test_files_of_keys(self) -> None:
        path = self.folder / "bad.jsonl"
        good = line_of("a", "reader")
        for name, text, words in (
            ("no JSON", "reader: abc", ":1: the line is not one JSON object"),
            ("an array", "[1]", ":1: the line is not one JSON object"),
            ("deep", "[" * 100_000, ":1: the line is not one JSON object"),
            ("not UTF-8", '{"name": "\udcff"}', ":1: the line is not one JSON object"),
            ("two objects", good + " " + good, ":1: the line is not one JSON object"),
            ("no name", '{"role": "reader", "sha256": "%s"}' % ("0" * 64), ":1: name is missing"),
            ("no role", '{"name": "a", "sha256": "%s"}' % ("0" * 64), ":1: role is missing"),
            ("no hash", '{"name": "a", "role": "reader"}', ":1: sha256 is missing"),
            ("the key itself", line_of("a", "reader", "kith_" + "K" * 43), "is it the key itself"),
            ("role", line_of("a", "root"), 'role "root" is none of'),
            ("role by number", '{"name": "a", "role": 3}', "role must be a string"),
            ("name", line_of("a\nb", "reader"), "name"),
            ("unknown field", line_of("a", "reader", expires="2030"), 'no field "expires"'),
            ("field twice", good[:-1] + ', "role": "admin"}', '"role" is given twice'),
            ("no collections", line_of("a", "reader", collections=[]), "collections is empty"),
            ("collections", line_of("a", "reader", collections=["A/B"]), "no name of a collection"),
            ("collection", line_of("a", "reader", collections="x"), "must be a list"),
            ("same name", good + "\n\n# x\n" + line_of("a", "admin", "1" * 64), ":4: a key named a"),
            ("same key", good + "\n" + line_of("b", "admin"), ":2: the key of b is there already"),
            ("large", "#" * (1 << 20) + "\n" + good, "bytes"),
        ):
            with self.subTest(file=name):
                path.write_bytes(text.encode("utf-8", "surrogateescape"))
                self.refused(words, f"--keys-file={path}")
        path.write_text(good)
        path.chmod(0o646)
        self.refused("everybody may write", f"--keys-file={path}")
        self.refused("cannot be read", f"--keys-file={self.folder / 'nowhere'}")
        self.refused("no file", f"--keys-file={self.folder}")

    def test_what_other_machines_reach_needs_both(self) -> None:
        outside = "--grpc-address=0.0.0.0:0"
        keys, pair = f"--keys-file={self.keys_file}", self.certificate
        tls = (f"--tls-cert={pair.cert}", f"--tls-key={pair.key}")
        self.refused("tls-cert", outside)
        self.refused("tls-cert", outside, keys)
        self.refused("keys-file", outside, *tls)
        self.refused("belong together", tls[0])
        self.refused("tls-client-ca", f"--tls-client-ca={self.authority.cert}")
        for options in ((outside, keys, *tls), (outside, "--insecure")):
            server = Kithd(self.folder / "data", *options, "--no-encoder").wait_until_serving()
            self.assertEqual(server.stop(), 0)

    def test_certificates(self) -> None:
        other = self.authority.issue("other")
        expired = self.authority.issue("old", days=-1)
        pair = self.certificate
        for name, cert, key, words in (
            ("another's key", pair.cert, other.key, "not the key of the certificate"),
            ("expired", expired.cert, expired.key, "expired"),
            ("swapped", pair.key, pair.cert, "no certificate"),
            ("nowhere", self.folder / "nowhere", pair.key, "cannot be read"),
        ):
            with self.subTest(files=name):
                self.refused(words, f"--tls-cert={cert}", f"--tls-key={key}")
        self.refused(
            "no certificate",
            f"--tls-cert={pair.cert}", f"--tls-key={pair.key}", f"--tls-client-ca={pair.key}",
        )  # fmt: skip
