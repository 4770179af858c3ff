"""Effects on pictures: generators that take a picture as `over=` and return another."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the effects."""
    from .blocks import Mosaic, Pixelate
    from .blurs import Blur, Glow
    from .colors import ChromaticShift, Palette, Posterise
    from .echoes import Feedback, Motion, SlitScan
    from .lines import Edges
    from .segment import Segment
    from .shader import Shader
    from .surfaces import Grain, Vignette
    from .warps import Displace, Kaleidoscope, Lens
    from .wipes import Wipe

    return [
        Blur,
        ChromaticShift,
        Displace,
        Edges,
        Feedback,
        Glow,
        Grain,
        Kaleidoscope,
        Lens,
        Mosaic,
        Motion,
        Palette,
        Pixelate,
        Posterise,
        Segment,
        Shader,
        SlitScan,
        Vignette,
        Wipe,
    ]
