"""What readers of the same images agree on, and what is made of their readings; nothing is drawn here."""

from __future__ import annotations

__all__: list[str] = []
