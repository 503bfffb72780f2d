"""The national scale and the national catalogue: the same for every pool, named by id and version."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from changhu_policies.values import plain
from changhu_policies.vocabulary import Status
from changhu_policies.yamls import read_yaml

NATIONAL: Final = Path(__file__).parent / "packs" / "national"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question of a scale (项目) and the scores that its options give."""

    key: str
    name: str
    options: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dimension (维度): its items, and the band of each total, first and last score included."""

    key: str
    name: str
    items: tuple[Item, ...]
    bands: Mapping[str, tuple[int, int]]

    def band(self, total: int) -> str:
        return next(band for band, (low, high) in self.bands.items() if low <= total <= high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A disability scale (失能等级评估量表): the grade is read from a table of two bands.

    The rows of `combination` are the bands of the first dimension, its columns the worst band of the others.
    `version` is a hash of what the scale says, wording included.
    """

    id: str
    version: str
    dimensions: tuple[Dimension, ...]
    combination: Mapping[str, Mapping[str, int]]
    status: Status
    bands: tuple[str, ...]
    grades: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    """One item that may be paid (服务项目)."""

    code: str
    kind: str
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A list of service items (服务项目目录); an item that is not in it is not paid."""

    id: str
    status: Status
    items: Mapping[str, CatalogueItem]

    def __contains__(self, code: str) -> bool:
        return code in self.items


@cache
def national_content() -> str:
    """What the national files say, as one canonical text: a part of every pack's version."""
    files = [plain(read_yaml(NATIONAL / name)) for name in ("scale.yaml", "catalogue.yaml")]
    return json.dumps(files, ensure_ascii=False, sort_keys=True)


@cache
def scales() -> Mapping[str, Scale]:
    """The scales that a grade may name."""
    said = read_yaml(NATIONAL / "scale.yaml")
    table = said["combination"]
    columns = tuple(table["columns"])
    dimensions = tuple(
        Dimension(
            key=key,
            name=each["name"],
            items=tuple(
                Item(key=item_key, name=item["name"], options=MappingProxyType(item["options"]))
                for item_key, item in each["items"].items()
            ),
            bands=MappingProxyType({band: (low, high) for band, (low, high) in each["bands"].items()}),
        )
        for key, each in said["dimensions"].items()
    )
    scale = Scale(
        id=said["id"],
        version=hashlib.sha256(json.dumps(plain(said), ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:12],
        dimensions=dimensions,
        combination={row: dict(zip(columns, table[row], strict=True)) for row in columns},
        status=table["status"],
        bands=columns,
        grades=MappingProxyType(said["grades"]),
    )
    return MappingProxyType({scale.id: scale})


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """The catalogues that a pack may name."""
    said = read_yaml(NATIONAL / "catalogue.yaml")
    items = {
        code: CatalogueItem(code=code, kind=kind, group=group, name=name)
        for kind in ("living_care", "medical_care")
        for code, group, name in said[kind]
    }
    catalogue = Catalogue(id=said["id"], status=said["status"], items=MappingProxyType(items))
    return MappingProxyType({catalogue.id: catalogue})
