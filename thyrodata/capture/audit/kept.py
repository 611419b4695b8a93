"""The account of an audit, kept in the dataset that was audited, with what it is an account of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from thyrodata import __version__
from thyrodata.capture.audit.model import Audit
from thyrodata.dataset import MANIFEST, RECORDS_FILE, Dataset
from thyrodata.io.files import write_file, writing
from thyrodata.io.hashes import SUMS, format_sums, read_sums
from thyrodata.schema.plain import to_plain

__all__ = ["AUDIT", "KeptAudit", "content_sha256", "keep_audit"]

AUDIT = "reports/capture-audit.json"
"""The last audit; an earlier one is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAudit:
    """What :data:`AUDIT` holds."""

    thyrodata: str
    """The version that audited."""
    content_sha256: str
    """See :func:`content_sha256`."""
    scope: str
    """What was looked for, and what that does not show."""
    audit: Audit


def content_sha256(dataset: Dataset) -> str:
    """Return the SHA-256 of the checksums of a dataset's records, manifest and images.

    These are never rewritten. What is added beside them later (reports, splits) is made of them, and so
    does not make an audit an old one.

    Raises:
        DatasetError: There are no checksums, or they are damaged.
    """
    sums = read_sums(dataset.path / SUMS)
    facts = {
        path: digest
        for path, digest in sums.items()
        if path in {MANIFEST, RECORDS_FILE} or path.startswith("images/")
    }
    return sha256(format_sums(facts)).hexdigest()


def keep_audit(dataset: Dataset, audit: Audit) -> None:
    """Add the account of an audit to the dataset. It quotes no value of an original.

    Raises:
        DatasetError: The dataset's checksums are missing or damaged.
        OutputError: It could not be written.
    """
    kept = KeptAudit(
        thyrodata=__version__, content_sha256=content_sha256(dataset), scope=audit.scope, audit=audit
    )
    text = json.dumps(to_plain(kept), indent=2, ensure_ascii=False) + "\n"
    with dataset.adding() as folder:
        with writing(folder):
            (folder / AUDIT).parent.mkdir()
        write_file(folder / AUDIT, text.encode())
    dataset.note("capture audit")
