"""What the trainings of all plugins share: seeds, a training loop, metrics and the export.

Torch is imported here and in the `training` packages of plugins, nowhere else.
"""

from .export import export
from .licence import licence_of
from .metrics import (
    frechet,
    grid_energy,
    kernel_distance,
    nearest_distances,
    precision_recall,
    sharpness,
    spread,
)
from .trainer import Trainer, find_device, mixed_precision, seed_everything

__all__ = [
    "Trainer",
    "export",
    "find_device",
    "frechet",
    "grid_energy",
    "kernel_distance",
    "licence_of",
    "mixed_precision",
    "nearest_distances",
    "precision_recall",
    "seed_everything",
    "sharpness",
    "spread",
]
