"""The YAML that stands before the Markdown of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

__all__ = ["front_matter"]


class _Dumper(yaml.SafeDumper):
    """Writes a value that stands in several places in full each time: not every reader knows aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- PyYAML's signature
        return True


def front_matter(values: Mapping[str, Any]) -> str:
    """Return plain values as YAML between two lines of ``---``, in their own order."""
    text = yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{text}---\n"
