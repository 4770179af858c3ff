"""Effects as fragment shaders: each computes what its generator computes on the processor.

A fragment returns the levels of a pixel, 0..255, from its place in whole numbers. `image(at)`, and
each further picture by its name, gives levels in the same way; `size` is that of the image.
"""

from typing import Any

import numpy as np

from .opengl import OpenGL, compiled_shader, loaded_skia, shader_of
from .pictures import Array

HEAD = """
uniform float2 size;
float light(float3 levels) { return floor(dot(levels, float3(2.0, 5.0, 1.0)) / 8.0); }
"""
PICTURE = """
uniform shader _{0};
float3 {0}(float2 at) {{ return floor(float3(_{0}.eval(at + 0.5).rgb) * 255.0 + 0.5); }}
"""
TAIL = """
half4 main(float2 at) { return half4(half3(fragment(floor(at)) / 255.0), 1.0); }
"""
FRAGMENTS = {
    "posterise": """float3 fragment(float2 at) {
  float3 steps = min(floor(image(at) * count / 256.0), count - 1.0);
  return floor(steps * 255.0 / (count - 1.0) + 0.01);
}""",
    # Which of a palette is the nearest to 32 levels of each colour, as a picture of 256x128.
    "palette": """float3 fragment(float2 at) {
  float3 coarse = floor(image(at) / 8.0);
  float place = dot(coarse, float3(1024.0, 32.0, 1.0));
  return nearest(float2(mod(place, 256.0), floor(place / 256.0)));
}""",
    "chromatic": """float3 moved(float2 at, float2 far) {
  float2 from = at - far;
  bool inside = all(greaterThanEqual(from, float2(0.0))) && all(lessThan(from, size));
  return image(inside ? from : at);
}
float3 fragment(float2 at) {
  return float3(moved(at, far).r, image(at).g, moved(at, -far).b);
}""",
    "vignette": """float3 fragment(float2 at) {
  float from_middle = length(at / max(size - 1.0, 1.0) * 2.0 - 1.0) / sqrt(2.0);
  float dark = clamp((from_middle - inner) / (1.0 - inner), 0.0, 1.0);
  float left = 255.0 * (1.0 - amount * dark * dark * (3.0 - 2.0 * dark));
  return floor((image(at) * floor(left) + 255.0) / 256.0);
}""",
    # The tile has how much lighter levels become in red, and how much darker in green.
    "grain": """float3 fragment(float2 at) {
  float2 change = floor(tile(mod(at + place, 512.0)).rg * amount);
  float3 lighter = min(image(at) + change.r, 255.0);
  return max(lighter - change.g, 0.0);
}""",
    "edges": """float grey(float2 at) { return light(image(clamp(at, float2(0.0), size - 1.0))); }
float3 fragment(float2 at) {
  float2 right = float2(reach, 0.0), down = float2(0.0, reach);
  float edge = abs(grey(at + right) - grey(at - right)) + abs(grey(at + down) - grey(at - down));
  float ink = clamp(edge * gain - low, 0.0, 255.0);
  return ground == 0.0 ? float3(255.0 - ink) : ground == 1.0 ? float3(ink)
    : image(at) * (255.0 - ink) / 255.0;
}""",
    "lens": """float3 fragment(float2 at) {
  float2 from = at - middle;
  float far = length(from) / reach;
  if (far < 1.0) from *= pow(max(far, 1e-3), power - 1.0);
  return image(clamp(floor(from + 0.5) + middle, float2(0.0), size - 1.0));
}""",
    # Blocks of the mean of the image, each as one pixel; odd rows of them begin `aside`.
    "mean": """float3 fragment(float2 at) {
  float2 from = at * side + float2(mod(at.y, 2.0) * aside, 0.0);
  float2 to = min(from + side, size);
  float3 sum = float3(0.0);
  for (int y = 0; y < 1024; y++) {
    if (from.y + float(y) >= to.y) break;
    for (int x = 0; x < 1024; x++) {
      if (from.x + float(x) >= to.x) break;
      sum += image(from + float2(x, y));
    }
  }
  return floor(sum / max((to.x - from.x) * (to.y - from.y), 1.0) + 0.5);
}""",
    "tiles": """float3 fragment(float2 at) {
  float row = floor(at.y / side), odd = mod(row, 2.0) * aside;
  float last = ceil((whole.x - odd) / side) - 1.0;
  float2 block = float2(clamp(floor((at.x - odd) / side), 0.0, last), row);
  float2 inside = mod(at + float2(odd > 0.0 ? side - aside : 0.0, 0.0), side);
  float2 near = min(inside, side - 1.0 - inside);
  float share = min(near.x, near.y) < joint ? 1.0 - 0.8 * strength
    : 1.0 - 0.25 * strength * (inside.x + inside.y) / (2.0 * side);
  return floor((image(block) * floor(255.0 * share) + 255.0) / 256.0);
}""",
    # 0 in the ramp is where the other picture comes first.
    "wipe": """float3 fragment(float2 at) {
  float share = is_fade > 0.0 ? position * 255.0
    : floor(clamp((position * (255.0 + soft) - ramp(at).r) / soft * 255.0, 0.0, 255.0));
  return floor((other(at) * share + image(at) * (255.0 - share) + 255.0) / 256.0);
}""",
    "feedback": """float3 fragment(float2 at) {
  float2 from = at + 0.5 - size / 2.0;
  from = float2(dot(from, turn), dot(from, float2(-turn.y, turn.x))) + size / 2.0;
  bool inside = all(greaterThanEqual(from, float2(0.0))) && all(lessThan(from, size));
  float3 before = inside ? last(floor(from)) : float3(0.0), now = image(at);
  if (mode == 1.0) return mix(now, before, 0.98 * amount);
  before = floor(before * floor(amount * 256.0 + 0.5) / 256.0);
  return mode == 2.0 ? now + before - now * before / 255.0
    : mode == 3.0 ? abs(now - before) : max(now, before);
}""",
    # What moves above, the ground below it: 128 times its light, in two levels.
    "motion": """float3 fragment(float2 at) {
  float2 place = float2(at.x, mod(at.y, size.y));
  float3 was = ground(place);
  float before = was.r * 128.0 + was.g;
  float gap = light(image(place)) * 128.0 - before;
  if (at.y < size.y)
    return float3(clamp(floor(abs(gap - floor(gap * rate)) / 128.0) - low, 0.0, 24.0) * 10.0);
  float level = before + floor(gap * rate);
  return float3(floor(level / 128.0), mod(level, 128.0), 0.0);
}""",
    # A small mask made large, its border steeper.
    "mask": """float3 fragment(float2 at) {
  float2 place = clamp((at + 0.5) * size / whole - 0.5, float2(0.0), size - 1.0);
  float2 one = floor(place), other = min(one + 1.0, size - 1.0), share = place - one;
  float3 upper = mix(image(one), image(float2(other.x, one.y)), share.x);
  float3 lower = mix(image(float2(one.x, other.y)), image(other), share.x);
  return clamp(128.0 + (mix(upper, lower, share.y) - 128.0) * steepness, 0.0, 255.0);
}""",
    "kaleidoscope": """float3 fragment(float2 at) {
  float2 place = at - (size - 1.0) / 2.0;
  float angle = abs(mod(atan(place.y, place.x) + wedge / 2.0, wedge) - wedge / 2.0);
  place = length(place) * float2(cos(angle), sin(angle));
  place = float2(place.x * turn.x - place.y * turn.y, place.x * turn.y + place.y * turn.x);
  place += (size - 1.0) / 2.0;
  place = sign(place) * floor(abs(place) + 1e-4);
  float2 period = max(float2(1.0), 2.0 * size - 2.0);
  place = mod(place, period);
  return image(min(place, period - place));
}""",
    "displace": """float3 fragment(float2 at) {
  float2 moved = at + floor((light(by(at)) - 128.0) * far);
  return image(clamp(moved, float2(0.0), size - 1.0));
}""",
}


def drawn(
    opengl: OpenGL,
    name: str,
    over: Array,
    *,
    to_size: tuple[int, int] | None = None,
    uniforms: dict[str, Any] | None = None,
    **images: Any,
) -> Array:
    """Return what a fragment makes of an image, pixel by pixel.

    Args:
        opengl: what draws it.
        name: of the fragment.
        over: the image.
        to_size: (width, height) of what is returned; that of the image unless given.
        uniforms: floats, or tuples of floats, by their names.
        images: further images, or images of skia, by their names.
    """
    values = {name: np.atleast_1d(value).tolist() for name, value in (uniforms or {}).items()}
    pictures = {"image": over, **images}
    kinds = {1: "float", 2: "float2"}
    declared = [f"uniform {kinds[len(value)]} {name};\n" for name, value in values.items()]
    shown = [PICTURE.format(name) for name in pictures]
    text = "".join([HEAD, *declared, *shown, FRAGMENTS[name], TAIL])
    height, width = over.shape[:2]

    def paint(canvas: Any) -> None:
        children = {f"_{name}": (one, False) for name, one in pictures.items()}
        shader = shader_of(compiled_shader(text), children, {"size": (width, height), **values})
        canvas.drawPaint(loaded_skia().Paint(Shader=shader))

    return opengl.draw(to_size or (width, height), paint)
