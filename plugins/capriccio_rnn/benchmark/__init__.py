"""Measure the music player: `python -m capriccio_rnn.benchmark --help`."""
