"""Measures how exactly `audio` plays at a sound card."""
