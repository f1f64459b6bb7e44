"""Training: one loop, three phases as values, data made on the fly."""
