"""Objections where pictures of patients were captured, and no audit says that nothing of them was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thyrodata.capture.audit import AUDIT, KeptAudit, content_sha256
from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, SchemaError
from thyrodata.publishing.objection import Objection
from thyrodata.publishing.terms import CAPTURED
from thyrodata.reports.datapage.beside import Beside
from thyrodata.schema.plain import from_plain
from thyrodata.survey import Member

__all__ = ["of_identity"]

_RUN = "run `thyrodata capture audit RAW DATA`, which needs the scanner's export"


def of_identity(dataset: Dataset, beside: Beside, members: Sequence[Member]) -> Iterator[Objection]:
    """Yield an objection if a source was captured and the dataset has no passed audit of what it holds now.

    Records, images and manifest of a dataset never change, and files that are added beside them are made of
    them: so an audit holds for good, and none holds for a dataset that is made of the audited one.

    Raises:
        DatasetError: The account of the audit is damaged.
    """
    if all(source.converter != CAPTURED for source in dataset.manifest.sources):
        return
    where = str(dataset.path / AUDIT)
    kept = _kept(beside, where)
    if kept is None:
        text = "captured pictures of patients, and the dataset has no capture audit"
        yield _unsure("audit-missing", text, where)
    elif kept.audit.leaks:
        first, *others = kept.audit.leaks
        text = f"the capture audit found a leak in {first.where}: {first.what}; and {len(others)} more"
        yield Objection(
            code="audit-failed",
            text=text,
            where=where,
            hint="mend it at the source, capture again, and audit what comes of it",
            override=None,
        )
    elif kept.content_sha256 != content_sha256(dataset):
        text = "the capture audit is of other records or images than the dataset has now"
        yield _unsure("audit-missing", text, where)
    elif unseen := [*_unseen(kept, members)]:
        yield _unsure("audit-partial", f"the capture audit {' and '.join(unseen)}", where)


def _kept(beside: Beside, where: str) -> KeptAudit | None:
    said = beside.account("capture-audit")
    try:
        return None if said is None else from_plain(KeptAudit, said)
    except SchemaError as error:
        raise DatasetError(
            f"the account of the capture audit cannot be read: {error.message}", where=where, hint=_RUN
        ) from None


def _unseen(kept: KeptAudit, members: Sequence[Member]) -> Iterator[str]:
    pictures = sum(member.path is not None for member in members)
    if kept.audit.pictures_compared < pictures:
        yield f"compared {kept.audit.pictures_compared} of {pictures} pictures with their originals"
    if pictures and not kept.audit.pictures_read:
        yield "read the text in none of them (--no-ocr)"


def _unsure(code: str, text: str, where: str) -> Objection:
    return Objection(code=code, text=text, where=where, hint=_RUN, override=code)
