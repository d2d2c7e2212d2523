"""What went wrong, as exceptions: one class a canonical gRPC code, with the details that Kith sends.

    try:
        client.search("articles", text="How does attention work?")
    except kith.NotFound as error:
        print(error.reason)             # "COLLECTION_NOT_FOUND"
        print(error.metadata)           # {"collection": "articles", ...}

An error without a reason did not come from Kith: `Unavailable` then means that the server could not
be reached, `DeadlineExceeded` that no answer came in time (a write may have happened or not; repeat
it under its request id).
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Iterable, Mapping, Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from kith.v1 import error_details_pb2

DETAILS_TRAILER = "grpc-status-details-bin"

# The advice is a server's word: a wait beyond this would only hide a failure.
_LONGEST_ADVICE = datetime.timedelta(minutes=10)


@dataclasses.dataclass(frozen=True)
class FieldViolation:
    """A field of the request that is at fault."""

    field: str  # its path, as "documents[3].vector"
    description: str


class Error(Exception):
    """A call failed. Subclasses name the code; `reason` is the stable name for programs."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_after: datetime.timedelta | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        # As "DIMENSION_MISMATCH"; empty if the error did not come from Kith.
        self.reason = reason
        # Names and numbers that belong to the reason, and the "request_id" to look for in the log.
        self.metadata: dict[str, str] = dict(metadata or {})
        self.field_violations: tuple[FieldViolation, ...] = tuple(field_violations)
        # The server's advice when to try again, or None.
        self.retry_after = retry_after

    @property
    def field(self) -> str:
        """Path of the field at fault, or the empty string."""
        return self.field_violations[0].field if self.field_violations else ""

    def __str__(self) -> str:
        name = self.code.name + (f" ({self.reason})" if self.reason else "")
        return f"{name}: {self.message}"


class Cancelled(Error):
    code = grpc.StatusCode.CANCELLED


class Unknown(Error):
    code = grpc.StatusCode.UNKNOWN


class InvalidArgument(Error):
    """Fix the request."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class DeadlineExceeded(Error):
    """No answer in time. A write may have happened: repeat it under its request id."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class NotFound(Error):
    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(Error):
    code = grpc.StatusCode.ALREADY_EXISTS


class PermissionDenied(Error):
    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhausted(Error):
    """Slow down, or send less at a time."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class FailedPrecondition(Error):
    """Fix the state: the request is right, but not here and now."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(Error):
    """Somebody else was first: read again, and repeat the larger step."""

    code = grpc.StatusCode.ABORTED


class OutOfRange(Error):
    code = grpc.StatusCode.OUT_OF_RANGE


class Unimplemented(Error):
    code = grpc.StatusCode.UNIMPLEMENTED


class Internal(Error):
    code = grpc.StatusCode.INTERNAL


class Unavailable(Error):
    """Try again: the server starts, stops or cannot be reached."""

    code = grpc.StatusCode.UNAVAILABLE


class DataLoss(Error):
    """Stored data is damaged."""

    code = grpc.StatusCode.DATA_LOSS


class Unauthenticated(Error):
    code = grpc.StatusCode.UNAUTHENTICATED


_CLASSES: dict[grpc.StatusCode, type[Error]] = {
    kind.code: kind
    for kind in (
        Cancelled, Unknown, InvalidArgument, DeadlineExceeded, NotFound, AlreadyExists,
        PermissionDenied, ResourceExhausted, FailedPrecondition, Aborted, OutOfRange,
        Unimplemented, Internal, Unavailable, DataLoss, Unauthenticated,
    )
}  # fmt: skip
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def make_error(code: grpc.StatusCode, message: str, **details: object) -> Error:
    """The exception of a code."""
    return _CLASSES.get(code, Error)(message, code=code, **details)  # type: ignore[arg-type]


def error_of_number(code: int, message: str, **details: object) -> Error:
    """The same for a code by number, as it stands inside a message."""
    return make_error(_CODES.get(code, grpc.StatusCode.UNKNOWN), message, **details)


def from_rpc_error(error: grpc.RpcError) -> Error:
    """What gRPC raised, with the details of its trailer."""
    code = error.code() if hasattr(error, "code") else grpc.StatusCode.UNKNOWN
    message = (error.details() if hasattr(error, "details") else str(error)) or ""
    trailers = error.trailing_metadata() if hasattr(error, "trailing_metadata") else ()
    for key, value in trailers or ():
        if key == DETAILS_TRAILER:
            return make_error(code, message, **_parse_details(bytes(value)))
    return make_error(code, message)


def _parse_details(serialized: bytes) -> dict[str, object]:
    status = error_details_pb2.ErrorStatus()
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    if not _parsed(status, serialized):
        return {}
    _unpack(status.details, "google.rpc.ErrorInfo", info)
    _unpack(status.details, "google.rpc.BadRequest", bad_request)
    _unpack(status.details, "google.rpc.RetryInfo", retry)
    return {
        "reason": info.reason,
        "metadata": dict(info.metadata),
        "field_violations": [
            FieldViolation(violation.field, violation.description)
            for violation in bad_request.field_violations
        ],
        "retry_after": _advice(retry) if retry.HasField("retry_delay") else None,
    }


def _unpack(details: Iterable[Any], type_name: str, message: Message) -> None:
    """Parses the first detail of the type; leaves the message empty if none, or a broken one, is there."""
    for detail in details:
        if detail.type_url.rpartition("/")[2] == type_name:
            if not _parsed(message, detail.value):
                message.Clear()
            return


def _parsed(message: Message, serialized: bytes) -> bool:
    try:
        message.ParseFromString(serialized)
    except DecodeError:
        return False
    return True


def _advice(retry: error_details_pb2.RetryInfo) -> datetime.timedelta:
    delay = retry.retry_delay
    # Clamped as a number first: a timedelta does not hold every int64 of seconds.
    seconds = min(max(delay.seconds + delay.nanos / 1e9, 0.0), _LONGEST_ADVICE.total_seconds())
    return datetime.timedelta(seconds=seconds)
