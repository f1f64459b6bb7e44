"""HTTP: the server, what surrounds each request, request bodies, endpoints, and their document."""
