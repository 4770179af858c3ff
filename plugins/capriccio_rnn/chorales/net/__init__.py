"""The chorale player's network, and the same network as it is played."""
