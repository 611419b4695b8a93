"""Explaining a trained baseline: where it looks, and where it fails. Nothing here imports torch by itself.

``failing`` finds the worst images of predictions, ``attention`` measures maps against outlines, ``gradcam``
makes the maps and imports torch, as does ``explain``, which does all of it and writes a folder.
"""
