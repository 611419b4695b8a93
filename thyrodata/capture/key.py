"""The key of a site: 32 random bytes that pseudonyms are made with, and that never leave with them.

Without it a pseudonym cannot be made, nor a guess be checked; record numbers are so few that a hash without
a key is undone by trying them all. With it anybody can, so that a dataset is pseudonymous, and not anonymous,
as long as the key or a copy of it is there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from thyrodata.errors import CaseError
from thyrodata.io.secretfile import check_place, create_secret, read_secret, shred

__all__ = ["KEY_BYTES", "TOKEN_BYTES", "DestroyedKey", "Key", "destroy_key", "load_key", "new_key"]

KEY_BYTES = 32
TOKEN_BYTES = 10
"""80 bits, 16 letters of base32: among a million patients two of one token have a chance of 4 in 10^13."""

_FORM = re.compile(rf"thyrodata-key-v1 ([0-9a-f]{{{2 * KEY_BYTES}}})")


@dataclass(frozen=True, slots=True)
class Key:
    """The secret of a site. It is not shown, copied or pickled: what is keyed is made in one process."""

    _secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self._secret) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")

    def __reduce__(self) -> NoReturn:
        """Refuse to leave the process.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a key is not pickled")

    def token(self, kind: str, *parts: str | bytes) -> str:
        """Return the token of something: 16 of the characters A-Z and 2-7, for 80 bits.

        Args:
            kind: What it is, such as ``patient``: things of two kinds have unrelated tokens.
            parts: What it is known by, without NUL but in the last part.
        """
        texts = (part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts)
        message = b"\0".join((f"thyrodata/v1/{kind}".encode(), *texts))
        return b32encode(hmac.digest(self._secret, message, hashlib.sha256)[:TOKEN_BYTES]).decode()

    @property
    def fingerprint(self) -> str:
        """Tells keys apart, and may be published: it says nothing of the key."""
        return self.token("fingerprint")


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyedKey:
    """What is left of a key."""

    fingerprint: str
    other_names: int
    """Hard links of the file, which hold zeros now."""

    @property
    def not_known(self) -> tuple[str, ...]:
        """What nobody can tell from here. Only without such copies are its pseudonyms irreversible."""
        return (
            "whether the file was ever copied or backed up",
            "whether the disk still holds the old blocks, as solid-state disks and snapshots do",
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "destroyed": self.fingerprint,
            "other_names": self.other_names,
            "not_known": list(self.not_known),
        }


def new_key(path: Path) -> Key:
    """Make a key and write it to a new file, which only its owner may read.

    Raises:
        UsageError: The place is inside a git work tree.
        OutputError: The file exists, or cannot be written.
    """
    check_place(path)
    secret = secrets.token_bytes(KEY_BYTES)
    create_secret(path, f"thyrodata-key-v1 {secret.hex()}\n".encode())
    return Key(secret)


def load_key(path: Path, *, out: Path | None = None) -> Key:
    """Return the key that a file holds.

    Args:
        path: The file.
        out: The dataset that is made with it, and must not contain it.

    Raises:
        UsageError: The file is a link, or lies inside the dataset or a git work tree.
        CaseError: It is missing, holds no key, or others than its owner may read it.
    """
    check_place(path, out)
    return _read(path)


def destroy_key(path: Path) -> DestroyedKey:
    """Overwrite and remove a key's file. Nothing else is removed: the file must hold a key.

    Raises:
        CaseError: It is missing, a link, holds no key, or others than its owner may read it.
        OutputError: It cannot be overwritten or removed.
    """
    key = _read(path)
    return DestroyedKey(fingerprint=key.fingerprint, other_names=shred(path))


def _read(path: Path) -> Key:
    text = read_secret(path).decode("ascii", "replace")
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise CaseError(
            "the file holds no key", where=str(path), hint="make one with: thyrodata key new FILE"
        )
    return Key(bytes.fromhex(found[1]))
