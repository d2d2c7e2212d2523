"""Metadata: a flat dict of Python values, typed as the server types fields.

    str -> keyword    list, tuple, set of str -> keyword list    bool -> bool
    int -> int64      float -> double                            datetime -> timestamp

Datetimes carry their time zone (a naive one names no moment) and come back in UTC, to the
microsecond.
"""

from __future__ import annotations

import datetime
from typing import Any, Mapping, Union

from google.protobuf.timestamp_pb2 import Timestamp
from kith.v1 import common_pb2

MetadataValue = Union[str, "list[str]", bool, int, float, datetime.datetime]
Metadata = Mapping[str, MetadataValue]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)
_INT64 = range(-(2**63), 2**63)


def fill(metadata: Metadata, out: Any) -> None:
    """Sets the entries of a message's map<string, Value>. TypeError or ValueError names the key."""
    for key, value in metadata.items():
        try:
            out[key].CopyFrom(to_proto(value))
        except (TypeError, ValueError) as error:
            raise type(error)(f"metadata[{key!r}]: {error}") from None


def to_proto(value: MetadataValue) -> common_pb2.Value:
    if isinstance(value, str):
        return common_pb2.Value(string_value=value)
    if isinstance(value, bool):  # before int, which it is too
        return common_pb2.Value(bool_value=value)
    if isinstance(value, int):
        if value not in _INT64:
            raise ValueError(f"{value} does not fit into 64 bits")
        return common_pb2.Value(int_value=value)
    if isinstance(value, float):
        return common_pb2.Value(double_value=value)
    if isinstance(value, datetime.datetime):
        return common_pb2.Value(timestamp_value=timestamp_to_proto(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return common_pb2.Value(string_list=common_pb2.StringList(values=items))
    raise TypeError(f"metadata has no type for a {type(value).__name__}")


def from_proto(metadata: Mapping[str, common_pb2.Value]) -> dict[str, MetadataValue]:
    return {key: value_from_proto(value) for key, value in metadata.items()}


def value_from_proto(value: common_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_list":
        return list(value.string_list.values)
    if kind == "timestamp_value":
        return timestamp_from_proto(value.timestamp_value)
    # None: of a kind that this version of the client does not know.
    return getattr(value, kind) if kind else None


def timestamp_to_proto(moment: datetime.datetime) -> Timestamp:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: it names no moment")
    micros = (moment - _EPOCH) // _MICROSECOND
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def timestamp_from_proto(timestamp: Timestamp) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
