"""Makes answers: which format the caller wants, the reports, and the encoded pictures."""
