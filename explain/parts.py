"""The files of a run: numbered Parquet parts in one folder, each with a header that says what it is a run of."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from explain.runs import KEPT_CLASSES, UNKNOWN, Cases, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Where a part keeps its header among Parquet's own.
KEY = b"convlens"
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("name", pa.string()),
        ("sha256", pa.string()),
        ("called", pa.string()),
        ("label", pa.int32()),
        ("reason", pa.string()),
        ("predicted", pa.int32()),
        ("top", pa.list_(pa.int32())),
        ("probabilities", pa.list_(pa.float32())),
        ("label_probability", pa.float32()),
        ("margin", pa.float32()),
        ("embedding", pa.list_(pa.float16())),
    ]
)
COLUMNS = [name for name in SCHEMA.names if name != "embedding"]


@dataclass(frozen=True)
class Header:
    """What a run is a run of.

    model and label: the network's key and name. weights: their identity. classes: their names. pixels: how pictures
    were prepared. pictures: how many; checksum: which, with which labels. batch: how many at once; part: how many
    in one file. device and versions: what it was computed with.
    """

    model: str
    label: str
    weights: str
    classes: tuple[str, ...]
    pixels: dict[str, Any]
    pictures: int
    checksum: str
    batch: int
    part: int
    device: str
    versions: dict[str, str]

    @property
    def parts(self) -> range:
        """The numbers of the parts of the finished run."""
        return range(-(-self.pictures // self.part))

    def numbers(self, part: int) -> range:
        """Which pictures a part holds."""
        return range(part * self.part, min((part + 1) * self.part, self.pictures))

    def unlike(self, other: Header) -> str:
        """Say what makes this a run of something else, "" if nothing does."""
        facts = {
            "another network": (self.model, other.model),
            "other weights": (self.weights, other.weights),
            "other classes": (self.classes, other.classes),
            "another preparation of the pictures": (self.pixels, other.pixels),
            "other pictures or labels": (self.checksum, other.checksum),
            "another batch": ((self.batch, self.part), (other.batch, other.part)),
        }
        return ", ".join(name for name, (own, theirs) in facts.items() if own != theirs)


def part_of(folder: Path, number: int) -> Path:
    """Where a part lies once it is whole."""
    return folder / f"part-{number:05}.parquet"


def make_place(folder: Path) -> None:
    """Make the folder of a run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The folder {folder.name!r} cannot be made.", "Name another place.") from error


def write_part(folder: Path, number: int, header: Header, rows: dict[str, list[Any]]) -> None:
    """Write a part beside its place and move it there when it is whole and on the disk."""
    record = json.dumps(asdict(header), ensure_ascii=False).encode()
    table = pa.table(rows, schema=SCHEMA.with_metadata({KEY: record}))
    # Parquet's readers pass over names that begin with a dot, so what a killed run leaves is in nobody's way.
    beside = folder / f".{part_of(folder, number).name}.{os.getpid()}"
    try:
        with beside.open("wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(part_of(folder, number))
    except OSError as error:
        raise RunError(f"The run {folder.name!r} cannot be written.", "Is there room on the disk?") from error


def begun(folder: Path) -> dict[int, Header]:
    """List the parts that are there, by number, with their headers; a damaged one does not count.

    A place that holds something else than a run is refused.
    """
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise RunError(f"{folder.name!r} is a file; a run is a folder of parts.", "Name another place.")
    found: dict[int, Header] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        number = path.stem.removeprefix("part-")
        if not number.isdigit() or path != part_of(folder, int(number)):
            raise RunError(f"The folder {folder.name!r} holds something else than a run.", "Name another place.")
        try:
            found[int(number)] = _header(pq.read_schema(path))
        except (pa.ArrowInvalid, OSError):
            # Cut off by the machine, not by us: it is done again.
            continue
    return found


def checksums(folder: Path, number: int) -> list[str]:
    """List the checksums of the pictures in a part."""
    found: list[str] = pq.read_table(part_of(folder, number), columns=["sha256"], schema=SCHEMA)["sha256"].to_pylist()
    return found


def tidy(folder: Path, header: Header) -> None:
    """Remove what runs that were killed have left beside the parts of a finished one."""
    for number in header.parts:
        for left in folder.glob(f".{part_of(folder, number).name}.*"):
            left.unlink(missing_ok=True)


def read_parts(folder: Path) -> tuple[Header, Cases]:
    """Read all parts but their embeddings."""
    headers = begun(folder)
    if not headers:
        raise RunError(f"There is no run named {folder.name!r}.", "Make one with: convlens evaluate")
    first = next(iter(headers.values()))
    if any(first.unlike(header) for header in headers.values()):
        raise RunError(f"The parts of {folder.name!r} come from different runs.", "Make the run anew in another place.")
    return first, _cases(pa.concat_tables(_tables(folder, COLUMNS)))


def read_embeddings(folder: Path, cases: Cases) -> NDArray[np.float16] | None:
    """Read the embeddings of these cases, (N, D); None where the network has none.

    Parts that have been added since the cases were read are left out.
    """
    known = set(cases.number.tolist())
    tables = [t for t in _tables(folder, ["number", "embedding"]) if t.num_rows and t["number"][0].as_py() in known]
    found = [table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False) for table in tables]
    flat = np.concatenate(found) if found else np.empty(0, np.float16)
    answers = int(cases.fine.sum())
    if not flat.size:
        return None
    every = np.full((len(cases), flat.size // answers), np.nan, np.float16)
    every[cases.fine] = flat.reshape(answers, -1)
    return every


def _tables(folder: Path, columns: list[str]) -> Iterator[pa.Table]:
    for number in begun(folder):
        try:
            yield pq.read_table(part_of(folder, number), columns=columns, schema=SCHEMA)
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
            name = part_of(folder, number).name
            raise RunError(f"The part {name!r} of the run is damaged.", "Delete it and start the run again.") from error


def _header(schema: pa.Schema) -> Header:
    """Read a header; a file without one, or with another, is no part of a run."""
    try:
        record = json.loads((schema.metadata or {})[KEY])
        header = Header(**{field.name: record[field.name] for field in fields(Header)})
        return Header(**{**vars(header), "classes": tuple(header.classes)})
    except (KeyError, TypeError, ValueError) as error:
        raise RunError("A Parquet file without a run's header is no part of one.", "Name another place.") from error


def _cases(table: pa.Table) -> Cases:
    plain = {name: table[name].to_numpy() for name in COLUMNS if name not in ("label", "top", "probabilities")}
    fine = plain["predicted"] != UNKNOWN
    kept = pc.max(pc.list_value_length(table["top"])).as_py() or KEPT_CLASSES
    return Cases(
        **plain,
        label=table["label"].fill_null(UNKNOWN).to_numpy(),
        top=_columns(table["top"], fine, np.full((len(fine), kept), UNKNOWN, np.int32)),
        probabilities=_columns(table["probabilities"], fine, np.full((len(fine), kept), np.nan, np.float32)),
    )


def _columns(lists: pa.ChunkedArray, fine: NDArray[np.bool_], empty: NDArray[Any]) -> NDArray[Any]:
    """Lay the lists of the pictures that have an answer into rows; the others keep what is there."""
    empty[fine] = lists.combine_chunks().flatten().to_numpy().reshape(-1, empty.shape[1])
    return empty
