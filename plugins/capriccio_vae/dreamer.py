"""The dreamer: walks through the latent space of a variational autoencoder and paints the way."""

from difflib import get_close_matches
from pathlib import Path

import numpy as np
from capriccio import Generator, ModelError

STATIONS = 8  # pictures on a walk; at 16 bars a round each has two bars to unfold
STEPS = 1024  # points of the walk that are worked out; pixels between two do not differ


class VAE(Generator):
    """Dream watercolours: one picture turns into the next along a walk that ends where it began.

    `drift` 0..1 goes once round the walk, which the seed chooses; 0 and 1 are the same picture,
    and in between the dream moves at an even pace. `bloom` 0..1 goes from the middle of all
    pictures, which never moves, over pictures as they were learned (0.6) to dreams bolder than
    any of them. `ripeness` goes from green to red and `swell` from small fruit to large; both
    leave the picture alone at 0.5. `kind` keeps the walk to one kind, such as "pears" ("" takes
    all of them in turn); a list of kinds stands in the model's card.

    Returns `(128, 128, 3)` uint8. A VAE after Kingma and Welling (arXiv 1312.6114), whose decoder
    was finished by a critic (arXiv 1512.09300); `capriccio train vae` learns another set.
    """

    name = "vae"
    models = {"watercolors": Path(__file__).with_name("watercolors.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "watercolors", seed: int = 0):
        self._path = self.model_path(model)
        self._model = None
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Choose another walk; the same seed walks the same way."""
        self._seed = seed
        self._walks: dict[str, np.ndarray] = {}

    def generate(self, now, *, drift=0.0, bloom=0.5, ripeness=0.5, swell=0.5, kind=""):
        """Paint the picture at `drift` of the walk."""
        if self._model is None:
            self._open()
        walk = self._walks.get(kind)
        if walk is None:
            walk = self._walks[kind] = self._mixed(self._walk(kind))
        place = drift * STEPS
        step = min(int(place), STEPS - 1)
        share, size = place - step, bloom / 0.6
        # Four standard deviations from end to end of a dial: what the set itself spans.
        mix = (size * (1 - share), size * share, 1.0, 4 * ripeness - 2, 4 * swell - 2)
        return self._model(z=np.array(mix, np.float32).dot(walk[step])[None])[0]

    def close(self) -> None:
        """Let the model go."""
        self._model = None

    def _open(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        try:
            latents = model.card["latents"]
            self._middle = np.array(latents["middle"], np.float64)
            self._ripeness = np.array(latents["ripeness"], np.float64)
            self._swell = np.array(latents["swell"], np.float64)
            self._kinds = {
                kind: np.array(points, np.float64) for kind, points in latents["kinds"].items()
            }
            sizes = {array.shape[-1] for array in (self._middle, *self._kinds.values())}
            fits = sizes == {model.inputs["z"].shape[1]} and len(model.outputs) == 1
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            fits = False
        if not fits:
            raise ModelError(
                f"model {str(self._path)!r} is not one of this painter's; "
                "make one with capriccio train vae --data FOLDER --out FILE.onnx"
            )
        self._model = model

    def _mixed(self, walk: np.ndarray) -> np.ndarray:
        """Lay out all that a picture is mixed from, `(STEPS, 5, latents)`.

        So a frame costs one product: each call of numpy takes as long, whatever it does.
        """
        dials = (np.broadcast_to(at, walk[1:].shape) for at in
                 (self._middle, self._ripeness, self._swell))  # fmt: skip
        return np.stack([walk[:-1], walk[1:], *dials], axis=1).astype(np.float32)

    def _walk(self, kind: str) -> np.ndarray:
        """Work out the closed walk, `(STEPS + 1, latents)` around the middle, at an even pace."""
        random = np.random.default_rng([abs(self._seed), self._seed < 0])
        stations = self._stations(kind, random) - self._middle  # (stations, latents)
        radii = np.linalg.norm(stations, axis=1)  # (stations,)
        # A periodic Catmull-Rom spline: through every station, smooth everywhere.
        fine = np.arange(4 * STEPS) / (4 * STEPS) * len(stations)
        index, t = fine.astype(int), (fine % 1)[:, None]
        a, b, c, d = (stations[(index + shift) % len(stations)] for shift in (-1, 0, 1, 2))
        curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        # Between two latents of many dimensions lies the emptiness near the middle, where the
        # pictures are grey: the walk keeps the stations' distance from it.
        fade = 0.5 - 0.5 * np.cos(np.pi * t[:, 0])
        wanted = radii[index] * (1 - fade) + radii[(index + 1) % len(stations)] * fade
        curve *= (wanted / np.maximum(np.linalg.norm(curve, axis=1), 1e-9))[:, None]
        curve = np.concatenate([curve, curve[:1]])
        lengths = np.linalg.norm(np.diff(curve, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(lengths)])
        if along[-1] < 1e-9:  # one station alone: the walk stands still
            return np.repeat(curve[:1], STEPS + 1, axis=0)
        even = np.linspace(0, along[-1], STEPS + 1)
        walk = np.stack([np.interp(even, along, column) for column in curve.T], axis=1)
        walk[-1] = walk[0]
        return walk

    def _stations(self, kind: str, random: np.random.Generator) -> np.ndarray:
        """Choose the pictures to pass, each near the one before: of one kind, or of all in turn."""
        if kind:
            if kind not in self._kinds:
                near = get_close_matches(kind, self._kinds, n=1)
                there = ", ".join(map(repr, sorted(self._kinds)))
                hint = f"did you mean {near[0]!r}?" if near else f"there are {there}"
                raise ValueError(f"{self} knows no kind {kind!r}; {hint}")
            points = random.permutation(self._kinds[kind])[:STATIONS]
        else:
            names = random.permutation(sorted(self._kinds))
            rounds = -(-STATIONS // len(names))
            chosen = [p for name in names for p in random.permutation(self._kinds[name])[:rounds]]
            points = np.array(chosen)[:STATIONS]
        order, left = [0], list(range(1, len(points)))
        while left:
            gaps = [np.linalg.norm(points[i] - points[order[-1]]) for i in left]
            order.append(left.pop(int(np.argmin(gaps))))
        return points[order]
