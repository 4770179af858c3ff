"""A VAE is given waypoints that a flow has invented."""

import numpy as np
import pytest
from capriccio import Model, generator
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from capriccio.training import write_model  # noqa: E402
from capriccio_gan.training import waypoints as module  # noqa: E402
from capriccio_gan.training.flow import LatentFlow  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

WORDS = ["cubism", "art", "nouveau"]


@pytest.fixture
def flow(tmp_path):
    """A flow that has learned nothing: FILE.onnx, of which the card alone is read."""
    import onnx

    torch.manual_seed(0)
    tensors = LatentFlow(len(Vocabulary(WORDS))).state_dict()
    save_file({f"ema.{name}": t.clone() for name, t in tensors.items()},
              tmp_path / "flow.best.safetensors")  # fmt: skip
    vae = generator("vae", model="paintings")
    write_model(onnx.load(str(vae.model_path("paintings"))), tmp_path / "flow.onnx",
                {"vocabulary": WORDS})  # fmt: skip
    return tmp_path / "flow.onnx"


def test_styles_are_sampled_by_their_name_and_differ(flow):
    vocabulary = Vocabulary(WORDS)
    net = module.load_flow(flow.with_suffix(".best.safetensors"), vocabulary)
    torch.nn.init.normal_(net.guided.last.weight, std=0.1)
    one, other = (module.sample(net, vocabulary, style, 3) for style in ("cubism", "art-nouveau"))
    assert one.shape == (3, 576) and not np.allclose(one, other)
    assert np.array_equal(one, module.sample(net, vocabulary, "cubism", 3))


def test_styles_are_added_that_the_flow_knows_and_others_named(flow, tmp_path):
    paintings = generator("vae", model="paintings").model_path("paintings")
    out = tmp_path / "x.onnx"
    arguments = list(map(str, ["--flow", flow, "--vae", paintings, "--out", out, "--style"]))
    result = CliRunner().invoke(module.main, [*arguments, "fluxus"])
    assert result.exit_code == 1
    assert "Error: the flow does not know 'fluxus' of style 'fluxus'" in result.output
    result = CliRunner().invoke(module.main, [*arguments, "nouveau"])
    assert "watercolor keeps its waypoints: the flow does not know it" in result.output
    vae = generator("vae", model=str(out))
    assert vae.styles[-1] == "nouveau"
    assert vae.walk("nouveau")[0].shape == vae.walk("baroque")[0].shape


def test_a_wider_decoder_paints_its_styles_as_before(tmp_path):
    import onnx

    vae = generator("vae", model="paintings")
    path = vae.model_path("paintings")
    model, card = onnx.load(str(path)), Model(path).card
    count = len(vae.styles)
    module.widen_style(model.graph, count, count + 3)
    write_model(model, tmp_path / "wide.onnx", card)
    z = np.random.default_rng(0).standard_normal((1, vae.latent)).astype(np.float32)
    shares = np.eye(count + 3, dtype=np.float32)
    old, new = Model(path), Model(tmp_path / "wide.onnx")
    for known in (0, count - 1):
        assert (
            new(z=z, style=shares[None, known])[0] == old(z=z, style=shares[None, known, :count])[0]
        ).all()
    nothing = np.zeros((1, count), np.float32)
    assert (new(z=z, style=shares[None, count])[0] == old(z=z, style=nothing)[0]).all()
