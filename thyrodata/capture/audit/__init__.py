"""The leak audit: a captured dataset, looked at as a stranger would who has the originals at hand.

It is independent of the code that made the dataset: it reads DICOM by itself, has its own idea of what
identifies, and shares neither the allow-list nor the pseudonyms. It takes everything that stands in an
original for an identifier, and looks for it in everything that stands in the output. No finding quotes a
value.
"""

from __future__ import annotations

from thyrodata.capture.audit.kept import AUDIT, KeptAudit, content_sha256
from thyrodata.capture.audit.model import Audit, Check, Finding, Severity
from thyrodata.capture.audit.run import audit_capture

__all__ = [
    "AUDIT",
    "Audit",
    "Check",
    "Finding",
    "KeptAudit",
    "Severity",
    "audit_capture",
    "content_sha256",
]
