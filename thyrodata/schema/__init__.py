"""The data model: frozen dataclasses, the truth in memory (layer 1: standard library, no files)."""
