"""Data whose truth is known: to try the methods out, and to test them.

`half_map_pair` makes the two half maps of a protein, `even_odd_tomogram` the even and odd
tomograms of vesicles and particles. The same seed always gives the same data, and all that
is made here says that it is simulated.
"""

from napari_cryonet.simulate.halfmaps import HalfMaps, half_map_pair
from napari_cryonet.simulate.tomogram import EvenOdd, even_odd_tomogram

__all__ = ["EvenOdd", "HalfMaps", "even_odd_tomogram", "half_map_pair"]
