"""Random pseudonyms, and the table from patients to them that only the site has."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b32encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thyrodata.capture.key import KEY_BYTES, TOKEN_BYTES, Key
from thyrodata.capture.pseudonyms import Keyed, Pseudonym, is_placeholder, normalise_id
from thyrodata.errors import CaseError, OutputError
from thyrodata.io.secretfile import check_place, create_secret, read_secret, replace_secret
from thyrodata.schema.vocab import GroupKind

__all__ = ["RandomTokens"]

_VERSION = 1
_TOKEN = re.compile(r"P[A-Z2-7]{16}")
_SECRET = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}")


class RandomTokens:
    """Pseudonyms of patients that are drawn by lot, and kept in a crosswalk: a JSON file that lists them.

    Without the crosswalk no id can be turned into its pseudonym; its owner sees in it who is who. Studies and
    files are named with a key of its own, which is kept in it.

    Args:
        crosswalk: The file. If it exists it is continued, and else it is made by :meth:`keep`.
        out: The dataset that is made with it, and must not contain it.

    Raises:
        UsageError: The file is a link, or lies inside the dataset or a git work tree.
        CaseError: It is there, and is no crosswalk, or others than its owner may read it.
    """

    def __init__(self, crosswalk: Path, *, out: Path | None = None) -> None:
        check_place(crosswalk, out)
        self._path = crosswalk
        self._read = read_secret(crosswalk) if crosswalk.exists() else None
        self._secret = secrets.token_bytes(KEY_BYTES)
        self._patients: dict[tuple[str, str], tuple[str, str, str]] = {}
        if self._read is not None:
            self._secret, self._patients = _parse(self._read, crosswalk)
        self._keyed = Keyed(Key(self._secret))
        self._taken = {token for token, _, _ in self._patients.values()}

    @property
    def fingerprint(self) -> str:
        """See :class:`Pseudonyms`."""
        return self._keyed.fingerprint

    def group(
        self, *, patient_id: str | None, issuer: str | None, study_uid: str | None, file_sha256: str
    ) -> Pseudonym:
        """See :class:`Pseudonyms`."""
        if patient_id is None or is_placeholder(patient_id):
            return self._keyed.group(
                patient_id=None, issuer=issuer, study_uid=study_uid, file_sha256=file_sha256
            )
        known_by = (normalise_id(issuer), normalise_id(patient_id))
        if known_by not in self._patients:
            self._patients[known_by] = (self._draw(), issuer or "", patient_id)
        return Pseudonym(text=self._patients[known_by][0], kind=GroupKind.PATIENT)

    def _draw(self) -> str:
        token = ""
        while not token or token in self._taken:
            token = "P" + b32encode(secrets.token_bytes(TOKEN_BYTES)).decode()
        self._taken.add(token)
        return token

    def token(self, text: str) -> str:
        """See :class:`Pseudonyms`."""
        return self._keyed.token(text)

    def keep(self) -> None:
        """Write the crosswalk, whole or not at all. See :class:`Pseudonyms`.

        Raises:
            OutputError: It cannot be written, or another run has changed it meanwhile.
        """
        data = "\n".join(_lines(self._secret, list(self._patients.values()))).encode()
        if self._read is None:
            create_secret(self._path, data)  # refuses one that another run has made
        elif read_secret(self._path) != self._read:
            raise OutputError(
                "another run has changed the crosswalk", where=str(self._path), hint="run again after it"
            )
        else:
            replace_secret(self._path, data)
        self._read = data


def _lines(secret: bytes, patients: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the lines of the file, one for a patient, so that a person finds one."""
    yield f'{{"thyrodata_crosswalk": {_VERSION}, "secret": "{secret.hex()}", "patients": ['
    for number, (token, issuer, patient_id) in enumerate(patients, 1):
        row = json.dumps({"pseudonym": token, "issuer": issuer, "patient_id": patient_id})
        yield row if number == len(patients) else row + ","
    yield "]}\n"


def _parse(data: bytes, path: Path) -> tuple[bytes, dict[tuple[str, str], tuple[str, str, str]]]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):  # its text would quote the file
        said = None
    rows = said.get("patients") if isinstance(said, dict) else None
    if not _is_crosswalk(said) or not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise CaseError("the file is no crosswalk", where=str(path), hint="name the one of earlier runs")
    patients = {
        (normalise_id(row["issuer"]), normalise_id(row["patient_id"])): (
            row["pseudonym"],
            row["issuer"],
            row["patient_id"],
        )
        for row in rows
    }
    if not len(rows) == len(patients) == len({token for token, _, _ in patients.values()}):
        raise CaseError("a patient or a pseudonym is listed twice", where=str(path), hint="restore the file")
    return bytes.fromhex(said["secret"]), patients


def _is_crosswalk(said: Any) -> bool:
    return (
        isinstance(said, dict)
        and said.keys() == {"thyrodata_crosswalk", "secret", "patients"}
        and said["thyrodata_crosswalk"] == _VERSION
        and isinstance(said["secret"], str)
        and _SECRET.fullmatch(said["secret"]) is not None
    )


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() == {"pseudonym", "issuer", "patient_id"}
        and all(isinstance(text, str) for text in row.values())
        and _TOKEN.fullmatch(row["pseudonym"]) is not None
    )
