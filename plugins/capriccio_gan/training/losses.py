"""The game of painter and judge: a conditional GAN for few pictures, and what else counts.

What is optimised. Goodfellow et al. (arXiv 1406.2661) let a judge D and a painter G play

    min_G max_D V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))],

that is, with D = sigmoid(v): the judge lowers softplus(-v(x)) + softplus(v(G(z))). Here it
judges a painted and a real picture of one caption c side by side and lowers

    softplus(v(G(z, c), c) - v(x, c)),                                     (relativistic pairing)

and the painter lowers the same with the two exchanged. It is the same game, log-sigmoid and all,
played on the difference of two votes in place of each: fooling the judge by half is not enough
when every painting has a real neighbour, so modes are not dropped (arXiv 1807.00734, and R3GAN,
arXiv 2501.05441, which proves that it converges where the judge's gradient is held to zero at
real *and* painted pictures). That penalty, gamma/2 (|grad v(x)|^2 + |grad v(G(z))|^2), is taken by
its finite difference in a random direction (as in arXiv 2501.08316): one more look in place of a
second derivative. Two terms make the words count: a real picture under a caption that is wrong
for it counts as painted (matching-aware, arXiv 1605.05396), and the painter also raises the
reader's odds that its picture fits the caption. Words could then stand in for chance: so two
paintings of one caption are held apart, as far as half of what lies between two real pictures
(mode seeking, arXiv 1903.05628, with an end). And since no vote on one picture tells what all of
them lack, paintings are seen together as well in the second act: in the features of the reader and
of two onlookers, mean and covariance of the paintings of late are to be those of the real pictures
(as in McGan, arXiv 1702.08398), and each painting is drawn to where the optimal transport between
the two takes it. Both sides see pictures through one differentiable augmentation (arXiv
2006.10738), since a few thousand pictures can be learned by heart.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..vocabulary import Vocabulary
from .captions import compose
from .dataset import Pictures
from .moments import Crowd, effort_of, likeness, moved
from .networks import LATENT, Judge, Painter
from .text_image import ONLOOKERS, Lesson, Reader, quick, truths
from .text_image import WIDTHS as SEEN

LEVELS = [width for eye in (SEEN, *ONLOOKERS) for width in eye[1:]]  # where crowds are seen
GAMMA = 0.02  # weight of the zero-centred penalties, for pixels of 0..1 and votes of patches
TREMOR = 0.03  # standard deviation of the finite difference's step
MATCH = 0.5  # weight of wrong captions in the judge's loss
GUIDE = 0.15  # weight of the reader's opinion in the painter's loss at first,
GUIDE_LATE = 0.05  # and where paintings are also seen together
APART = 1.0  # weight of what two paintings of one caption are too much alike
CARRY = 6.0  # weight of how far paintings together are from real pictures together, once
ALONE = 0.6  # this share of the training is over: fast steps would outrun what is known of them
UNSAID = 0.15  # share of pictures painted without a word, so that chance alone learns to vary them
OBJECTIVE = (
    "relativistic pairing softplus(v(made) - v(real)), zero-centred penalties on both (gamma "
    f"{GAMMA:g}), wrong captions {MATCH:g}, reader's guidance {GUIDE:g}, later {GUIDE_LATE:g}, "
    f"pairs of one caption held apart {APART:g}, moments of features {CARRY:g}"
)


def augmented(x, dice):
    """Shift, mirror, recolour and cut pictures, the same for the same `dice`; differentiable.

    `dice`, (batch, 8) in 0..1, so that a picture and its trembled double are treated alike.
    """
    size = x.shape[3]
    x = torch.where(dice[:, 0].view(-1, 1, 1, 1) < 0.5, x, x.flip(3))  # (batch, 3, size, size)
    light = 0.3 * (dice[:, 1].view(-1, 1, 1, 1) - 0.5)
    strength = 1 + 0.8 * (dice[:, 2].view(-1, 1, 1, 1) - 0.5)
    grey = x.mean(1, keepdim=True)  # (batch, 1, size, size)
    x = (x - grey) * strength + grey + light  # (batch, 3, size, size)
    # Shifted by up to an eighth, the paper's edge going on.
    most = size // 8
    places = torch.arange(size, device=x.device)
    ys, xs = (
        (places + ((2 * dice[:, at] - 1) * most).round().long()[:, None]).clamp(0, size - 1)
        for at in (3, 4)
    )  # (batch, size) each
    x = x.gather(2, ys[:, None, :, None].expand(-1, 3, -1, size))
    x = x.gather(3, xs[:, None, None, :].expand(-1, 3, size, -1))
    # A square of two fifths of the size is painted over.
    half = size // 5
    inside = [
        (places - (dice[:, at] * size).long()[:, None]).abs() < half for at in (5, 6)
    ]  # (batch, size) each
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]  # (batch, 1, size, size)
    return torch.where(hole & (dice[:, 7].view(-1, 1, 1, 1) < 0.5), 0.8, x)


class Studio(nn.Module):
    """All that plays the game, in one module, so that one checkpoint holds it."""

    def __init__(self, size: int):
        super().__init__()
        self.painter, self.judge = Painter(size), Judge(size, SEEN[1:])
        self.made = nn.ModuleList(map(Crowd, LEVELS))


class Game:
    """What judge and painter are each after, as one loss a step.

    `progress`, 0..1, is how much of the training is over, since its second act has one term more.
    """

    progress = 0.0

    def __init__(
        self,
        studio: Studio,
        lesson: Lesson,
        onlookers: list[Reader],
        learn: Pictures,
        vocabulary: Vocabulary,
        *,
        device: str,
        seed: int,
        count: int,
    ):
        self.studio, self.lesson, self.onlookers = studio, lesson, onlookers
        self.learn, self.vocabulary = learn, vocabulary
        self.device, self.seed, self.count = device, seed, count
        self.part = max(1, count // 4)  # pictures a side for the penalty, and pairs held apart
        self.table = torch.from_numpy(truths(learn, vocabulary))  # (pictures, words)
        self.squares = torch.from_numpy(learn.squares)  # (pictures, size, size, 3)
        if device == "cuda":
            self.squares = self.squares.to(device)
        with torch.no_grad():
            parts = self.squares.split(100)
            seen = [self._seen_together(_scaled(part.to(device))) for part in parts]
        self.crowds = [Crowd(width).to(device) for width in LEVELS]  # of real pictures
        for crowd, levels in zip(self.crowds, zip(*seen, strict=True), strict=True):
            crowd.meet(torch.cat(levels))

    def schedule(self, now: float) -> float:
        """Take note of how much is over, 0..1, and give the share of the learning rates for it."""
        self.progress = now
        # 2 % warm-up, then a cosine down to a twentieth, where it stays for the second act.
        act = min(1.0, now / max(ALONE, 1e-9))
        return min(1.0, 0.02 + 50 * now) * (0.525 + 0.475 * np.cos(np.pi * act))

    def loss(self, step: int):
        """Give the loss, (), of one step: its gradients are the judge's and the painter's own."""
        x, words, wrong = self._dealt(step)
        code = self.lesson.listener(words)  # (batch, 128)
        painted, alike = self._painted(x, code)
        # The judge sees copies cut off from the painter; what it says of them is carried back by
        # hand afterwards, so that one look serves both sides of the game.
        canvas = painted.detach().requires_grad_()  # (batch, 3, size, size)
        judged, painting, guided = self._judged(x, canvas, code, wrong)
        late = min(1.0, 20 * max(0.0, self.progress - ALONE))
        painting = painting + (GUIDE + late * (GUIDE_LATE - GUIDE)) * guided
        if late:
            effort = effort_of(self._seen_together(canvas), self.studio.made, self.crowds)
            painting = painting + CARRY * late * effort
        (pull,) = torch.autograd.grad(painting, canvas, retain_graph=True)
        carried = (painted * pull).sum()
        return judged + APART * alike + carried - carried.detach()

    def _dealt(self, step: int):
        """Give a step's pictures, their captions, and which of the neighbours' would be wrong.

        As (batch, 3, size, size), numbers of words, (batch, 24), and (batch,) of 0 and 1.
        """
        chance = np.random.default_rng([self.seed, step])
        chosen = chance.integers(len(self.learn), size=self.count)
        unsaid = chance.random(self.count) < UNSAID  # (batch,)
        captions = [
            "" if silent else compose(self.learn.facts[i], chance)
            for i, silent in zip(chosen, unsaid, strict=True)
        ]
        words = torch.tensor([self.vocabulary.read(caption)[0] for caption in captions])
        those = torch.from_numpy(chosen)
        wrong = ~self.table[those].gather(1, torch.roll(words, 1, 0)).all(1)  # (batch,)
        x = _scaled(self.squares[those.to(self.squares.device)].to(self.device))
        return x, words.to(self.device), wrong.float().to(self.device)

    def _painted(self, x, code):
        """Paint codes; give the paintings and how much two of one code lack of being apart."""
        painter, part = self.studio.painter, self.part
        with self._quick():
            z = torch.randn(len(code), LATENT, device=self.device)
            grain = torch.randn(len(code), painter.grains, device=self.device)
            painted = painter(z, code, grain)  # (batch, 3, size, size)
            again = painter(torch.randn_like(z[:part]), code[:part], grain[:part])
        return painted, likeness(painted[:part], again, x)

    def _judged(self, x, canvas, code, wrong):
        """Give the judge's loss, the painter's, and the reader's complaint, () each."""
        judge, lesson, count, part = self.studio.judge, self.lesson, self.count, self.part
        dice = torch.rand(2 * count, 8, device=self.device)
        shown = augmented(torch.cat([x, canvas]), dice)  # (2 batch, 3, size, size)
        trembling = torch.cat([shown[:part], shown[count : count + part]]).detach()
        trembled = trembling + TREMOR * torch.randn_like(trembling)  # (batch / 2, 3, size, size)
        shown = torch.cat([shown, trembled])  # (batch * 5 / 2, 3, size, size)
        codes = torch.cat([code, code, code[:part], code[:part]])  # (batch * 5 / 2, 128)
        with self._quick():
            seen, _, opinion = lesson.reader(shown)
            votes, gists = judge(shown, seen)
        said = votes + judge.fitting(gists, codes)  # (batch * 5 / 2, votes)
        real, made, shaken = said[:count], said[count : 2 * count], said[2 * count :]
        others = judge.fitting([gist[:count] for gist in gists], torch.roll(code, 1, 0))
        mismatched = votes[:count] + others  # (batch, votes)
        still = torch.cat([real[:part], made[:part]])  # (batch / 2, votes)
        penalty = ((still - shaken) / TREMOR).square().mean()
        judged = F.softplus(made - real).mean() + GAMMA / 2 * penalty
        whole = F.softplus(mismatched - real).mean(1)  # (batch,)
        judged = judged + MATCH * (whole * wrong).mean()
        # The reader's log odds that each painting fits its own caption.
        opinion = opinion[count : 2 * count].float()  # (batch, 128)
        odds = lesson.odds(opinion, code)  # (batch,)
        return judged, F.softplus(real.detach() - made).mean(), F.softplus(-odds).mean()

    def _seen_together(self, x):
        """Give the pooled features of all who look, (batch, width) a level."""
        with self._quick():
            x = moved(x)  # (batch, 3, size, size)
            seen = [one for each in (self.lesson.reader, *self.onlookers) for one in each(x)[0]]
        return [one.float().mean((2, 3)) for one in seen]  # (batch, width) each

    def _quick(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=quick(self.device))


def _scaled(squares):
    """Give squares of bytes, (pictures, size, size, 3), as (pictures, 3, size, size) in 0..1."""
    x = squares.permute(0, 3, 1, 2).float() / 255
    return x.contiguous(memory_format=torch.channels_last)
