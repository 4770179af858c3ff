"""The chorale player's network; as it is played, it is in `step`."""
