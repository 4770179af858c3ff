"""The game that painter and judge play."""
