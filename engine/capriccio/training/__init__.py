"""What the trainings of all plugins share: seeds, a training loop, metrics and the export.

Torch is imported here and in the `training` packages of plugins, nowhere else.
"""

from .data_sets import PictureFile, disk_array, label_tables, picture_files, read_labels
from .export import export, join_models, write_model
from .licence import check_picture_count, licence_of
from .metrics import (
    copy_error,
    frechet,
    grid_energy,
    kernel_distance,
    nearest_distances,
    precision_recall,
    sharpness,
    spread,
)
from .quantization import quantize_model
from .trainer import Trainer, cosine_schedule, find_device, mixed_precision, seed_everything

__all__ = [
    "PictureFile",
    "Trainer",
    "check_picture_count",
    "copy_error",
    "cosine_schedule",
    "disk_array",
    "export",
    "find_device",
    "frechet",
    "grid_energy",
    "join_models",
    "kernel_distance",
    "label_tables",
    "licence_of",
    "mixed_precision",
    "nearest_distances",
    "picture_files",
    "precision_recall",
    "quantize_model",
    "read_labels",
    "seed_everything",
    "sharpness",
    "spread",
    "write_model",
]
