"""The networks of the text-conditioned painter: listener, painter, judge, and the player."""
