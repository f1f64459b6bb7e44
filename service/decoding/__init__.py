"""Decoding picture files in processes that can be ended and that are bounded in time and memory.

A file comes from anybody, and a decoder is C code that nobody can interrupt. So pictures are
decoded in processes beside the service: ``process_host`` starts them, ``worker_process`` runs in
them, ``frames`` carries files and pictures, ``decode_limits`` bounds the time and memory per file.
``codec_threads`` are the threads that wait for them, and ``decode_errors`` explains what is wrong.
"""
