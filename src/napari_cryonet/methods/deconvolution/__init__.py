"""Deconvolution: undo the contrast transfer function of a volume by a Wiener filter.

In: one map or tomogram as `Volume`. Out: the same with its low frequencies restored and the
sign of its contrast corrected, where the noise allows it. Nothing is trained.

References
----------
Tegunov and Cramer, *Real-time cryo-electron microscopy data preprocessing with Warp*, Nat.
Methods 16 (2019), doi:10.1038/s41592-019-0580-y. Liu et al., *Isotropic reconstruction for
electron tomography with deep learning* (IsoNet), Nat. Commun. 13 (2022),
doi:10.1038/s41467-022-33957-8.
"""
