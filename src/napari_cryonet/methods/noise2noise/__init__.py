"""Noise2Noise: denoise maps or tomograms of which two independent halves exist.

In: pairs of half maps, or of even and odd tomograms, as `Volume`. Out: a `Model`; applied to
the halves, the mean of both denoised as one `Volume`, in which every Fourier shell holds the
best mixture of the raw average and of what the network adds, measured across the halves.

References
----------
Lehtinen et al., *Noise2Noise: learning image restoration without clean data*, ICML 2018,
arXiv:1803.04189. Buchholz et al., *Cryo-CARE*, ISBI 2019, arXiv:1810.05420.
Pang, Zheng, Quan, Ji, *Recorrupted-to-Recorrupted*, CVPR 2021 (the mixing of the halves).
"""
