"""What came of one image as bytes, and files with a checksum: what was damaged is as good as not there."""

import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images.label_stack import PackedLabels
from voidlab.segment.frame import FrameResult
from voidlab.tables.written import replacing

_MAGIC = b"voidlab frame 1\n"
_COUNTS = ("status", "labelled_px", "valid_px", "smaller", "larger")


def write_sealed(file: Path, content: bytes) -> None:
    """Write ``content`` with a checksum, all of it or nothing."""
    with replacing(file) as temporary:
        temporary.write_bytes(_MAGIC + hashlib.sha256(content).digest() + content)


def read_sealed(file: Path) -> bytes | None:
    """What `write_sealed` wrote; None where that is not there, whole and unchanged."""
    try:
        found = file.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + 32
    content = found[start:]
    sealed = _MAGIC + hashlib.sha256(content).digest()
    return content if found[:start] == sealed else None


def pack(image: str, result: FrameResult) -> bytes:
    """Header (JSON), voids (Arrow), strips of the label image, one after the other."""
    labels = result.labels
    packed = PackedLabels.of(labels) if isinstance(labels, np.ndarray) else labels
    voids = _voids_to_bytes(result.voids)
    head = {name: getattr(result, name) for name in _COUNTS} | {
        "image": image,
        "sharpness": float(result.sharpness).hex(),
        "voids": len(voids),
        "labels": packed
        and {"shape": packed.shape, "dtype": packed.dtype, "strips": [*map(len, packed.strips)]},
    }
    header = json.dumps(head).encode()
    return b"".join([struct.pack("<I", len(header)), header, voids, *(packed.strips if packed else ())])


def unpack(content: bytes, image: str) -> FrameResult | None:
    """What `pack` packed; None where that is of another image."""
    size = 4 + struct.unpack_from("<I", content)[0]
    head = json.loads(content[4:size])
    if head["image"] != image:
        return None
    at = size + head["voids"]
    voids, labels = _voids_of_bytes(content[size:at]), None
    if head["labels"]:
        strips = []
        for length in head["labels"]["strips"]:
            strips.append(content[at : at + length])
            at += length
        height, width = head["labels"]["shape"]
        labels = PackedLabels((height, width), head["labels"]["dtype"], tuple(strips))
    counts = {name: head[name] for name in _COUNTS}
    return FrameResult(**counts, voids=voids, labels=labels, sharpness=float.fromhex(head["sharpness"]))


def _voids_to_bytes(voids: pd.DataFrame) -> bytes:
    # Arrow's own format takes less room than Parquet, of so few rows, and half the time.
    import pyarrow as pa

    table = pa.Table.from_pandas(tables.check(voids, "voids"), preserve_index=False)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _voids_of_bytes(content: bytes) -> pd.DataFrame:
    import pyarrow as pa

    return tables.check(pa.ipc.open_stream(content).read_all().to_pandas(), "voids")
