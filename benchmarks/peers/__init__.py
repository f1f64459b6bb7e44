"""The other servers and networks that the service is compared with; they run where they live."""
