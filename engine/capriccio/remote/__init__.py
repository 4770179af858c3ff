"""Hands on a show from outside: OSC, controllers and what they were taught to turn, presets."""

# Where OSC is heard unless another place is given: by this machine alone.
HOST, PORT = "127.0.0.1", 9000
