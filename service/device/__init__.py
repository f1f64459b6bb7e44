"""Runs the model on a CPU or a GPU. Only this package (and ``service.doctor``) imports torch."""
