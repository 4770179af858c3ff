"""Train the critic; everything that needs torch is in this package."""
