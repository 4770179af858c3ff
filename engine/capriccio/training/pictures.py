"""How many pictures a network can learn from."""

from pathlib import Path

MIN_PICTURES, FEW_PICTURES = 10, 200


def check_picture_count(data: Path, count: int) -> None:
    """Refuse a `count` of readable pictures in the folder `data` below 10; warn below 200.

    Raises:
        ValueError: there are fewer than 10.
    """
    if count < MIN_PICTURES:
        raise ValueError(
            f"expected at least {MIN_PICTURES} readable pictures in {str(data)!r}, got {count}"
        )
    if count < FEW_PICTURES:
        print(
            f"{count} pictures are few: expect close copies and mixtures of them; what is new "
            f"comes from {FEW_PICTURES} pictures on",
            flush=True,
        )
