"""Vectors: sequences of floats in, `array.array("f")` out.

NumPy is not needed, and works: an array goes in as it is (float16 and int8 travel in their own
compact form), and `numpy.asarray(hit.vector)` reads what came out without copying it.
"""

from __future__ import annotations

import array
import sys
from typing import Any, Sequence, Union

from kith.v1 import common_pb2

# What a call takes: a list of numbers, an array.array, a NumPy array of one dimension, ...
VectorLike = Union[Sequence[float], "array.array[float]", Any]
# What a call returns: a sequence of floats with the buffer protocol.
Vector = array.array


def to_proto(vector: VectorLike) -> common_pb2.Vector:
    """The packed form. TypeError or ValueError for what is not one row of numbers."""
    if isinstance(vector, (str, bytes, bytearray)):
        raise TypeError(f"a vector is a sequence of numbers, not {type(vector).__name__}")
    if hasattr(vector, "dtype"):
        return _numpy_to_proto(vector)
    values = vector if _is_float_array(vector) else array.array("f", vector)
    return common_pb2.Vector(f32_le=_little_endian(values).tobytes(), dimension=len(values))


def from_proto(vector: common_pb2.Vector) -> "array.array[float]":
    """The values of a vector as the server sends it: packed float32, or a plain list."""
    if vector.WhichOneof("packed") == "f32_le":
        values = array.array("f")
        values.frombytes(vector.f32_le)
        return _little_endian(values)
    return array.array("f", vector.values)


def _numpy_to_proto(vector: Any) -> common_pb2.Vector:
    if vector.ndim != 1:
        raise ValueError(f"a vector has one dimension, this array has {vector.ndim}")
    if vector.dtype.kind == "i" and vector.dtype.itemsize == 1:
        return common_pb2.Vector(i8=vector.tobytes(), dimension=len(vector))
    if vector.dtype.kind == "f" and vector.dtype.itemsize == 2:
        return common_pb2.Vector(f16_le=vector.astype("<f2").tobytes(), dimension=len(vector))
    if vector.dtype.kind not in "fiu":
        raise TypeError(f"a vector holds real numbers, this array {vector.dtype}")
    return common_pb2.Vector(f32_le=vector.astype("<f4").tobytes(), dimension=len(vector))


def _is_float_array(vector: VectorLike) -> bool:
    return isinstance(vector, array.array) and vector.typecode == "f"


def _little_endian(values: "array.array[float]") -> "array.array[float]":
    if sys.byteorder == "little":
        return values
    swapped = array.array("f", values)
    swapped.byteswap()
    return swapped
