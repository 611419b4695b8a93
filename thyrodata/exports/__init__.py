"""Exports to the formats that trainers read, all fed by one view (layer 6)."""
