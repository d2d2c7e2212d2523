"""The vocabulary of the conformance tests: a real kithd, a client of it, and what must be refused.

Most tests share one server and work in collections of their own; those that stop, kill or misuse a
server start theirs. Nothing sleeps for a fixed time: what takes time is waited for, generously, since
a server under a sanitizer on a busy machine is slow.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import unittest
from typing import Any, Iterator, Optional

import grpc
import kith

KITHD: pathlib.Path  # set by run.py
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "models" / "kith-mini"

# Seconds after which something that should have happened is a failure.
PATIENCE = 120.0

# Long enough for any of these calls under a sanitizer; never reached by a test that passes.
DEADLINES = kith.Deadlines(read=60, search=60, encode=120, write=120, manage=120)


class Kithd:
    """A running server. Its log is read as it is written, and kept for whoever has to explain."""

    def __init__(self, data_dir: pathlib.Path, *options: str, port: int = 0) -> None:
        self.data_dir = data_dir
        self.log: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            command(data_dir, *options, port=port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.address: str = self.wait_for("listening")["address"]

    def wait_until_serving(self) -> Kithd:
        self.wait_for("serving")
        return self

    def wait_for(self, message: str) -> dict[str, Any]:
        """The first line of the log with this message."""

        def found() -> Optional[dict[str, Any]]:
            for line in self.log:
                event = as_event(line)
                if event.get("message") == message:
                    return event
            return None

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, PATIENCE)
            event = found()
        if event is None:
            raise AssertionError(f"kithd did not say {message!r}:\n{self.log_tail()}")
        return event

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"kithd did not end:\n{self.log_tail()}") from None
        self._reader.join(PATIENCE)
        return code

    def log_tail(self) -> str:
        return "".join(self.log[-40:])

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                with self._changed:
                    self.log.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def command(data_dir: pathlib.Path, *options: str, port: int = 0) -> list[str]:
    """An option that is given takes the place of the default here: kithd refuses one twice."""
    given = {option.partition("=")[0] for option in options}
    defaults = {
        "--data-dir": data_dir,
        "--grpc-address": f"127.0.0.1:{port}",
        "--log-format": "json",
        "--threads": 2,
    }
    if "--no-encoder" not in given:
        defaults["--model-dir"] = MODEL
    kept = [f"{name}={value}" for name, value in defaults.items() if name not in given]
    return [str(KITHD), *kept, *options]


def as_event(line: str) -> dict[str, Any]:
    """A line of the log; empty for one that is no JSON object, as a sanitizer's."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


_shared: Optional[tuple[tempfile.TemporaryDirectory[str], Kithd]] = None


def shared_server() -> Kithd:
    """The server that most tests share; a test that ended it fails those after it, by name."""
    global _shared
    if _shared is None:
        folder = tempfile.TemporaryDirectory(prefix="kith-conformance-")
        _shared = (folder, Kithd(pathlib.Path(folder.name) / "data").wait_until_serving())
    return _shared[1]


def stop_shared_server() -> None:
    """After the last test: it must still be there, and stop in order."""
    if _shared is None:
        return
    folder, server = _shared
    running = server.is_running()
    code = server.stop() if running else server.process.returncode
    log = server.log_tail()
    folder.cleanup()
    if not running or code != 0:
        raise SystemExit(f"the shared kithd ended with {code}, running until then: {running}\n{log}")


class ServerCase(unittest.TestCase):
    """Tests with the shared server; `self.collection` is a name of the test's own."""

    _number = 0

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = shared_server()
        cls.client = kith.connect(cls.server.address, deadlines=DEADLINES)
        cls.addClassCleanup(cls.client.close)

    def setUp(self) -> None:
        ServerCase._number += 1
        self.collection = f"c{ServerCase._number}"
        if not self.server.is_running():
            self.fail(f"kithd has ended before this test:\n{self.server.log_tail()}")

    # --- Collections to work in ---

    def make_vectors(self, dimension: int = 4, metric: str = "cosine", **options: Any) -> str:
        """A new collection whose clients bring vectors."""
        self.client.collections.create(
            self.collection, dimension=dimension, metric=metric, **options
        )
        return self.collection

    def make_texts(self, **options: Any) -> str:
        """A new collection of text."""
        self.client.collections.create(self.collection, **options)
        return self.collection

    # --- What must be refused ---

    @contextlib.contextmanager
    def refused(
        self,
        kind: type[kith.Error],
        reason: str,
        field: Optional[str] = None,
        metadata: Optional[dict[str, str]] = None,
    ) -> Iterator[contextlib.AbstractContextManager]:
        """The block raises exactly this error, with code, reason, domain's details and field; the
        server is there afterwards and answers."""
        with self.assertRaises(kind) as caught:
            yield caught
        self.check_error(caught.exception, kind, reason, field, metadata)
        self.assert_alive()

    def check_error(
        self,
        error: kith.Error,
        kind: type[kith.Error],
        reason: str,
        field: Optional[str] = None,
        metadata: Optional[dict[str, str]] = None,
    ) -> None:
        self.assertIs(type(error), kind, error)
        self.assertEqual(error.code, kind.code)
        self.assertEqual(error.reason, reason, error)
        self.assertNotEqual(error.message, "")
        if field is not None:
            self.assertEqual(error.field, field, error)
        for key, value in (metadata or {}).items():
            self.assertEqual(error.metadata.get(key), value, (key, error.metadata))

    def assert_alive(self) -> None:
        self.assertTrue(self.server.is_running(), self.server.log_tail())
        self.client.server_info()

    # --- Bytes that the client would not send ---

    def raw_call(self, method: str, request: bytes) -> bytes:
        """A unary call of kith.v1 with the request's bytes as they are; raises kith.Error."""
        return raw_call(self.client, method, request)


def raw_call(client: kith.Client, method: str, request: bytes) -> bytes:
    """`method` is a full name, or one of kith.v1 as "SearchService/Search"."""
    path = f"/{method}" if "." in method.split("/")[0] else f"/kith.v1.{method}"
    call = client.channel.unary_unary(
        path, request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw
    )
    try:
        return call(request, timeout=DEADLINES.write)
    except grpc.RpcError as error:
        raise kith.errors.from_rpc_error(error) from None


def run_until_exit(
    data_dir: pathlib.Path, *options: str, port: int = 0, environment: Optional[dict] = None
) -> subprocess.CompletedProcess[str]:
    """A kithd that is expected to end by itself."""
    return subprocess.run(
        command(data_dir, *options, port=port),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        env={**os.environ, **(environment or {})},
    )


def length_delimited(field_number: int, payload: bytes) -> bytes:
    """One field of a message, as bytes: a string, bytes or a message."""
    return varint(field_number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
