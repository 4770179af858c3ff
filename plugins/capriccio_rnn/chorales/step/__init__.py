"""The chorale network as it is played, step by step."""
