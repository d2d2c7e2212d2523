"""What a client can be told: TLS, deadlines and retries. The defaults suit an application beside its server."""

from __future__ import annotations

import dataclasses
import os
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Tls:
    """How the connection is encrypted. Paths of PEM files, read when the client is made."""

    # Authorities of the server's certificate; None: those that gRPC brings along.
    ca: Optional[str | os.PathLike[str]] = None
    # This client's certificate and its private key, for a server that asks for one.
    cert: Optional[str | os.PathLike[str]] = None
    key: Optional[str | os.PathLike[str]] = None


@dataclasses.dataclass(frozen=True)
class Deadlines:
    """Seconds that a call may take in all, its retries included, when the caller does not say."""

    read: float = 10.0  # get, list, count, statistics
    search: float = 30.0
    encode: float = 60.0  # encode, tokenize, split
    write: float = 120.0  # documents: upsert, delete
    manage: float = 60.0  # collections and operations


@dataclasses.dataclass(frozen=True)
class RetryOptions:
    """Pauses, in seconds, are a random part (a half to the whole) of first_pause * 2^(n-1), at most
    max_pause; or the server's advice if that is longer."""

    max_attempts: int = 5  # of a call; 1 means never try again
    # Of an ingestion to reach the server again without one acknowledgement in between: by default
    # about half a minute, time for a server to restart.
    max_stream_attempts: int = 12
    first_pause: float = 0.1
    max_pause: float = 5.0
