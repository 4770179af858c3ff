"""Performs cues on a clock to outputs: keeps the show alive, and ends every note."""
