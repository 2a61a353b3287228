"""Point cloud: reconstruct a particle in three dimensions from images of single molecules.

In: images of one particle from unknown sides, as `ImageStack`. Out: a `Model` that holds the cloud,
its weights and the pose of each image; applied to further images, their poses. The structure's hand
cannot be told from projections: a cloud and its mirror image explain them equally well.

The search alternates between the best pose of each image, among a grid of all, and a cloud that
explains a few images in these poses; fresh images and a fresh grid at every step keep it from being
caught. Several starts have to agree on the poses. Then points and poses are refined together, while
the images become sharper.

A network can be taught the poses of a cloud that was found, so that those of further images are
told at once; or it takes the place of the search, and learns them together with the points.

References
----------
Blundell et al., *3D structure from 2D microscopy images using deep learning*, Front. Bioinform. 1
(2021), doi:10.3389/fbinf.2021.740342 (the problem, points that are drawn as Gaussians); Penczek,
Grassucci, Frank, Ultramicroscopy 53 (1994), doi:10.1016/0304-3991(94)90038-8 (projection matching).
"""
