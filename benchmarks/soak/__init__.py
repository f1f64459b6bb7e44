"""A long mixed load on the real service, with callers who hang up."""
