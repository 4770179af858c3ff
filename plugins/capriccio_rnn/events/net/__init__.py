"""The network that learns events."""
