"""A chorale network with random weights, and a piece."""

import pytest


@pytest.fixture(scope="module")
def network():
    torch = pytest.importorskip("torch")
    from capriccio_rnn.chorales.training import network as net

    torch.manual_seed(0)
    made = net.ChoraleNetwork().eval()
    with torch.no_grad():  # tables that begin at zero would hide mistakes
        for table in (made.lead, made.harmony, made.lean, made.draw):
            table.normal_(0, 0.3)
    return made.requires_grad_(False)


@pytest.fixture(scope="module")
def piece():
    """Forty steps in which voices hold, strike, leap, cross and fall silent."""
    torch = pytest.importorskip("torch")
    from capriccio_rnn.chorales.training import network as net

    torch.manual_seed(1)
    wander = torch.tensor([36, 29, 22, 14]) + torch.randint(-9, 10, (40, 4))
    for time in range(1, 40):
        wander[time] = torch.where(torch.rand(4) < 0.5, wander[time - 1], wander[time])
    wander[5:8, 2] = net.SILENT
    return wander
