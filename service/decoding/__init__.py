"""Decoding picture files in processes that can be ended and that are bounded in time and memory.

Files come from strangers, and a decoder is C code that cannot be interrupted. So pictures are
decoded in processes beside the service: ``process_host`` starts them, ``worker_process`` runs in
them, ``socket_frames`` carries files and pictures, ``decode_limits`` bounds time and memory.
``codec_threads`` are the threads that wait for them, and ``decode_errors`` explains what is wrong.
"""
