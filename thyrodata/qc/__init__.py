"""Quality control: rules with permanent codes that read a dataset and modify nothing (layer 5).

A rule is of one record, of one image's pixels, or of the dataset; the table of all is in
:mod:`thyrodata.qc.table`, and docs/qc.md has a heading for each.
"""
