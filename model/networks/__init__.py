"""The network: everything that computes on tensors of crops and views, as ``torch.nn`` modules."""
