"""Decides which requests are accepted: limits on requests, pixels, memory, and time."""
