"""Train a model of the part `gan` from a folder of pictures; torch is needed here alone."""
