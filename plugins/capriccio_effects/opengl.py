"""Run effects through OpenGL, on a graphics card where there is one."""

import atexit
import logging
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from capriccio import Canvas, skia_image

from .pictures import Array

logger = logging.getLogger("capriccio")

T = TypeVar("T")
Device = Literal["cpu", "gpu", "opengl"]
# Parts of the names of renderers that are programs, and run on the processor.
PROGRAMS = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software", "basic render", "gdi ")

ROOM = 2**30  # bytes of pictures that stay on a card: all that a slit scan shows


class OnDevice:
    """What effects share that run through OpenGL as well as on the processor.

    Args:
        device: "cpu"; "gpu" where there is a graphics card; "opengl" is OpenGL also where it is a
            program, such as Mesa's llvmpipe. Where that cannot be, a message says so, and the
            effect runs on the CPU. `device` of the effect is what it runs on in truth.
    """

    _opengl: "OpenGL | None" = None

    def __init__(self, *, device: Device = "cpu") -> None:
        if device not in ("cpu", "gpu", "opengl"):
            raise ValueError(f"device is 'cpu', 'gpu' or 'opengl', got {device!r}")
        self._asked: str = device

    @property
    def device(self) -> str:
        """What it runs on: "cpu", or the renderer of OpenGL; it is opened by the first picture."""
        return self._opengl.renderer if self._opengl else "cpu"

    def opengl(self) -> "OpenGL | None":
        """Return what it runs on, opened; None is the CPU."""
        if self._asked != "cpu":
            found = open_opengl()
            reason = found.reason
            if found.opengl and self._asked == "gpu" and found.opengl.is_program:
                reason = f"OpenGL is {found.opengl.renderer} here, which is no graphics card"
            self._opengl = None if reason else found.opengl
            if reason:
                logger.warning("effect %r runs on the CPU: %s", getattr(self, "name", ""), reason)
            self._asked = "cpu"  # the choice is made
        return self._opengl


class Found(NamedTuple):
    """OpenGL, or why there is none."""

    opengl: "OpenGL | None"
    reason: str = ""


@cache
def open_opengl() -> Found:
    """Return OpenGL, opened once for all effects."""
    try:
        return Found(OpenGL())
    except ImportError:
        extra = 'pip install "capriccio[gpu]"'
        return Found(None, f"moderngl, which opens OpenGL, is not installed; {extra}")
    except Exception as error:  # moderngl has no class of its own
        return Found(None, f"OpenGL cannot be opened: {' '.join(str(error).split()) or error!r}")


class OpenGL:
    """Draws with skia through OpenGL, in a thread of its own.

    A window has a context of OpenGL too, and each thread can have one current.

    Raises:
        Exception: it cannot be opened.
    """

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, "opengl")
        self._context: Any = None
        self.renderer: str = self._worker.submit(self._open).result()
        atexit.register(self._abandon)

    @property
    def is_program(self) -> bool:
        """Whether it runs on the processor."""
        return any(name in self.renderer.casefold() for name in PROGRAMS)

    def draw(self, size: tuple[int, int], paint: Callable[[Any], None]) -> Array:
        """Return an image `(height, width, 3)` uint8 that is drawn on a canvas of skia.

        Args:
            size: (width, height).
            paint: draws on the canvas; it is called in the thread of OpenGL.

        Raises:
            ValueError: the renderer has no room for so large a picture.
        """
        return self._worker.submit(self._draw, size, paint).result()

    def _open(self) -> str:
        import moderngl

        skia = loaded_skia()
        linux = platform.system() == "Linux"
        # On Linux without a display, as on a server.
        settings: Any = {"backend": "egl"} if linux else {}
        self._gl = moderngl.create_standalone_context(**settings)
        interface = [skia.GrGLInterface.MakeEGL()] if linux else []
        self._context = skia.GrDirectContext.MakeGL(*interface)
        if self._context is None:
            raise RuntimeError("skia cannot draw with it")
        self._context.setResourceCacheLimit(ROOM)
        return str(self._gl.info["GL_RENDERER"])

    def _draw(self, size: tuple[int, int], paint: Callable[[Any], None]) -> Array:
        skia = loaded_skia()
        info = skia.ImageInfo.Make(*size, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
        surface = skia.Surface.MakeRenderTarget(self._context, skia.Budgeted.kYes, info)
        pixels = np.empty((size[1], size[0], 4), np.uint8)
        if surface is not None:
            paint(surface.getCanvas())
        pixmap = skia.Pixmap(info, pixels, 4 * size[0])
        if surface is None or not surface.readPixels(pixmap):
            raise ValueError(f"{self.renderer} has no room for a picture of {size[0]}x{size[1]}")
        image = np.empty((*pixels.shape[:2], 3), np.uint8)
        for channel in range(3):  # one after the other is faster than all at once
            image[..., channel] = pixels[..., channel]
        return image

    def _abandon(self) -> None:
        """Leave what is on the card to the driver: its thread is gone when the interpreter ends."""
        self._worker.shutdown()
        self._context.abandonContext()


def loaded_skia() -> Any:
    """Return the module `skia`; where it does not load, the error says what to install."""
    if "skia" not in sys.modules:
        Canvas(1, 1).clear()
    import skia

    return skia


@cache
def compiled_shader(text: str) -> Any:
    """Return a shader in SkSL, compiled."""
    return loaded_skia().RuntimeEffect.MakeForShader(text)


def shader_of(effect: Any, images: dict[str, Any], uniforms: dict[str, Any]) -> Any:
    """Return a shader of skia with its pictures and uniforms.

    Args:
        effect: compiled.
        images: by their names: (image, whether pixels between others are mixed of them).
        uniforms: floats, or tuples of floats, by their names.
    """
    skia = loaded_skia()
    builder = skia.RuntimeShaderBuilder(effect)
    mirror = skia.TileMode.kMirror
    for name, (image, is_smooth) in images.items():
        mode = skia.FilterMode.kLinear if is_smooth else skia.FilterMode.kNearest
        sampling = skia.SamplingOptions(mode)
        builder.setChild(name, skia_image(image).makeShader(mirror, mirror, sampling))
    for name, value in uniforms.items():
        numbers = [float(one) for one in np.atleast_1d(value)]
        builder.setUniform(name, numbers[0] if len(numbers) == 1 else numbers)
    return builder.makeShader()
