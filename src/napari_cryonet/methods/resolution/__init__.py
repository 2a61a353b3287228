"""Resolution network: the local resolution of a single map.

To learn from: rows of a map and its local resolution in Å (`Volume`), or of two half maps, of
which the local resolution is then measured; and, if wanted, a mask. In: one map, and perhaps a
mask. Out: a `Volume` of Å inside the mask.

The default network never sees voxels. A map is split into bands of spatial frequency in 1/Å; in
each the local power is compared with that of the solvent, on a lattice in Å. So neither the
voxel size nor a filter of the map changes what the network is given. The original network, a
large U-Net on raw voxels, can be trained as well.

References
----------
Ramírez-Aportela et al., *DeepRes*, IUCrJ 6 (2019), doi:10.1107/S2052252519011692 (local
resolution of one map by a network). Rosenthal, Henderson, J. Mol. Biol. 333 (2003),
doi:10.1016/j.jmb.2003.07.013 (signal-to-noise ratio and resolution). Çiçek et al., *3D U-Net*,
MICCAI 2016, arXiv:1606.06650.
"""
