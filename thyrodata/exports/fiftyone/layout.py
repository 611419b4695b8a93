"""The description of a dataset's fields that FiftyOne keeps beside its samples: its ``metadata.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thyrodata.exports.fiftyone.labels import Document

__all__ = ["LISTS", "VERSION", "Layout", "labels_of"]

VERSION = "1.8.0"
"""The version of FiftyOne whose layout this is, the oldest that is taken; newer ones read and renew it."""

_Field = tuple[str, str]
"""A name and the kind of field that FiftyOne calls it, such as ``StringField``."""

_BOTH: tuple[_Field, ...] = (("id", "ObjectIdField"), ("tags", "ListField[StringField]"))
_DRAWN: tuple[_Field, ...] = (*_BOTH, ("attributes", "DictField[Attribute]"), ("label", "StringField"))
_LABELS: dict[str, tuple[_Field, ...]] = {
    "Classification": (
        *_BOTH,
        ("label", "StringField"),
        ("confidence", "FloatField"),
        ("logits", "VectorField"),
    ),
    "Detection": (
        *_DRAWN,
        ("bounding_box", "ListField[FloatField]"),
        ("mask", "ArrayField"),
        ("mask_path", "StringField"),
        ("confidence", "FloatField"),
        ("index", "IntField"),
    ),
    "Polyline": (
        *_DRAWN,
        ("points", "PolylinePointsField"),
        ("confidence", "FloatField"),
        ("index", "IntField"),
        ("closed", "BooleanField"),
        ("filled", "BooleanField"),
    ),
}
"""The fields that every label of a class has (``fiftyone.core.labels``)."""

LISTS = {
    "Classifications": ("classifications", "Classification"),
    "Detections": ("detections", "Detection"),
    "Polylines": ("polylines", "Polyline"),
}
"""Where a list of labels keeps them, and of what class they are."""

_METADATA: tuple[_Field, ...] = (
    ("size_bytes", "IntField"),
    ("mime_type", "StringField"),
    ("width", "IntField"),
    ("height", "IntField"),
    ("num_channels", "IntField"),
)
_SAMPLE: tuple[_Field, ...] = (
    ("_media_type", "StringField"),
    ("_dataset_id", "ObjectIdField"),
    ("id", "ObjectIdField"),
    ("created_at", "DateTimeField"),
    ("filepath", "StringField"),
    ("metadata", "EmbeddedDocumentField[ImageMetadata]"),
    ("last_modified_at", "DateTimeField"),
    ("tags", "ListField[StringField]"),
    ("_rand", "FloatField"),
)
"""The fields that every sample has (``fiftyone.core.fields``, ``fiftyone.core.metadata``)."""

_PLAIN = {
    bool: "BooleanField",
    dict: "DictField",
    float: "FloatField",
    int: "IntField",
    str: "StringField",
}
_IN_DATABASE = {"id": "_id"}
_KEPT_BY_FIFTYONE = frozenset({"created_at", "last_modified_at"})
_OWN = {"_id", "_cls", *(name for name, _ in _SAMPLE)}


class Layout:
    """Learns the fields of samples as they go by: none is described otherwise than it is filled."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, dict[str, str]]] = {}

    def learn(self, sample: Document) -> None:
        """Take note of the fields of a sample, and of the attributes of its labels."""
        for name, value in sample.items():
            if name in _OWN:
                continue
            if name not in self._fields:
                kind = _kind(value)
                self._fields[name] = (kind, dict(_LABELS.get(LISTS.get(kind, ("", kind))[1], ())))
            attributes = self._fields[name][1]
            for label in labels_of(value):
                for attribute in label.keys() - attributes.keys() - _OWN:
                    attributes[attribute] = _kind(label[attribute])

    def names(self, *kinds: str) -> tuple[str, ...]:
        """Return the names of fields of these kinds, such as ``Detections``; of all, if no kind is named."""
        return tuple(name for name, (kind, _) in self._fields.items() if not kinds or kind in kinds)

    def document(self, name: str, *, info: Mapping[str, Any], app_config: Document) -> Document:
        """Return what FiftyOne keeps of the dataset. It says no time and no id, which an import gives.

        Args:
            name: Of the dataset.
            info: What the dataset says of itself.
            app_config: How the App shows it.
        """
        return {
            "name": name,
            "version": VERSION,
            "media_type": "image",
            "group_media_types": {},
            "tags": [],
            "info": dict(info),
            "app_config": app_config,
            "classes": {},
            "default_classes": [],
            "mask_targets": {},
            "default_mask_targets": {},
            "skeletons": {},
            "sample_fields": [*(_described(*each) for each in _SAMPLE), *map(self._learned, self._fields)],
            "frame_fields": [],
            "saved_views": [],
            "workspaces": [],
            "annotation_runs": {},
            "brain_methods": {},
            "evaluations": {},
            "runs": {},
        }

    def _learned(self, name: str) -> Document:
        kind, attributes = self._fields[name]
        if kind in _LABELS:
            return _embedded(name, kind, _attributes(kind, attributes))
        if kind not in LISTS:
            return _described(name, kind)
        key, of = LISTS[kind]
        listed = _described(key, "ListField[EmbeddedDocumentField]")
        listed |= {"embedded_doc_type": _document_type(of), "fields": _attributes(of, attributes)}
        logits = [_described("logits", "VectorField")] if kind == "Classifications" else []
        return _embedded(name, kind, [listed, *logits])


def _attributes(of: str, learned: Mapping[str, str]) -> list[Document]:
    added = sorted(learned.items() - dict(_LABELS[of]).items())
    return [_described(*field) for field in (*_LABELS[of], *added)]


def _embedded(name: str, of: str, fields: list[Document]) -> Document:
    return _described(name, "EmbeddedDocumentField") | {
        "embedded_doc_type": _document_type(of),
        "fields": fields,
    }


def _document_type(name: str) -> str:
    return f"fiftyone.core.{'metadata' if name == 'ImageMetadata' else 'labels'}.{name}"


def _described(name: str, kind: str) -> Document:
    outer, _, inner = kind.removesuffix("]").partition("[")
    fields: list[Document] = []
    of, subfield = None, None
    match inner:
        case "ImageMetadata":
            of, fields = _document_type(inner), [_described(*each) for each in _METADATA]
        case "Attribute":
            of, subfield = _document_type(inner), "fiftyone.core.fields.EmbeddedDocumentField"
        case _ if inner:
            subfield = f"fiftyone.core.fields.{inner}"
    return {
        "name": name,
        "ftype": f"fiftyone.core.fields.{outer}",
        "embedded_doc_type": of,
        "subfield": subfield,
        "fields": fields,
        "db_field": _IN_DATABASE.get(name, name),
        "description": None,
        "info": None,
        "read_only": name in _KEPT_BY_FIFTYONE,
        "created_at": None,
    }


def labels_of(value: Any) -> Sequence[Document]:
    """Return the labels that a field of a sample holds: none, one or a list."""
    kind = value.get("_cls") if isinstance(value, dict) else None
    if kind in LISTS:
        found: list[Document] = value[LISTS[kind][0]]
        return found
    return (value,) if kind in _LABELS else ()


def _kind(value: Any) -> str:
    match value:
        case list():
            return f"ListField[{_kind(value[0])}]"
        case {"_cls": kind}:
            return str(kind)
    return _PLAIN[type(value)]
