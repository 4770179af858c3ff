"""How the numbers of the beat tracker were found."""
