"""Measurements of what the critic suggests and of the tastes that it learns."""
