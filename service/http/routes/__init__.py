"""The endpoints. What they do is elsewhere."""
