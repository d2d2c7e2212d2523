"""Certificates for the tests, made by the openssl command when they are needed: none is kept."""

from __future__ import annotations

import pathlib
import subprocess
from typing import NamedTuple


class Pair(NamedTuple):
    cert: pathlib.Path
    key: pathlib.Path


class Authority:
    """Signs certificates; its own is `cert`."""

    def __init__(self, folder: pathlib.Path, name: str = "ca") -> None:
        self._folder = folder
        self._number = 0
        self.cert = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            "req", "-x509", *_new_key(self._key), "-out", self.cert, "-days", "2",
            "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip

    def issue(self, name: str, hosts: str = "IP:127.0.0.1,DNS:localhost", days: int = 2) -> Pair:
        """A certificate for a server at `hosts`, or for a client. Negative days: expired."""
        self._number += 1
        stem = self._folder / f"{self.cert.stem}-{self._number}-{name}"
        pair = Pair(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        request = stem.with_suffix(".csr")
        _openssl(
            "req", "-new", *_new_key(pair.key), "-out", request, "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={hosts}",
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key,
            "-CAcreateserial", "-copy_extensions", "copyall", "-days", str(days),
            "-out", pair.cert,
        )  # fmt: skip
        return pair


def _new_key(path: pathlib.Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path)]


def _openssl(*arguments: object) -> None:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")
