"""Workers of a cluster that are this process."""


class LocalWorkers:
    """Map functions here, as the workers of the plugin `cluster` do elsewhere."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def map(self, function, things):
        """Yield results in order."""
        return map(function, things)
