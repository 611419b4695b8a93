"""A dataset in a short table: what it holds, how it is split, what to know, where things lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from thyrodata.cli.output import NOTHING, lines, table
from thyrodata.schema.plain import to_plain

if TYPE_CHECKING:
    from thyrodata.conversion import Conversion
    from thyrodata.dataset import Dataset
    from thyrodata.demo import Demo
    from thyrodata.exports.run import Exported
    from thyrodata.schema.manifest import Manifest
    from thyrodata.splits import Leak

__all__ = [
    "conversion_json",
    "dataset_json",
    "exported_json",
    "leak_lines",
    "leaks_json",
    "print_conversion",
    "print_dataset",
    "print_demo",
    "print_exported",
    "print_split",
]


def dataset_json(dataset: Dataset) -> dict[str, Any]:
    """Return what :func:`print_dataset` prints, as plain values."""
    splits = {name: dataset.split_report(name) for name in dataset.splits}
    return {"path": str(dataset.path), "manifest": to_plain(dataset.manifest), "splits": splits}


def print_dataset(dataset: Dataset) -> None:
    """Print what a dataset holds."""
    manifest = dataset.manifest
    table(("", "n"), _things(manifest), title=f"{manifest.name}, {dataset.path}")
    labels = [(scope, *scheme) for scope in _SCOPES for scheme in _labels(manifest, scope)]
    if labels:
        table(("said of", "scheme", "values"), [(_SCOPES[what], *row) for what, *row in labels])
    for name in dataset.splits:
        print_split(dataset.split_report(name))
    lines(_notes(manifest))
    lines(_places(dataset))


_SCOPES = {
    "case-labels": "the case",
    "image-labels": "the image",
    "nodule-labels": "the nodule",
    "finding-labels": "the outline",
}


def _things(manifest: Manifest) -> Iterator[tuple[str, str]]:
    def many(word: str, what: str, value: str | None = None) -> tuple[str, str]:
        return (word, str(manifest.count(what, value)))

    yield from ((f"groups: {c.value}s", str(c.n)) for c in manifest.counts if c.what == "groups")
    yield many("images", "images")
    yield many("  with an outline", "outlined-images")
    if manifest.count("annotations-only"):
        yield many("  without an image file: annotations only", "annotations-only")
    if manifest.count("coverage", "none"):
        yield many("  with none, which does not make them negatives", "coverage", "none")
    if manifest.count("coverage", "partial"):
        yield many("  with outlines missing", "coverage", "partial")
    yield from ((f"findings: {c.value}", str(c.n)) for c in manifest.counts if c.what == "findings")
    yield ("items skipped", str(manifest.skips))
    yield many("remarks", "remarks")


def _labels(manifest: Manifest, what: str) -> Iterator[tuple[str, str]]:
    schemes: dict[str, list[str]] = {}
    for count in manifest.counts:
        if count.what == what:
            scheme, _, value = count.value.partition("/")
            schemes.setdefault(scheme, []).append(f"{value}: {count.n}")
    yield from ((scheme, ", ".join(values)) for scheme, values in schemes.items())


def print_split(report: dict[str, Any]) -> None:
    """Print the sizes and the prevalence of each part of a split."""
    if "balance" not in report:  # a split that the source publishes
        lines([f"split {report['name']}: {report['made']}"])
        return
    kinds = " and ".join(report["grouped_by"])
    scheme = report["stratified_by"]
    whole, parts = report["balance"]["whole"], report["balance"]["parts"]
    grades = list(whole["share_at_least"])
    shares = [f"≥ {grade}" for grade in grades]
    grouped = "groups" if kinds == "image" else f"{kinds}s"  # a group may hold several images all the same
    header = ("part", "images", grouped, "graded", *shares)
    rows = [
        (
            name,
            str(part["images"]),
            str(part["groups"]),
            str(part["labelled_groups"]),
            *(_percent(part["share_at_least"].get(grade)) for grade in grades),
        )
        for name, part in [*parts.items(), ("all", whole)]
    ]
    balanced = f", balanced by {scheme} (share of graded {kinds}s)" if scheme else ""
    table(header, rows, title=f"split {report['name']}, seed {report['seed']}: {kinds}-grouped{balanced}")


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f} %"


def _notes(manifest: Manifest) -> Iterator[str]:
    kinds = [count.value for count in manifest.counts if count.what == "groups"]
    if kinds != ["patient"]:
        names = " and ".join(kinds)
        yield f"note: the source names {names}s, not patients: one patient may be in several parts"
    for count in manifest.counts:
        if count.what == "remarks":
            yield f"note: remarks: {count.value} {count.n}, in the column remarks of the records"
    if manifest.skips:
        yield f"note: items that could not be read: {manifest.skips}, listed in reports/skipped.jsonl"
    for step in manifest.operations:
        yield f"note: {step.name} of {' and '.join(parent.name for parent in step.parents)}"
    several = len(manifest.sources) > 1
    for source in manifest.sources:
        yield f"note: licence{f' of {source.card}' if several else ''}: {source.licence}"


def _places(dataset: Dataset) -> Iterator[str]:
    yield f"records      {dataset.path / 'records.parquet'}"
    yield f"images       {dataset.path / 'images'}"
    for name in dataset.splits:
        yield f"COCO         {dataset.path / 'annotations' / name}"
    yield f"card         {dataset.path / 'README.md'}"


def conversion_json(made: Conversion) -> dict[str, Any]:
    """Return what :func:`print_conversion` prints, as plain values."""
    said = {
        "name": made.name,
        "out": str(made.out),
        "items": made.items,
        "images": made.images,
        "image_bytes": made.image_bytes,
        "skips": [to_plain(skip) for skip in made.skips],
    }
    return said | (dataset_json(made.dataset) if made.dataset else {"dry_run": True})


def print_conversion(made: Conversion) -> None:
    """Print what a conversion made, or what it would make."""
    if made.dataset:
        print_dataset(made.dataset)
    else:
        megabytes = made.image_bytes / 1e6
        lines([f"would write {made.images} images of {made.items} items to {made.out}: {megabytes:.1f} MB"])
    lines(f"skipped {skip.where}: {skip.reason}" for skip in made.skips)


def print_demo(made: Demo) -> None:
    """Print what the demo made and where to look."""
    lines([f"a synthetic release lies in {made.raw}; it was converted with", "", f"  {made.command}", ""])
    print_conversion(made.conversion)
    lines([f"look at       {made.sheet}"])


def leaks_json(found: Mapping[str, Sequence[Leak]]) -> dict[str, Any]:
    """Return the leaks of each split as plain values."""
    return {
        name: [{"code": leak.code, "message": leak.message, "image_ids": [*leak.image_ids]} for leak in leaks]
        for name, leaks in found.items()
    }


def leak_lines(found: Mapping[str, Sequence[Leak]], *, pixels: bool) -> Iterator[str]:
    """Yield a line per leak, and one per split that has none."""
    looked = ", no picture that is stored again or cropped" if pixels else ""
    for name, leaks in found.items():
        yield from (f"split {name}: {leak.code}: {leak.message}" for leak in leaks)
        if not leaks:
            yield f"split {name}: no group, no byte-identical image{looked} and no frame crosses parts"


def exported_json(made: Exported) -> dict[str, Any]:
    """Return what :func:`print_exported` prints, as plain values."""
    said = {"format": made.format, "out": str(made.out), "files": made.files, "bytes": made.bytes}
    return said | {"dry_run": made.dry_run, "refused": [*made.refused], **made.ledger.to_json()}


def print_exported(made: Exported) -> None:
    """Print what an export wrote, or would write, and what it lost and changed."""
    said = made.ledger.to_json()
    written = f"{said['written']['images']} images with {said['written']['findings']} findings"
    lines(
        [f"{'would write' if made.dry_run else 'wrote'} {written} to {made.out}: {made.bytes / 1e6:.1f} MB"]
    )
    losses = [(done, entry) for done in ("lost", "changed") for entry in said[done]]
    if losses:
        rows = [(e["name"], done, e["what"], str(e["n"]), e["reason"]) for done, e in losses]
        table(("name", "", "what", "n", "why"), rows)
    if said["fields"]:
        stated = ", ".join(f"{name} {n}" for name, n in said["fields"].items())
        lines([f"note: fields that {made.format} has no place for, and images that state them: {stated}"])
    lines(f"refused unless it is accepted: --accept {name}" for name in made.refused)
