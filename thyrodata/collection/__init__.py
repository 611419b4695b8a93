"""A dataset of many captured files: read headers, name and order, process pixels, and publish at once.

The key, the ids and the file names stay in the main process; what workers get and give holds none of them but
the places of the files.
"""
