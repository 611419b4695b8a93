"""Ultrasound DICOM becomes de-identified images and records: decode, regions, crop, text, pseudonyms.

What happens to one file stands here; ``collection`` makes a dataset of many. No error, log or record names a
source file or quotes a value of a header: a place is the ordinal of a file in the sorted listing.
"""
