"""The brush: marks, and a network that says which mark would help a painting most."""
