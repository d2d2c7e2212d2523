"""Embeddings from Kith itself: a `kithd` of our own or one that runs already, asked by the command `kith encode`."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

import numpy as np

READY_SECONDS = 60
TEXTS_PER_CALL = 2000


def _free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _wait_until_open(address, server):
    host, port = address.rsplit(":", 1)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"kithd ended with status {server.returncode}")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"kithd did not open {address} within {READY_SECONDS} s")


@contextlib.contextmanager
def running_server(bin_dir, model_dir):
    """Starts kithd with the model; gives its address."""
    with tempfile.TemporaryDirectory() as data_dir, open(os.path.join(data_dir, "kithd.log"), "w") as log:
        address = _free_address()
        server = subprocess.Popen(
            [pathlib.Path(bin_dir) / "kithd", "--data-dir", os.path.join(data_dir, "data"), "--grpc-address", address,
             "--model-dir", model_dir], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_open(address, server)
            yield address
        finally:
            server.terminate()
            server.wait()


class KithEncoder:
    def __init__(self, bin_dir, address):
        self._command = [pathlib.Path(bin_dir) / "kith", "encode", "--server", address, "--json", "--file"]

    def embed(self, texts):
        """[texts, C] float32; a blank text, which Kith refuses to embed, is zero."""
        asked = [i for i, text in enumerate(texts) if text.strip()]
        rows = []
        for begin in range(0, len(asked), TEXTS_PER_CALL):
            rows.extend(self._encode([texts[i] for i in asked[begin:begin + TEXTS_PER_CALL]]))
        vectors = np.zeros((len(texts), len(rows[0])), np.float32)
        vectors[asked] = rows
        return vectors

    def _encode(self, texts):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
            # A line is a text: a line break inside one is white space to the tokenizer all the same.
            file.write("".join(" ".join(text.splitlines()) + "\n" for text in texts))
            file.flush()
            answer = subprocess.run([*self._command, file.name], check=True, stdout=subprocess.PIPE, text=True).stdout
        rows = [json.loads(line)["embedding"] for line in answer.splitlines()]
        if len(rows) != len(texts):
            raise RuntimeError(f"kith encode answered {len(rows)} lines to {len(texts)} texts")
        return rows
