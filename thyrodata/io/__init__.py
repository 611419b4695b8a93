"""The only place that opens files (layer 2)."""
