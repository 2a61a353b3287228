"""Local resolution: the Fourier shell correlation of two half maps around every voxel.

In: two half maps as `Volume`, and optionally a mask. Out: a `Volume` of Å, at each voxel the
resolution at which the correlation around it falls below a threshold. Nothing is trained.

``fast`` filters both halves to one shell after the other and compares them in a window around
each voxel; ``precise`` cuts a window out and compares its shells. Filtering first keeps the
window from correlating the halves; windowing first is sharper where the resolution jumps.

References
----------
Cardone, Heymann, Steven, *One number does not fit all: mapping local variations in resolution
in cryo-EM reconstructions*, J. Struct. Biol. 184 (2013), doi:10.1016/j.jsb.2013.08.002 (windowed).
Penczek, *Reliable cryo-EM resolution estimation with modified Fourier shell correlation*, IUCrJ 7
(2020), doi:10.1107/S2052252520011574 (filtered before the window).
"""
