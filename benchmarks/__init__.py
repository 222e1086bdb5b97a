"""Simulcast beside its peers: the same events, the same clients, one core for each server. `python -m benchmarks`."""
