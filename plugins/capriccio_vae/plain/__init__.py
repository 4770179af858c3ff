"""The yardstick: the variational autoencoder of the first paper, on the same pictures."""
