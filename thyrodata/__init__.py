"""Curate and convert thyroid ultrasound datasets."""

__version__ = "0.1.0"
