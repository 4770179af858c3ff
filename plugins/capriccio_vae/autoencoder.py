"""Encode pictures of any size as latents, and decode them: the models with a factor of 8."""

from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Model, ModelError

FACTOR = 8  # pixels to a latent's side
BLUR = 2  # latents to either side that the coarse part is the mean of
MAX_SIDE = 2048  # pixels; a larger picture would take more than a second and a gigabyte


class Autoencoder:
    """The decoder at `path` and the encoder beside it.

    Latents are `(channels, height / 8, width / 8)` float32, with a deviation of about 1.
    """

    def __init__(self, path: Path):
        self.path = path
        self.decoder: Any = Model(path)
        self._encoder: Any = None
        self.channels = int(self.decoder.inputs["z"].shape[1] or 0)

    def encode(self, image: np.ndarray) -> np.ndarray:
        """Return the latents of an image, `(height, width, 3)` uint8.

        Sides that are no multiples of 8 are cropped on both ends.

        Raises:
            ModelError: there is no encoder beside the decoder.
            ValueError: a side is shorter than 16 pixels, or longer than 2,048.
        """
        if self._encoder is None:
            self._encoder = open_encoder(self.path)
        height, width = (side - side % FACTOR for side in image.shape[:2])
        if not 2 * FACTOR <= min(height, width) <= max(height, width) <= MAX_SIDE:
            raise ValueError(
                f"an image to encode must have sides of {2 * FACTOR} to {MAX_SIDE} pixels, "
                f"got {image.shape[1]} x {image.shape[0]}"
            )
        y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        middle = np.ascontiguousarray(image[y : y + height, x : x + width])
        latents: np.ndarray = self._encoder(picture=middle[None])[0]
        return latents

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Return the image of latents, `(8 rows, 8 columns, 3)` uint8."""
        image: np.ndarray = self.decoder(z=z[None])[0]
        return image

    def close(self) -> None:
        """Release both models."""
        self.decoder.close()
        if self._encoder is not None:
            self._encoder.close()


def statistics_of(z: np.ndarray) -> np.ndarray:
    """Return the mean of every channel, and the deviations of its coarse and its fine part.

    Args:
        z: latents, `(channels, rows, columns)`.

    Returns:
        `(3, channels)` float32.
    """
    coarse, fine = split_bands(z)
    return np.stack([z.mean((1, 2)), coarse.std((1, 2)), fine.std((1, 2))]).astype(np.float32)


def restyle(z: np.ndarray, statistics: np.ndarray, amount: float) -> np.ndarray:
    """Return latents with the statistics of another picture, as far as `amount` says, 0..1.

    What lies where stays: each channel is scaled and shifted, coarse and fine part apart.
    """
    _, *deviations = statistics_of(z)
    bands = split_bands(z)
    wanted = [np.maximum(one, 1e-3) for one in statistics[1:]]
    moved = statistics[0][:, None, None] + sum(
        band * (new / np.maximum(old, 1e-3))[:, None, None]
        for band, old, new in zip(bands, deviations, wanted, strict=True)
    )
    return ((1 - amount) * z + amount * moved).astype(np.float32)


def split_bands(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coarse and the fine part of latents, without their mean; they add up to it."""
    from numpy.lib.stride_tricks import sliding_window_view

    centred = z - z.mean((1, 2), keepdims=True)
    padded = np.pad(centred, ((0, 0), (BLUR, BLUR), (BLUR, BLUR)), mode="edge")
    windows = sliding_window_view(padded, (2 * BLUR + 1, 2 * BLUR + 1), axis=(1, 2))
    coarse = windows.mean((3, 4))
    return coarse, centred - coarse


def open_encoder(model: Path) -> Model:
    """Open the encoder beside a decoder.

    Raises:
        ModelError: there is none.
    """
    path = encoder_path(model)
    if not path.is_file():
        raise ModelError(f"model {str(model)!r} has no encoder {path.name!r} beside it")
    return Model(path)


def encoder_path(model: Path) -> Path:
    """Return the path of a decoder's encoder: `mine-encoder.onnx` beside `mine.onnx`."""
    return model.with_name(f"{model.stem}-encoder.onnx")
