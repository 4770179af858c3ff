"""Renders the instruments; not needed to play them."""
