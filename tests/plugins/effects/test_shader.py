import logging
import os

import numpy as np
import pytest
from capriccio import Moment, Sketch, generator
from capriccio.testing import Memory
from capriccio_effects.shader import compiled
from helpers.images import scene

NOW = Moment(beats=2.0, seconds=1.0)
INVERT = """
uniform shader image;
uniform float amount;  // how far it is inverted
uniform vec3 tint;
half4 main(float2 at) {
  half4 color = image.eval(at);
  return half4(mix(color.rgb, 1.0 - color.rgb, half(amount)) * half3(tint), 1.0);
}
"""
TOY = """
uniform float amount;
void mainImage(out vec4 color, in vec2 at) {
  vec2 uv = at / iResolution.xy;
  color = texture(iChannel0, uv) * amount + vec4(0.0, 0.0, fract(iTime), 0.0);
}
"""


def written(path, text, seconds):
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return path


def test_uniforms_may_share_a_line(tmp_path):
    text = (
        "uniform shader image; uniform float low;uniform float high; // the upper end\n"
        "half4 main(float2 at) { return half4(low, high, 0.0, 1.0) + 0.0 * image.eval(at); }\n"
    )
    shader = generator("shader", file=written(tmp_path / "ends.sksl", text, 1))
    assert shader.knobs["high"].description == "the upper end"
    image = shader(NOW, over=scene(1, (4, 4)), low=0.2, high=1.0)
    assert image[0, 0].tolist() == [51, 255, 0]


def test_uniforms_are_knobs(tmp_path):
    image = scene(1, (20, 30))
    shader = generator("shader", file=written(tmp_path / "invert.sksl", INVERT, 1))
    assert shader.knobs["amount"].description == "how far it is inverted"
    assert shader.knobs["amount"].kind == "number"
    assert shader.knobs["tint"].kind == "thing"
    result = shader(NOW, over=image, amount=1.0, tint=(1, 1, 0))
    assert np.abs(result[..., 0].astype(int) - (255 - image[..., 0])).max() <= 1
    assert result[..., 2].max() == 0
    with pytest.raises(TypeError, match="has no knob 'speed'; its uniforms are amount, tint"):
        shader(NOW, over=image, speed=1.0)
    with pytest.raises(ValueError, match=r"uniform 'tint' of .* takes 3 numbers, got \(1, 2\)"):
        shader(NOW, over=image, tint=(1, 2))


def test_a_shader_of_shadertoy_runs(tmp_path):
    image = scene(1, (20, 30))
    shader = generator("shader", file=written(tmp_path / "toy.glsl", TOY, 1))
    result = shader(NOW, over=image, amount=1.0)
    assert np.abs(result.astype(int) - image).max() <= 1
    half = shader(Moment(beats=1.0, seconds=0.5), over=image * 0, amount=1.0)
    assert abs(int(half[0, 0, 2]) - 128) <= 1


def test_a_shader_is_read_again_when_it_is_saved(tmp_path, caplog):
    image, path = scene(1, (20, 30)), tmp_path / "mine.sksl"
    plain = "uniform shader image; half4 main(float2 at) { return image.eval(at); }"
    shader = generator("shader", file=written(path, plain, 1))
    assert np.array_equal(shader(NOW, over=image), image)
    with caplog.at_level(logging.WARNING, "capriccio"):
        written(path, plain.replace("at);", "at)\n;;\n bad"), 2)
        assert np.array_equal(shader(NOW, over=image), image)
        assert np.array_equal(shader(NOW, over=image), image)
    assert len(caplog.records) == 1
    assert "generator 'shader' does not compile: line " in caplog.text
    assert "the last one that compiled stays" in caplog.text
    written(path, INVERT, 3)
    assert np.abs(shader(NOW, over=image, amount=1.0, tint=(1, 1, 1)) + image - 255.0).max() <= 1
    path.unlink()  # as an editor does while it saves
    assert shader(NOW, over=image).shape == image.shape


def test_a_shader_that_cannot_run_is_told_with_its_line(tmp_path):
    with pytest.raises(ValueError, match="it does not compile: line 2: unknown identifier 'foo'"):
        compiled("half4 main(float2 at) {\n return foo; }", "it")
    with pytest.raises(ValueError, match="line 3: while loops are not supported"):
        compiled("half4 main(float2 at) {\n\n while (true) {} return half4(1); }", "it")
    with pytest.raises(ValueError, match="line 2: unknown identifier 'foo'"):
        compiled("void mainImage(out vec4 color, in vec2 at) {\n color = foo; }", "it")
    loops = "for (int i = 0; i < 1000; i++) { for (int j = 0; j < 999; j++) { x += 1.0; } }"
    with pytest.raises(ValueError, match="it loops 1,001,000 times for a pixel, at most 10,000"):
        compiled(f"half4 main(float2 at) {{ float x = 0; {loops} return half4(x); }}", "it")
    with pytest.raises(ValueError, match=r"cannot read 'gone\.sksl': No such file"):
        generator("shader", file="gone.sksl")
    (tmp_path / "bytes.sksl").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match="it is no text"):
        generator("shader", file=tmp_path / "bytes.sksl")


def test_a_uniform_is_a_parameter_of_a_show(tmp_path):
    invert = generator("shader", file=written(tmp_path / "invert.sksl", INVERT, 1))
    sketch = Sketch(fps=10, size=(16, 16))

    @sketch.draw
    def show(now):
        return invert(now, over=scene(1, (16, 16)))

    sketch.perform([Memory()], seconds=0.2)
    assert "/invert/amount" in sketch.current_stage.performance.parameters.by_address
