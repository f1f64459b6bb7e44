"""Gathers units of work of many callers into batches. Knows nothing about what the units are."""
