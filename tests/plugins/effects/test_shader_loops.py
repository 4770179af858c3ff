import pytest
from capriccio_effects.shader_loops import loop_steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("half4 main(float2 at) { return half4(1); }", 0),
        ("for (int i = 0; i < 9; i++) { x += 1; }", 10),
        ("for (int i = 0; i < 9; i++) x += 1; for (int j = 1; j < 5; j++) { y(); }", 15),
        ("for (int i = 0; i < 9; i++) { if (a) { for (int j = 0; j < 4; j++) x(); } }", 50),
        ("for (int i = 0; i < 9; i++) for (int j = 0; j < 4; j++) { x(); }", 50),
        ("const int N = 99; for (int i = 0; i < N; i++) { x(); }", 100),
        ("#define N 99.0\nfor (float i = 0.0; i < N; i += 3.0) { x(); }", 34),
        ("// for (int i = 0; i < 999; i++)\n/* for (int i = 0; i < 9; i++) {} */", 0),
        ("for (int i = 0; i < f(); i++) { x(); }", 100),
        ("for (int i = 0; i < 9; i++) { x();", 10),
    ],
)
def test_steps_of_loops_are_counted(text, steps):
    assert loop_steps(text) == steps
