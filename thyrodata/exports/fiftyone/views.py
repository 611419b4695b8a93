"""Views of a FiftyOne dataset that a curator would otherwise make by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from thyrodata.schema.manifest import Manifest
from thyrodata.schema.vocab import GroupKind

__all__ = ["groups_called", "save_views"]


def groups_called(manifest: Manifest) -> str:
    """Return what the groups of a dataset are called: ``patients`` only if each is one.

    A group named after an image may hold several, and a dataset may have groups of several kinds.
    """
    kinds = {tally.value for tally in manifest.counts if tally.what == "groups"}
    return "groups" if len(kinds) != 1 or kinds == {GroupKind.IMAGE.value} else f"{kinds.pop()}s"


def save_views(
    fiftyone: Any, made: Any, manifest: Manifest, part_of: Mapping[str, str], split: str | None
) -> tuple[str, ...]:
    """Save the views of a dataset that has just been made, and return their names.

    Args:
        fiftyone: The library.
        made: The FiftyOne dataset.
        manifest: Of the dataset that it shows.
        part_of: The parts of the split that is shown.
        split: Its name.
    """
    names = []
    for name, view in _views(fiftyone, made, manifest, sorted(set(part_of.values())), split):
        if len(view):
            made.save_view(name, view)
            names.append(name)
    return tuple(names)


def _views(
    fiftyone: Any, made: Any, manifest: Manifest, parts: list[str], split: str | None
) -> Iterator[tuple[str, Any]]:
    fields = made.get_field_schema()
    where = fiftyone.ViewField
    yield groups_called(manifest), made.group_by("group_id", order_by="row")
    for part in parts:
        yield f"{split} {part}", made.match(where(f"split_{str(split).replace('-', '_')}") == part)
    if "qc" in fields:
        yield "errors", made.match(where("qc_errors") > 0)
        yield "issues", made.exists("qc")
    if "marked" in fields:
        yield "marked", made.match(where("marked") == True)  # noqa: E712 -- an expression of FiftyOne
    if "same_picture" in fields:
        yield "same pictures", made.exists("same_picture").sort_by([("same_picture", 1), ("row", 1)])
