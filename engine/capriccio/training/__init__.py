"""What every train.py shares: seeds, a loop, measures, and an export that is checked and signed.

Torch lives here and in files named train.py, nowhere else. A network with its data and loss
stays in the plugin's own script, so that one file tells how an instrument was made.
"""

from .export import export
from .measures import frechet, gaps, kernel_distance, precision_recall, spread
from .rights import rights
from .trainer import Trainer, mixed_precision, seed_everything

__all__ = [
    "Trainer",
    "export",
    "frechet",
    "gaps",
    "kernel_distance",
    "mixed_precision",
    "precision_recall",
    "rights",
    "seed_everything",
    "spread",
]
