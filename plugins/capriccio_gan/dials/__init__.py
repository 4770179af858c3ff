"""The dials: directions of the style that change the picture most, evenly calibrated."""
