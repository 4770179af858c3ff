"""Time the part `gan` beside published generators: `python -m capriccio_gan.benchmark`."""
