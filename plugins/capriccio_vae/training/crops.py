"""Random crops of the pictures of several data sets, kept on a disk as they are stored."""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import open_image
from capriccio.training import disk_array, picture_files, read_labels
from torch import Tensor

LONGEST = 512  # pixels; larger pictures are scaled down as they are read
SMALLEST_SCALE = 0.5  # of a picture, so that masses are seen from afar as well


class Crops:
    """The pictures of folders or archives, by split, and random crops of them.

    The `split` of a `labels.csv` with `path` and `split` is followed; where there is none, every
    tenth picture is kept for validation. Test pictures are not read.
    """

    def __init__(self, folders: list[Path], limit: int | None = None):
        self.train: list[np.ndarray] = []
        self.val: list[np.ndarray] = []
        for folder in folders:
            self._read(folder, limit)
        # A picture is drawn as often as the root of its area, or large ones would seldom be seen.
        areas = np.array([float(np.prod(image.shape[:2])) for image in self.train])
        self._chance = np.sqrt(areas) / np.sqrt(areas).sum()

    def _read(self, folder: Path, limit: int | None) -> None:
        from PIL import Image

        labels = read_labels(folder)
        files = picture_files(folder)
        files = files[:: max(1, len(files) // limit)] if limit else files
        stored = disk_array((len(files), LONGEST, LONGEST, 3), np.uint8)
        for index, file in enumerate(files):
            part = labels.get(file.name, {"split": "val" if index % 10 == 9 else "train"})
            if part.get("split") == "test":
                continue
            try:
                with open_image(BytesIO(file.read())) as opened:
                    picture = opened.convert("RGB")
                picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            except ValueError:
                continue
            width, height = picture.size
            if min(width, height) >= 96:
                image = stored[index, :height, :width]
                image[:] = picture
                (self.val if part.get("split") == "val" else self.train).append(image)

    def batch(self, count: int, side: int, random: np.random.Generator) -> Tensor:
        """Return random crops, flipped and scaled at random, (count, 3, side, side) in 0..1."""
        crops = []
        for index in random.choice(len(self.train), count, p=self._chance):
            image = self.train[index]
            shortest = min(image.shape[:2])
            # Twice out of three at the size it has, for the sake of its finest detail.
            scale = 1.0 if random.random() < 0.67 else random.uniform(SMALLEST_SCALE, 1.0)
            window = min(shortest, round(side / scale))
            y = random.integers(image.shape[0] - window + 1)
            x = random.integers(image.shape[1] - window + 1)
            piece = image[y : y + window, x : x + window].copy()
            if random.random() < 0.5:
                piece = np.ascontiguousarray(piece[:, ::-1])
            crop = torch.from_numpy(piece).permute(2, 0, 1)[None].float() / 255  # (1, 3, …)
            if window != side:
                crop = F.interpolate(crop, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
            crops.append(crop)
        return torch.cat(crops)  # (count, 3, side, side)

    def validation(self, count: int, side: int) -> Tensor:
        """Return the middles of validation pictures, (count, 3, side, side) in 0..1."""
        fitting = [image for image in self.val if min(image.shape[:2]) >= side]
        chosen = [fitting[i * len(fitting) // count] for i in range(min(count, len(fitting)))]
        crops = []
        for image in chosen:
            y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
            crops.append(torch.from_numpy(image[y : y + side, x : x + side].copy()))
        return torch.stack(crops).permute(0, 3, 1, 2).float() / 255  # (count, 3, side, side)
