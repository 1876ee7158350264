"""What only the pages of one model need: scikit-learn, and what reads a stored model. Imported ahead of their first reader."""

from shotclock.reading.model import side_by_side, worsening, year
from shotclock.store.versions import portable

__all__ = ["portable", "side_by_side", "worsening", "year"]
