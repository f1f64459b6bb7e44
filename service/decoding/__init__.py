"""Decoding picture files in processes that can be ended and that are bounded in time and memory.

A file comes from anybody, and a decoder is C code that nobody can interrupt. So pictures are
decoded in processes beside the service: ``workers`` starts them and talks to them, ``process`` is
what runs in them, ``wire`` is how both talk, ``limits`` is what one file may cost.
"""
