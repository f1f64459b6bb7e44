"""Files of weights and adapters: reading, writing, installing, and reducing the rank."""
