"""Croissant metadata of a dataset on the Hub: its files, splits and columns, and Responsible AI fields.

The vocabulary is that of MLCommons' Croissant 1.1 and its Responsible AI extension 1.0. Three properties that
1.1 asks for are left out, since nothing in a dataset states them: its URL, its creators, and a date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from thyrodata.exports.about import statements as say
from thyrodata.exports.about.provenance import Provenance, SourceFacts
from thyrodata.exports.hub.columns import hub_columns
from thyrodata.exports.hub.croissantfields import IMAGES, SHARDS, class_sets, image_fields
from thyrodata.exports.hub.croissantrai import rai
from thyrodata.exports.hub.tree import Shard

__all__ = ["croissant"]

_CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

_CROISSANT_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _CROISSANT_TERMS},
}
"""Appendix 1 of the specification, and the two vocabularies that it recommends beside its own."""

_PARQUET = "application/x-parquet"
"""What the Hub and mlcroissant call Parquet; IANA's name for it is younger, and not read."""
_SPLITS = "splits"
_PARTS = {
    "train": "cr:TrainingSplit",
    "val": "cr:ValidationSplit",
    "validation": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}


def croissant(about: Provenance, shards: Sequence[Shard], *, features: Iterable[Mapping[str, Any]]) -> bytes:
    """Return ``croissant.json`` of a dataset's tree; its files are named relative to it.

    Columns that nest records within records (findings with their geometries, nodules) have no place in
    Croissant's fields; the description says where they are explained.

    Args:
        about: The dataset.
        shards: Its Parquet files.
        features: The columns, as the card's ``dataset_info`` has them.
    """
    columns = hub_columns(features)
    said = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [*_CONFORMS_TO],
        "name": about.name,
        "description": " ".join([*say.summary(about), *say.grouping(about), *say.absences(about), _NESTED]),
        "license": [*_licences(about)],
        "identifier": f"sha256:{about.sha256}",
        "isLiveDataset": False,
        **({"citeAs": cited} if (cited := "\n".join(each.card.citation for each in about.sources)) else {}),
        **_derivation(about),
        **rai(about),
        "distribution": [*map(_file, shards), _file_set(shards)],
        "recordSet": [
            _splits(shards),
            *class_sets(columns),
            {
                "@type": "cr:RecordSet",
                "@id": IMAGES,
                "name": IMAGES,
                "description": "A record is an image.",
                "key": {"@id": f"{IMAGES}/image_id"},
                "field": [_split_field(), *image_fields(columns)],
            },
        ],
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()


_NESTED = (
    "Columns of the shards that hold records within records (findings, nodules, readings and others) are no "
    "fields here: the card explains them."
)


def _licences(about: Provenance) -> Iterator[str]:
    """Yield the licence of each source, behind its name where there are several."""
    yield from dict.fromkeys(say.of_sources(about, lambda each: each.licence)) or ["not stated"]


def _derivation(about: Provenance) -> dict[str, Any]:
    """Return the sources as PROV-O has them, and what made the dataset of them."""
    steps = [{"@type": "prov:Activity", "prov:label": step} for step in say.operations(about)]
    return {"prov:wasDerivedFrom": [*map(_entity, about.sources)], "prov:wasGeneratedBy": steps}


def _entity(source: SourceFacts) -> dict[str, str]:
    said = {"@type": "prov:Entity", "prov:label": source.card.title}
    return {**said, "url": source.link} if source.link else said


def _file(shard: Shard) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": shard.path,
        "name": shard.path,
        "contentUrl": shard.path,
        "contentSize": f"{shard.bytes} B",
        "encodingFormat": _PARQUET,
        "sha256": shard.sha256,
    }


def _file_set(shards: Iterable[Shard]) -> dict[str, Any]:
    """Return the set that a record set reads: of files beside the metadata, in no archive."""
    return {
        "@type": "cr:FileSet",
        "@id": SHARDS,
        "name": SHARDS,
        "description": "All Parquet files, in one record set.",
        "encodingFormat": _PARQUET,
        "includes": [shard.path for shard in shards],
    }


def _splits(shards: Iterable[Shard]) -> dict[str, Any]:
    parts = sorted({shard.part for shard in shards})
    return {
        "@type": "cr:RecordSet",
        "@id": _SPLITS,
        "name": _SPLITS,
        "description": "The parts of the split.",
        "dataType": "cr:Split",
        "key": {"@id": f"{_SPLITS}/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"{_SPLITS}/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": f"{_SPLITS}/url", "name": "url", "dataType": "sc:URL"},
        ],
        "data": [{f"{_SPLITS}/name": part, f"{_SPLITS}/url": _PARTS.get(part, "")} for part in parts],
    }


def _split_field() -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{IMAGES}/split",
        "name": "split",
        "description": "The part of the split.",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": SHARDS},
            "extract": {"fileProperty": "fullpath"},
            # A bare name is matched too: mlcroissant applies the expression to its own result when it joins.
            "transform": {"regex": "^(?:data/)?([^/]+)(?:/.*)?$"},
        },
        "references": {"field": {"@id": f"{_SPLITS}/name"}},
    }
