"""Self2Self: denoise a single volume, of which no halves exist.

In: one or many tomograms or maps as `Volume`. Out: a `Model`; applied to a volume, the
denoised volume and, if wanted, how far its voxels are uncertain. What a network is given and
what it has to predict are made from the volume itself, so that their noise is independent:

- `bernoulli`: voxels are left out and predicted from their neighbours, which works where the
  noise of neighbours is independent;
- `fourier`: Fourier coefficients are left out and predicted from the others;
- `noise`: noise of the same kind is added to the input and taken from the target.

References
----------
Quan, Chen, Pang, Ji, *Self2Self with dropout*, CVPR 2020, doi:10.1109/CVPR42600.2020.00196.
Pang, Zheng, Quan, Ji, *Recorrupted-to-Recorrupted*, CVPR 2021,
doi:10.1109/CVPR46437.2021.00208 (`noise`). Krull, Buchholz, Jug, *Noise2Void*, CVPR 2019.
"""
