"""Speed and memory on this machine: ``make bench``. Makes its own pictures, asks no network."""
