"""What every train.py shares: seeds, a loop, measures, and an export that is checked and signed.

Torch lives here and in files named train.py, nowhere else. A network with its data and loss
stays in the plugin's own script, so that one file tells how an instrument was made.
"""

from .export import export
from .licence import licence_of
from .metrics import frechet, kernel_distance, nearest_distances, precision_recall, spread
from .trainer import Trainer, mixed_precision, seed_everything

__all__ = [
    "Trainer",
    "export",
    "frechet",
    "kernel_distance",
    "licence_of",
    "mixed_precision",
    "nearest_distances",
    "precision_recall",
    "seed_everything",
    "spread",
]
