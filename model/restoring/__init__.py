"""Whole pictures: the restorer that users call, and how it cuts, weighs and joins tiles."""
