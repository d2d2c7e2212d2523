"""The safetensors container: u64 header length, JSON header, raw little-endian tensors."""

import json
import struct

import numpy as np

_DTYPES = {"F16": np.float16, "F32": np.float32}


def save_f16(path, tensors):
    """`tensors`: name -> array; written as F16 in the order of their names."""
    header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        values = np.asarray(tensors[name], np.float32)
        largest = np.abs(values).max(initial=0.0)
        if not largest <= np.finfo(np.float16).max:  # written so that a NaN fails too
            raise ValueError(f"{name}: {largest} does not fit in F16")
        data = values.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def load(path):
    """name -> float32 array"""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[begin:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = values.astype(np.float32)
    return tensors
