"""Threads that run calls for the event loop."""
