"""Measures the painter's speed beside generators of the published sizes, in one run."""
