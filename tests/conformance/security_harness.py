"""A kithd with TLS and keys, and clients of it with every kind of credential."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
import unittest
from typing import Optional

import harness
import kith
from certificates import Authority
from harness import DEADLINES, Kithd

PATIENT = kith.RetryOptions(max_attempts=5)
ONCE = kith.RetryOptions(max_attempts=1)


def make_key(keys: pathlib.Path, name: str, role: str, *collections: str) -> str:
    """A key made by the real command, its line appended to the file."""
    kith_command = harness.KITHD.parent / "kith"
    options = [f"--collection={name}" for name in collections]
    made = subprocess.run(
        [kith_command, "keys", "create", "--name", name, "--role", role,
         "--append-to", keys, *options],
        capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode != 0:
        raise AssertionError(made.stderr)
    return made.stdout.strip()


class SecureCase(unittest.TestCase):
    """Tests of one class share a server with TLS and these keys."""

    folder: pathlib.Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="kith-conformance-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.authority = Authority(cls.folder)
        cls.certificate = cls.authority.issue("server")
        cls.keys_file = cls.folder / "keys.jsonl"
        cls.keys: dict[str, str] = {
            "reader": cls.new_key("reader", "reader"),
            "writer": cls.new_key("writer", "writer"),
            "admin": cls.new_key("admin", "admin"),
            "reader of other": cls.new_key("reader-other", "reader", "other"),
            "admin of other": cls.new_key("admin-other", "admin", "other", "another"),
            "admin of mine": cls.new_key("admin-mine", "admin", "mine"),
        }
        cls.server = cls.start()

    @classmethod
    def new_key(cls, name: str, role: str, *collections: str) -> str:
        return make_key(cls.keys_file, name, role, *collections)

    @classmethod
    def start(cls, *options: str) -> Kithd:
        server = Kithd(
            cls.folder / "data",
            f"--tls-cert={cls.certificate.cert}",
            f"--tls-key={cls.certificate.key}",
            f"--keys-file={cls.keys_file}",
            *options,
        )
        cls.addClassCleanup(lambda: server.is_running() and server.kill())
        return server.wait_until_serving()

    def client(
        self,
        key: Optional[str],
        server: Optional[Kithd] = None,
        tls: Optional[kith.Tls] = None,
        retry: kith.RetryOptions = ONCE,
    ) -> kith.Client:
        client = kith.connect(
            (server or self.server).address,
            key=key,
            tls=tls or kith.Tls(ca=self.authority.cert),
            deadlines=DEADLINES,
            retry=retry,
        )
        self.addCleanup(client.close)
        return client

    def log_of(self, server: Kithd) -> str:
        return "".join(server.log)


def line_of(name: str, role: str, digest: str = "0" * 64, **more: object) -> str:
    return json.dumps({"name": name, "role": role, "sha256": digest, **more})
