"""Whose pictures a model learned from."""

from pathlib import Path


def rights(data: Path) -> dict[str, str]:
    """Give licence and credit of a folder of pictures, for the card of a model trained on it.

    Those of the watercolours are known; of another folder it is what its LICENSE says.
    """
    if data.name == "watercolors-usda-pomological":
        return {
            "licence": "public domain (US government work)",
            "credit": "U.S. Department of Agriculture Pomological Watercolor Collection. Rare and "
            "Special Collections, National Agricultural Library, Beltsville, MD 20705",
            "source": "github.com/jwilber/USDA_Pomological_Watercolors, commit "
            "22f8f0b1f2354a9379afe72c9405b090b8b344fe",
        }
    said = next((data / n for n in ("LICENSE", "LICENSE.txt") if (data / n).is_file()), None)
    return {
        "licence": said.read_text(errors="replace")[:2000] if said else "not stated",
        "credit": "not stated",
    }
