"""The text of a whole sketch."""

WHOLE = """
    import numpy as np
    from capriccio import Note, Sketch

    sketch = Sketch(size=(32, 24), fps=10)

    @sketch.play(bars=1)
    def bell(now):
        return [Note(60)]

    @sketch.draw
    def grey(now):
        return np.full((24, 32, 3), 0.5)

    sketch.run()
"""
