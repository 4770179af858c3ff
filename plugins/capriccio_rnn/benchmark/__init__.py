"""Benchmarks of the part `rnn`: `python -m capriccio_rnn.benchmark --help`."""
