"""A shader of your own as an effect: a fragment in SkSL or GLSL, its uniforms as knobs."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Canvas, Generator, Knob, Moment

from .opengl import Device, OnDevice, shader_of
from .pictures import Array, picture_of
from .shader_loops import loop_steps

logger = logging.getLogger("capriccio")

# What a shader is given by these names; every other uniform is a knob.
GIVEN = {"image", "resolution", "time", "beats", "iResolution", "iTime"}
# How many floats a uniform of a type has.
FLOATS = {"float": 1, "half": 1, "vec2": 2, "float2": 2, "half2": 2, "vec3": 3, "float3": 3}
FLOATS |= {"half3": 3, "vec4": 4, "float4": 4, "half4": 4}
UNIFORM = re.compile(
    r"(?:^|(?<=;))\s*(?:layout\s*\([^)]*\)\s*)?uniform\s+(\w+)\s+(\w+)\s*;(?:[ \t]*//(.*))?",
    re.MULTILINE,
)
MOST_STEPS = 10_000  # of loops for a pixel: half a minute for a picture of 1280x720
# A shader that is written for Shadertoy is wrapped, so that it reads as one of skia.
HEAD = """uniform shader image; uniform float2 iResolution; uniform float iTime;
half4 iChannel0_at(float2 at) { return image.eval(float2(at.x, 1.0 - at.y) * iResolution); }
"""
TAIL = """
half4 main(float2 at) {
  vec4 color = vec4(0.0);
  mainImage(color, vec2(at.x, iResolution.y - at.y));
  return half4(color.rgb, 1.0);
}
"""
# The picture swirls about its middle; this is what plays where no file is given.
SWIRL = """
uniform shader image;
uniform float2 resolution;
uniform float amount;  // how far the middle is turned
half4 main(float2 at) {
  float2 middle = resolution * 0.5;
  float2 place = at - middle;
  float far = length(place) / min(resolution.x, resolution.y);
  float angle = amount * 6.0 * exp(-8.0 * far * far);
  float2 turned = float2(place.x * cos(angle) - place.y * sin(angle),
                         place.x * sin(angle) + place.y * cos(angle));
  return image.eval(middle + turned);
}
"""


class Shader(OnDevice, Generator):
    """Run a shader over a picture: a file in SkSL, or in GLSL as on Shadertoy.

    In SkSL, write `uniform shader image;` and `half4 main(float2 at)`; `image.eval(at)` is the
    picture at a place in pixels. In GLSL, write `void mainImage(out vec4 color, in vec2 at)`;
    `texture(iChannel0, at / iResolution)` is the picture. The uniforms `resolution`, `time` and
    `beats` (`iResolution`, `iTime`) are given; every other uniform is a knob: a `float` is 0..1,
    `vec2` to `vec4` take as many numbers. A comment behind a uniform describes its knob.

    A file that is saved again is read again. Where it does not compile the last one that did stays.

    Args:
        file: the path of the shader; a swirl unless given.
        device: "gpu" runs it on a graphics card; see `OnDevice`.
    """

    seekable = "now"

    def __init__(self, file: str | Path = "", *, device: Device = "cpu") -> None:
        super().__init__(device=device)
        self._file = Path(file).expanduser() if file else None
        self._saved = 0  # when the file was saved, in nanoseconds
        self._effect: Any = None
        self._types: dict[str, int] = {}
        self._children: set[str] = set()
        self._declare(self._read()[0])

    def generate(self, now: Moment, *, over: Any = None, **uniforms: Any) -> Array:
        """Return what the shader makes of the picture.

        Args:
            over: the picture.
        """
        image = picture_of(over, self)
        self._update()
        if unknown := sorted(set(uniforms) - set(self._types)):
            known = ", ".join(self._types) or "none"
            raise TypeError(f"{self} has no knob {unknown[0]!r}; its uniforms are {known}")
        return self._draw(image, now, uniforms)

    def _read(self) -> tuple[str, int]:
        """Return the text of the shader, and when it was saved."""
        if self._file is None:
            return SWIRL, 1
        try:
            return self._file.read_text(encoding="utf-8"), self._file.stat().st_mtime_ns
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise ValueError(f"{self} cannot read {str(self._file)!r}: {reason}") from None

    def _declare(self, text: str) -> None:
        """Make knobs of the uniforms."""
        self._types, knobs = {}, {"over": type(self).knobs["over"]}
        for kind, name, comment in UNIFORM.findall(text):
            if name not in GIVEN and kind in FLOATS:
                self._types[name] = FLOATS[kind]
                number = FLOATS[kind] == 1
                default = 0.5 if number else (0.5,) * FLOATS[kind]
                knob_kind = "number" if number else "thing"
                knobs[name] = Knob(name, knob_kind, default, description=comment.strip())
        self.knobs = knobs  # type: ignore[misc]

    def _update(self) -> None:
        """Compile the shader where it was saved since the last time."""
        if self._effect is not None and self._file is not None:
            try:
                if self._file.stat().st_mtime_ns == self._saved:
                    return
            except OSError:  # it is being saved
                return
        elif self._effect is not None:
            return
        try:
            text, saved = self._read()
            effect = compiled(text, str(self))
        except ValueError as error:
            if self._effect is None:
                raise
            logger.warning("%s; the last one that compiled stays", error)
            if self._file is not None and self._file.is_file():
                self._saved = self._file.stat().st_mtime_ns
            return
        self._declare(text)
        self._effect, self._saved = effect, saved

    def _draw(self, image: Array, now: Moment, uniforms: dict[str, Any]) -> Array:
        import skia

        height, width = image.shape[:2]
        images = {str(child.name): (image, True) for child in self._effect.children()}
        declared = {str(one.name) for one in self._effect.uniforms()}
        given = {
            "resolution": (width, height),
            "iResolution": (width, height),
            "time": (now.seconds,),
            "iTime": (now.seconds,),
            "beats": (now.beats,),
        }
        for name, count in self._types.items():
            value = uniforms.get(name, self.knobs[name].default)
            numbers = np.atleast_1d(np.asarray(value, np.float64)).tolist()
            if len(numbers) != count or not np.isfinite(numbers).all():
                raise ValueError(f"uniform {name!r} of {self} takes {count} numbers, got {value!r}")
            given[name] = tuple(numbers)
        uniforms = {name: given[name] for name in declared & set(given)}

        def paint(canvas: Any) -> None:
            canvas.clear(skia.ColorBLACK)
            canvas.drawPaint(skia.Paint(Shader=shader_of(self._effect, images, uniforms)))

        if opengl := self.opengl():
            return opengl.draw((width, height), paint)
        canvas = Canvas(width, height)
        paint(canvas.skia)
        return canvas.pixels


def compiled(text: str, who: str) -> Any:
    """Return a shader, compiled.

    Raises:
        ValueError: it does not compile, when the message has the line, or loops for too long.
    """
    Canvas(1, 1)  # which says what to install where skia does not load
    import skia

    offset = 0
    if "mainImage" in text:
        head = HEAD
        offset = head.count("\n")
        body = re.sub(r"texture(?:2D)?\s*\(\s*iChannel0\s*,", "iChannel0_at(", text)
        text = head + re.sub(r"\biResolution\.xy\b", "iResolution", body) + TAIL
    try:
        found = skia.RuntimeEffect.MakeForShader(text)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{who} does not compile: {_explained(str(error), offset)}") from None
    if (steps := loop_steps(text)) > MOST_STEPS:
        raise ValueError(f"{who} loops {steps:,} times for a pixel, at most {MOST_STEPS:,}")
    return found


def _explained(message: str, offset: int) -> str:
    """Return the first error of skia's compiler in one line, with the line of the user's file."""
    lines = [line.strip() for line in message.splitlines() if "error" in line]
    first = lines[0] if lines else message.strip().splitlines()[0]
    found = re.search(r"error:\s*(?:\S*?:)?(\d+):\s*(.*)", first)
    if not found:
        return first.removeprefix("error:").strip()
    return f"line {max(1, int(found.group(1)) - offset)}: {found.group(2)}"
