"""The report on a dataset as one HTML page, which refers to nothing outside of itself, and its plots.

:mod:`gathering` passes once over the records and :mod:`beside` reads what operations left beside them;
:mod:`pictures` draws the images that are shown, and :mod:`page` puts all of it together.
"""
