"""The critic's network."""
