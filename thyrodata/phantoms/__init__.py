"""Synthetic thyroid ultrasound: transverse B-mode views of a neck that nobody has, with known nodules.

A phantom looks enough like a scanner's still to exercise every tool without a patient's data: skin, strap
muscles, a thyroid lobe with fully developed speckle, carotid artery, jugular vein and trachea, and up to
three nodules per view whose outlines are the truth. Points are continuous pixels: origin at the top-left
corner of the top-left pixel, x right, y down, the pixel in column j covers [j, j+1).
"""

from __future__ import annotations

from thyrodata.phantoms.model import Phantom, PhantomNodule, PhantomSpec
from thyrodata.phantoms.picture import jpeg_bytes, phantom

__all__ = ["Phantom", "PhantomNodule", "PhantomSpec", "jpeg_bytes", "phantom"]
