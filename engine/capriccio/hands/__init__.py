"""Hands on a show from outside: OSC, controllers and what they were taught to turn, presets."""
